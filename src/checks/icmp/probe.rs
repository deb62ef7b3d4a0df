//! Up when an ICMP echo request is answered (RFC 792, RFC 4443 §4).
//!
//! The socket is Linux's unprivileged one: a datagram socket of protocol ICMP, which any process
//! may open whose group lies in `net.ipv4.ping_group_range` (for both families). The kernel writes
//! identifier and checksum and hands over the replies to this socket only. A reply must also have
//! this probe's own random octets, so that no late one is taken for it.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::os::fd::OwnedFd;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::checks::icmp::checked::IcmpProbe;
use crate::checks::probe::ProbeKind;
use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::{Ask, Subject};
use crate::health::probe::failure::Failure;
use crate::health::probe::simulated::SimulatedAnswers;

pub const ECHO: ProbeAnswer = ProbeAnswer::Text("ping answered");
/// Type, code, checksum, identifier, sequence number.
const HEADER: usize = 8;
const NONCE: usize = 16;
/// Most octets of data.
const MAX_SIZE: usize = 1400;

#[derive(Debug)]
pub struct IcmpProber {
    pub address: IpAddr,
    /// Octets of data: the random ones, then zeros.
    pub size: usize,
}

impl Ask for IcmpProber {
    async fn ask(&self) -> Result<ProbeAnswer, Failure> {
        let socket = open(self.address).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Failure::NoPing,
            _ => Failure::from(&error),
        })?;
        let nonce: [u8; NONCE] = std::array::from_fn(|_| fastrand::u8(..));
        let (request_type, reply_type) = types(self.address);
        let length = HEADER + self.size.clamp(NONCE, MAX_SIZE);
        socket.send(&request(request_type, nonce)[..length]).await?;
        let mut reply = [0; HEADER + MAX_SIZE];
        loop {
            let received = socket.recv(&mut reply).await?;
            if received == length && is_reply(&reply, reply_type, nonce) {
                return Ok(ECHO);
            }
        }
    }
}

impl ProbeKind for IcmpProbe {
    type Prober = IcmpProber;

    fn prober(&self, subject: &Subject) -> Option<IcmpProber> {
        Some(IcmpProber { address: subject.address, size: self.size })
    }

    fn describe(&self, address: IpAddr) -> String {
        format!("ping of {address}")
    }

    fn simulated_answers(&self) -> SimulatedAnswers {
        SimulatedAnswers { well: ECHO, hung: Some(ECHO), failing: Ok(ECHO), closed: Ok(ECHO) }
    }
}

fn open(address: IpAddr) -> io::Result<UdpSocket> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
    socket.set_nonblocking(true)?;
    socket.connect(&SocketAddr::new(address, 0).into())?;
    // To send and to receive a datagram is the same for every protocol.
    UdpSocket::from_std(StdSocket::from(OwnedFd::from(socket)))
}

/// The ICMP types of a request and of its reply.
fn types(address: IpAddr) -> (u8, u8) {
    match address {
        IpAddr::V4(_) => (8, 0),
        IpAddr::V6(_) => (128, 129),
    }
}

/// A request with the most data; the caller sends the beginning.
fn request(kind: u8, nonce: [u8; NONCE]) -> [u8; HEADER + MAX_SIZE] {
    let mut request = [0; HEADER + MAX_SIZE];
    request[0] = kind;
    // Sequence number 1.
    request[7] = 1;
    request[HEADER..HEADER + NONCE].copy_from_slice(&nonce);
    request
}

fn is_reply(message: &[u8], kind: u8, nonce: [u8; NONCE]) -> bool {
    message.starts_with(&[kind, 0]) && message.get(HEADER..HEADER + NONCE) == Some(&nonce[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_reply_to_this_probe_counts() {
        let nonce = [7; NONCE];
        for address in ["192.0.2.1", "2001:db8::1"] {
            let (asks, answers) = types(address.parse().unwrap());
            let echo = request(answers, nonce);
            assert!(is_reply(&echo, answers, nonce));
            assert!(!is_reply(&request(asks, nonce), answers, nonce), "our own request");
            assert!(!is_reply(&echo, answers, [8; NONCE]), "another probe's reply");
            assert!(!is_reply(&echo[..HEADER], answers, nonce), "a reply without data");
            assert!(!is_reply(&[], answers, nonce));
        }
    }
}
