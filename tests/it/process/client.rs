//! Those who ask: `dig`, a client of our own that checks each answer whole, and one for TCP frames.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::RData;

use crate::world::Ask;

/// No reply on loopback takes so long.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What `dig` prints.
pub fn dig(server: SocketAddr, args: &[&str]) -> String {
    let (at, port) = (format!("@{}", server.ip()), server.port().to_string());
    let mut command = Command::new("dig");
    command.args([at.as_str(), "-p", &port, "+tries=1", "+time=5"]).args(args);
    let output = command.output().unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("dig is missing: apt-get install bind9-dnsutils"),
        _ => panic!("dig: {error}"),
    });
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

/// The addresses of `dig +short`, in their order.
pub fn dig_addresses(server: SocketAddr, name: &str) -> Vec<IpAddr> {
    dig(server, &["+short", name, "A"]).lines().map(|line| line.parse().unwrap()).collect()
}

/// A reply's answer section, with everything that must hold of it already checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub addresses: BTreeSet<IpAddr>,
    pub ttl: u32,
    pub from: SocketAddr,
}

/// One UDP socket.
pub struct Client(UdpSocket);

impl Client {
    pub fn new(server: SocketAddr) -> Client {
        let local: IpAddr = match server.ip() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((local, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(socket)
    }

    /// Not connected, so that a reply from another address arrives, too.
    pub fn ask(&self, server: SocketAddr, name: &str) -> Answer {
        let query = Ask::new(name, "A").message();
        self.0.send_to(&query, server).unwrap();
        let mut room = [0; 1500];
        let (len, from) = self.0.recv_from(&mut room).expect("every query is answered");
        let (addresses, ttl) = judge(&room[..len]);
        Answer { addresses, ttl, from }
    }
}

pub fn ask(server: SocketAddr, name: &str) -> Answer {
    Client::new(server).ask(server, name)
}

/// Authoritative, whole, without a double, with one TTL.
fn judge(reply: &[u8]) -> (BTreeSet<IpAddr>, u32) {
    let message = Message::from_vec(reply).expect("a whole message");
    let meta = &message.metadata;
    assert!(meta.authoritative && !meta.truncation, "{message}");
    let address = |data: &RData| match data {
        RData::A(a) => IpAddr::V4(a.0),
        other => panic!("{other} among the addresses"),
    };
    let addresses: BTreeSet<IpAddr> =
        message.answers.iter().map(|record| address(&record.data)).collect();
    let ttls: BTreeSet<u32> = message.answers.iter().map(|record| record.ttl).collect();
    assert_eq!(addresses.len(), message.answers.len(), "{message}");
    assert_eq!(ttls.len(), 1, "one TTL: {message}");
    (addresses, ttls.first().copied().unwrap())
}

pub fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A query for the pool's name with its length before it.
pub fn frame(id: u16) -> Vec<u8> {
    let mut query = Ask::new("midominio.com", "A").message();
    query[..2].copy_from_slice(&id.to_be_bytes());
    [&(query.len() as u16).to_be_bytes(), query.as_slice()].concat()
}

/// The id of the next reply, which must be whole.
pub fn read_reply(stream: &mut TcpStream) -> std::io::Result<u16> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply)?;
    judge(&reply);
    Ok(u16::from_be_bytes([reply[0], reply[1]]))
}

pub fn exchange(stream: &mut TcpStream, id: u16) -> std::io::Result<u16> {
    stream.write_all(&frame(id))?;
    read_reply(stream)
}

/// Body of a page, whatever its status.
pub fn get(server: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    match reply.split_once("\r\n\r\n") {
        Some((_, body)) => Ok(body.to_owned()),
        None => Err(ErrorKind::InvalidData.into()),
    }
}
