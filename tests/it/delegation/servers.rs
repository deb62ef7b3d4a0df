//! Name servers to ask: the program itself, and servers that spoil the right reply.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;
use tiovivo::dns::exchange::Transport;

use super::{CONFIG, PROGRAM, ZONE, folder};
use crate::world::World;

/// A process that ends with the test.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Server {
    pub fn start(listen: &str) -> Server {
        let folder = folder(&CONFIG.replace("127.0.0.1:0", listen), ZONE);
        let mut command = Command::new(PROGRAM);
        command.current_dir(folder.path()).args(["serve"]).env("TIOVIVO_LOG", "info");
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, behind) = line.split_once("answering on ")?;
            behind.split(',').next()?.parse().ok()
        });
        // The log goes on: without a reader the process would be ended by it.
        thread::spawn(move || lines.for_each(drop));
        Server { process, address: address.expect("it says where it answers"), _folder: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a server that is not well makes of a query and of the right reply to it.
pub type Spoil = fn(&[u8], Vec<u8>) -> Vec<u8>;

/// A server that has the zone and spoils what it says. Its threads end with the test program.
pub fn spoiled(zone: &str, spoil: Spoil) -> SocketAddr {
    let (udp, tcp, address) = sockets(|address| TcpListener::bind(address).ok());
    let config = [("config.yaml", CONFIG), ("midominio.com.zone", zone)];
    let world = Arc::new(Mutex::new(World::load(&config)));
    let answer = move |query: &[u8], from: SocketAddr, transport| {
        let reply = world.lock().unwrap().send(query, from.ip(), transport)?;
        Some(spoil(query, reply))
    };
    let over_udp = answer.clone();
    thread::spawn(move || serve_udp(&udp, over_udp));
    thread::spawn(move || {
        for stream in tcp.incoming() {
            let (mut stream, mut length) = (stream.unwrap(), [0; 2]);
            stream.read_exact(&mut length).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query).unwrap();
            let from = stream.peer_addr().unwrap();
            if let Some(reply) = answer(&query, from, Transport::Stream) {
                let length = (reply.len() as u16).to_be_bytes();
                stream.write_all(&[&length, &reply[..]].concat()).unwrap();
            }
        }
    });
    address
}

/// A UDP socket and something of the same port.
pub fn sockets<T>(other: impl Fn(SocketAddr) -> Option<T>) -> (UdpSocket, T, SocketAddr) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = udp.local_addr().unwrap();
        if let Some(other) = other(address) {
            return (udp, other, address);
        }
    }
}

pub fn serve_udp(
    socket: &UdpSocket,
    answer: impl Fn(&[u8], SocketAddr, Transport) -> Option<Vec<u8>>,
) {
    let mut room = [0; 4096];
    loop {
        let (len, from) = socket.recv_from(&mut room).unwrap();
        if let Some(reply) = answer(&room[..len], from, Transport::Datagram) {
            socket.send_to(&reply, from).unwrap();
        }
    }
}

pub fn well() -> SocketAddr {
    spoiled(ZONE, |_, reply| reply)
}

/// The type asked for, behind the name.
pub fn qtype(query: &[u8]) -> u16 {
    let mut at = 12;
    while query[at] != 0 {
        at += 1 + usize::from(query[at]);
    }
    u16::from_be_bytes([query[at + 1], query[at + 2]])
}

pub fn is_foreign(query: &[u8]) -> bool {
    query.windows(9).any(|window| window == b"\x07invalid\0")
}

/// The question with these flags and one record for its name.
pub fn made_up(query: &[u8], flags: [u8; 2], rtype: u16, rdata: &[u8]) -> Vec<u8> {
    let end = query.len() - 11;
    let mut reply = query[..end].to_vec();
    reply[2..4].copy_from_slice(&flags);
    reply[6..12].copy_from_slice(&[0, 1, 0, 0, 0, 1]);
    reply.extend_from_slice(&[0xc0, 12]);
    reply.extend_from_slice(&rtype.to_be_bytes());
    reply.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
    reply.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
    reply.extend_from_slice(rdata);
    reply.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    reply
}
