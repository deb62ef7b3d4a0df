//! Builds a question, and asks a server for the reply.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::zone::name::Name;

/// How long a server may take for one reply.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Datagrams that are sent, as one may be lost.
const TRIES: usize = 2;
/// The UDP payload size that the question offers, in octets.
const EDNS_SIZE: u16 = 1232;

/// A query message with one question and EDNS.
pub fn question(name: &Name, rtype: u16) -> Vec<u8> {
    let [high, low] = fastrand::u16(..).to_be_bytes();
    let [size_high, size_low] = EDNS_SIZE.to_be_bytes();
    let mut message = vec![high, low, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend_from_slice(name.as_wire());
    message.extend_from_slice(&rtype.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message.extend_from_slice(&[0, 0, 41, size_high, size_low, 0, 0, 0, 0, 0, 0]);
    message
}

/// Asks over UDP, and over TCP if the reply is truncated.
pub fn ask(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let local: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(local)?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    let mut buffer = [0; u16::MAX as usize];
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for _ in 0..TRIES {
        socket.send(query)?;
        match socket.recv(&mut buffer) {
            Ok(len) if buffer[..len].get(..2) == query.get(..2) => {
                let truncated = buffer.get(2).is_some_and(|flags| flags & 2 != 0);
                return if truncated { ask_tcp(server, query) } else { Ok(buffer[..len].into()) };
            }
            Ok(_) => {}
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask_tcp(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(&[&(query.len() as u16).to_be_bytes(), query].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply)?;
    Ok(reply)
}
