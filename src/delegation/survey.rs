//! Asks every address of every name server, with bounded waits.
//!
//! The client is written here because the rules need details that DNS libraries hide, such as the
//! source address of a reply.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::delegation::plan::{Addresses, Delegation};
use crate::delegation::reply::{self, AddressReplies, ReplyResult};
use crate::dns_client::exchange;
use crate::zone::name::Name;
use crate::zone::rtype::{A, AAAA, NS, SOA};

/// How long a server may take for a reply over UDP, and for a whole connection over TCP.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Datagrams that are sent for a question, as one may be lost.
const TRIES: usize = 2;
/// How long the system's resolver may take for the addresses of a name server that is outside the
/// zones of the configuration.
const RESOLVE: Duration = Duration::from_secs(5);
/// Addresses that are asked at the same time.
const AT_ONCE: usize = 16;
const PORT: u16 = 53;
const AXFR: u16 = 252;
/// A name that does not exist; only a recursive server answers for it (RFC 6761 §6.4).
const FOREIGN: &str = "recursion-test.invalid.";

/// Where to ask instead of an address: for tests, and for servers behind a forwarded port.
pub type Via = HashMap<IpAddr, SocketAddr>;

/// Gives the name servers outside the zones of the configuration the addresses that the system's
/// resolver finds.
pub fn resolve(delegation: &mut Delegation) {
    for server in &mut delegation.servers {
        if server.addresses == Addresses::Foreign {
            server.addresses = Addresses::Known(addresses_of(&server.name));
        }
    }
}

/// The addresses that the system's resolver finds for a name; empty when it finds none in time. A
/// call of the C library's resolver cannot be cancelled, so it has a thread, which is left behind.
fn addresses_of(name: &Name) -> Vec<IpAddr> {
    let (send, receive) = mpsc::sync_channel(1);
    let host = name.to_string();
    std::thread::spawn(move || {
        let found = (host.trim_end_matches('.'), PORT).to_socket_addrs();
        let mut addresses: Vec<IpAddr> = found.into_iter().flatten().map(|at| at.ip()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        // The receiver is gone when the addresses come too late.
        let _ = send.send(addresses);
    });
    receive.recv_timeout(RESOLVE).unwrap_or_default()
}

/// Asks about several zones, one after the other.
#[derive(Debug, Default)]
pub struct Survey {
    pub via: Via,
    /// Addresses that did not answer, with the reasons over UDP and over TCP. They are not asked
    /// about further zones.
    silent: HashMap<IpAddr, (String, String)>,
}

impl Survey {
    pub fn new(via: Via) -> Survey {
        Survey { via, silent: HashMap::new() }
    }

    /// Asks all addresses of all name servers of one zone.
    pub fn query(&mut self, delegation: &Delegation) -> Vec<AddressReplies> {
        let replies = query_all(delegation, self);
        for replies in &replies {
            if let (Err(udp), Err(tcp)) = (&replies.soa, &replies.tcp) {
                self.silent.insert(replies.address, (udp.clone(), tcp.clone()));
            }
        }
        replies
    }
}

fn query_all(delegation: &Delegation, survey: &Survey) -> Vec<AddressReplies> {
    let targets: Vec<(&Name, IpAddr)> =
        delegation.addresses().map(|(server, address)| (&server.name, address)).collect();
    let mut replies = vec![];
    for some in targets.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let start = |(name, address): &(&Name, IpAddr)| {
                let (name, address) = ((*name).clone(), *address);
                scope.spawn(move || query_address(delegation, name, address, survey))
            };
            let asking: Vec<_> = some.iter().map(start).collect();
            replies.extend(asking.into_iter().filter_map(|thread| thread.join().ok()));
        });
    }
    replies
}

