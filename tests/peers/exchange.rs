//! Sends queries and collects replies: many in flight, each wait bounded.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::wire::{Query, Reply, Transport};

/// Queries in flight. A server's default receive buffer holds this many.
const WINDOW: usize = 64;
/// How long a reply may take; a query is asked this often before it counts as dropped.
const PATIENCE: Duration = Duration::from_millis(1500);
const TRIES: usize = 3;

/// What came back for one query: octets, or `None` for silence.
pub type Octets = Option<Vec<u8>>;

pub fn once(server: SocketAddr, query: &Query) -> Result<Reply, String> {
    let reply = raw(server, query.transport, &query.to_wire(0x7110)).ok_or("silence")?;
    Reply::parse(&reply)
}

/// One message of whatever octets, and the reply.
pub fn raw(server: SocketAddr, transport: Transport, message: &[u8]) -> Octets {
    match transport {
        Transport::Udp => {
            let socket = connect(server);
            let mut buffer = vec![0; 65535];
            socket.send(message).ok()?;
            let len = socket.recv(&mut buffer).ok()?;
            buffer.truncate(len);
            Some(buffer)
        }
        Transport::Tcp => {
            let mut stream = TcpStream::connect_timeout(&server, PATIENCE).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).ok()?;
            stream.write_all(&framed(message)).ok()?;
            read_framed(&mut stream)
        }
    }
}

/// The replies, in the order of the queries.
pub fn all(server: SocketAddr, queries: &[Query]) -> Vec<Octets> {
    let mut replies = vec![None; queries.len()];
    let of = |transport| move |index: &usize| queries[*index].transport == transport;
    let mut udp: Vec<usize> = (0..queries.len()).filter(of(Transport::Udp)).collect();
    for _ in 0..TRIES {
        over_udp(server, queries, &udp, &mut replies);
        udp.retain(|&index| replies[index].is_none());
    }
    let mut tcp: Vec<usize> = (0..queries.len()).filter(of(Transport::Tcp)).collect();
    for _ in 0..TRIES {
        over_tcp(server, queries, &tcp, &mut replies);
        tcp.retain(|&index| replies[index].is_none());
    }
    replies
}

fn over_udp(server: SocketAddr, queries: &[Query], asked: &[usize], replies: &mut [Octets]) {
    let socket = connect(server);
    let mut buffer = vec![0; 65535];
    for window in asked.chunks(WINDOW) {
        for (id, &index) in window.iter().enumerate() {
            socket.send(&queries[index].to_wire(id as u16)).expect("the server listens");
        }
        let mut missing = window.len();
        while missing > 0 {
            let Ok(len) = socket.recv(&mut buffer) else { break };
            // A reply that came too late for an earlier window is told apart by its question.
            let Some(&index) = window.get(id_of(&buffer[..len])) else { continue };
            if replies[index].is_none() && echoes(&queries[index], &buffer[..len]) {
                replies[index] = Some(buffer[..len].to_vec());
                missing -= 1;
            }
        }
    }
}

fn echoes(query: &Query, reply: &[u8]) -> bool {
    let question = query.question();
    reply.get(12..12 + question.len()).is_none_or(|echo| echo.eq_ignore_ascii_case(&question))
}

fn over_tcp(server: SocketAddr, queries: &[Query], asked: &[usize], replies: &mut [Octets]) {
    for window in asked.chunks(WINDOW) {
        let mut stream = TcpStream::connect(server).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        let mut bytes = Vec::new();
        for (id, &index) in window.iter().enumerate() {
            bytes.extend(framed(&queries[index].to_wire(id as u16)));
        }
        if stream.write_all(&bytes).is_err() {
            continue;
        }
        for _ in window {
            let Some(reply) = read_framed(&mut stream) else { break };
            if let Some(&index) = window.get(id_of(&reply)) {
                replies[index] = Some(reply);
            }
        }
    }
}

fn connect(server: SocketAddr) -> UdpSocket {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).expect("a port");
    socket.connect(server).expect("a route");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    socket
}

fn id_of(message: &[u8]) -> usize {
    match message {
        [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => usize::MAX,
    }
}

/// A message behind its length (RFC 1035 §4.2.2).
fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

fn read_framed(stream: &mut TcpStream) -> Octets {
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}