fn query_address(
    delegation: &Delegation,
    server: Name,
    address: IpAddr,
    survey: &Survey,
) -> AddressReplies {
    let at = survey.via.get(&address).copied().unwrap_or((address, PORT).into());
    let apex = &delegation.apex;
    let plain = |name: &Name, rtype| exchange::question(name, rtype);
    let (soa, tcp) = match survey.silent.get(&address) {
        Some((udp, tcp)) => (Err(udp.clone()), Err(tcp.clone())),
        None => (udp(at, &plain(apex, SOA)), tcp(at, &plain(apex, SOA))),
    };
    // Further questions to a server that does not answer would only cost time.
    let ask = |query: Vec<u8>| match &soa {
        Ok(_) => udp(at, &query),
        Err(_) => Err("not asked: it does not answer over UDP".into()),
    };
    let glue = delegation.servers.iter().filter(|server| server.in_domain).map(|server| {
        let name = &server.name;
        (name.clone(), [A, AAAA].map(|rtype| ask(plain(name, rtype))))
    });
    let glue = glue.collect();
    let transfer = match &tcp {
        Ok(_) => self::tcp(at, &plain(apex, AXFR)),
        Err(_) => Err("not asked: it does not answer over TCP".into()),
    };
    AddressReplies {
        servers: ask(plain(apex, NS)),
        glue,
        edns1: ask(edns1(plain(apex, SOA))),
        foreign: ask(foreign()),
        soa,
        tcp,
        transfer,
        server,
        address,
    }
}

/// Sets EDNS version 1. The version is the fifth octet from the end of an OPT record without
/// options.
fn edns1(mut query: Vec<u8>) -> Vec<u8> {
    let at = query.len().saturating_sub(5);
    if let Some(version) = query.get_mut(at) {
        *version = 1;
    }
    query
}

/// A question with RD, which asks the server to resolve.
fn foreign() -> Vec<u8> {
    let name = Name::parse(FOREIGN).unwrap_or_else(|_| Name::root());
    let mut query = exchange::question(&name, A);
    if let Some(flags) = query.get_mut(2) {
        *flags |= 1;
    }
    query
}

fn udp(server: SocketAddr, query: &[u8]) -> ReplyResult {
    let (reply, from) = exchange_udp(server, query).map_err(|error| describe(&error))?;
    let mut reply = reply::read(&reply).ok_or("what it sends over UDP is no DNS message")?;
    reply.other_source = (from != server).then_some(from);
    Ok(reply)
}

fn tcp(server: SocketAddr, query: &[u8]) -> ReplyResult {
    let reply = exchange_tcp(server, query).map_err(|error| describe(&error))?;
    reply::read(&reply).ok_or_else(|| "what it sends over TCP is no DNS message".into())
}

/// The socket is not connected, so that a reply from another address arrives.
fn exchange_udp(server: SocketAddr, query: &[u8]) -> io::Result<(Vec<u8>, SocketAddr)> {
    let local: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((local, 0))?;
    let mut buffer = [0; u16::MAX as usize];
    for _ in 0..TRIES {
        socket.send_to(query, server)?;
        let end = Instant::now() + TIMEOUT;
        while let Some(left) = time_left(end) {
            socket.set_read_timeout(Some(left))?;
            match socket.recv_from(&mut buffer) {
                Ok((len, from)) => {
                    let reply = buffer.get(..len).unwrap_or_default();
                    if reply.get(..2) == query.get(..2) {
                        return Ok((reply.to_vec(), from));
                    }
                }
                Err(error) if is_timeout(&error) => break,
                Err(error) => return Err(error),
            }
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// The first message of the reply. One deadline covers the whole exchange, so that a server that
/// sends octet by octet cannot delay the check.
fn exchange_tcp(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let end = Instant::now() + TIMEOUT;
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_write_timeout(time_left(end).or(Some(TIMEOUT)))?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?.to_be_bytes();
    stream.write_all(&[&length, query].concat())?;
    let mut length = [0; 2];
    read_until(&mut stream, &mut length, end)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    read_until(&mut stream, &mut reply, end)?;
    Ok(reply)
}

fn read_until(stream: &mut TcpStream, mut buffer: &mut [u8], end: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = time_left(end).ok_or(io::ErrorKind::TimedOut)?;
        stream.set_read_timeout(Some(left))?;
        match stream.read(buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            len => buffer = buffer.get_mut(len..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// `None` when the deadline has passed.
fn time_left(end: Instant) -> Option<Duration> {
    end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        _ if is_timeout(error) => format!("no answer within {} seconds", TIMEOUT.as_secs()),
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            "the connection was closed without an answer".into()
        }
        _ => error.to_string(),
    }
}
