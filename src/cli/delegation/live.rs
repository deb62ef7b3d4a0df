//! Asks the name servers: a small client with bounds, which keeps what others tidy away, such as
//! the address that an answer came from.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::cli::delegation::plan::{Addresses, Delegation};
use crate::cli::delegation::said::{self, Answer, Seen};
use crate::cli::query;
use crate::zone::name::Name;
use crate::zone::rtype::{A, AAAA, NS, SOA};

/// A server has so long for an answer over UDP, and for a connection with all that it says.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A datagram may be lost.
const TRIES: usize = 2;
/// The system's resolver has so long for the addresses of a name server outside our zones.
const RESOLVE: Duration = Duration::from_secs(5);
/// Addresses that are asked at once.
const AT_ONCE: usize = 16;
const PORT: u16 = 53;
const AXFR: u16 = 252;
/// Nobody has it, and only a recursive server says so (RFC 6761 §6.4).
const FOREIGN: &str = "recursion-test.invalid.";

/// Where to ask instead of an address: tests, and servers behind a forwarded port.
pub type Via = HashMap<IpAddr, SocketAddr>;

/// Gives the name servers outside our zones the addresses that the system's resolver finds.
pub fn resolve(delegation: &mut Delegation) {
    for server in &mut delegation.servers {
        if server.addresses == Addresses::Foreign {
            server.addresses = Addresses::Known(addresses_of(&server.name));
        }
    }
}

/// Empty when there are none, or none in time. The resolver of the C library cannot be given up,
/// so it has a thread, which is left behind.
fn addresses_of(name: &Name) -> Vec<IpAddr> {
    let (send, receive) = mpsc::sync_channel(1);
    let host = name.to_string();
    std::thread::spawn(move || {
        let found = (host.trim_end_matches('.'), PORT).to_socket_addrs();
        let mut addresses: Vec<IpAddr> = found.into_iter().flatten().map(|at| at.ip()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        // Nobody listens any more when it came too late.
        let _ = send.send(addresses);
    });
    receive.recv_timeout(RESOLVE).unwrap_or_default()
}

/// Asks for one zone after the other.
#[derive(Debug, Default)]
pub struct Asker {
    pub via: Via,
    /// Addresses that answered nothing, and what was told of UDP and TCP: the next zone does not
    /// wait for them again.
    silent: HashMap<IpAddr, (String, String)>,
}

impl Asker {
    pub fn new(via: Via) -> Asker {
        Asker { via, silent: HashMap::new() }
    }

    /// Every address of every name server, asked side by side.
    pub fn look(&mut self, delegation: &Delegation) -> Vec<Seen> {
        let seen = look(delegation, self);
        for seen in &seen {
            if let (Err(udp), Err(tcp)) = (&seen.soa, &seen.tcp) {
                self.silent.insert(seen.address, (udp.clone(), tcp.clone()));
            }
        }
        seen
    }
}

fn look(delegation: &Delegation, asker: &Asker) -> Vec<Seen> {
    let targets: Vec<(&Name, IpAddr)> =
        delegation.addresses().map(|(server, address)| (&server.name, address)).collect();
    let mut seen = vec![];
    for some in targets.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let start = |(name, address): &(&Name, IpAddr)| {
                let (name, address) = ((*name).clone(), *address);
                scope.spawn(move || see(delegation, name, address, asker))
            };
            let asking: Vec<_> = some.iter().map(start).collect();
            seen.extend(asking.into_iter().filter_map(|thread| thread.join().ok()));
        });
    }
    seen
}

fn see(delegation: &Delegation, server: Name, address: IpAddr, asker: &Asker) -> Seen {
    let at = asker.via.get(&address).copied().unwrap_or((address, PORT).into());
    let apex = &delegation.apex;
    let plain = |name: &Name, rtype| query::message(name, rtype);
    let (soa, tcp) = match asker.silent.get(&address) {
        Some((udp, tcp)) => (Err(udp.clone()), Err(tcp.clone())),
        None => (udp(at, &plain(apex, SOA)), tcp(at, &plain(apex, SOA))),
    };
    // A server that does not answer is not waited for again and again.
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
    Seen {
        servers: ask(plain(apex, NS)),
        glue,
        version1: ask(version1(plain(apex, SOA))),
        foreign: ask(foreign()),
        soa,
        tcp,
        transfer,
        server,
        address,
    }
}

/// The version stands five octets before the end of an OPT record without options.
fn version1(mut query: Vec<u8>) -> Vec<u8> {
    let at = query.len().saturating_sub(5);
    if let Some(version) = query.get_mut(at) {
        *version = 1;
    }
    query
}

/// With RD, which invites a server to resolve.
fn foreign() -> Vec<u8> {
    let name = Name::parse(FOREIGN).unwrap_or_else(|_| Name::root());
    let mut query = query::message(&name, A);
    if let Some(flags) = query.get_mut(2) {
        *flags |= 1;
    }
    query
}

fn udp(server: SocketAddr, query: &[u8]) -> Answer {
    let (reply, from) = exchange_udp(server, query).map_err(|error| words(&error))?;
    let mut said = said::read(&reply).ok_or("what it sends over UDP is no DNS message")?;
    said.elsewhere = (from != server).then_some(from);
    Ok(said)
}

fn tcp(server: SocketAddr, query: &[u8]) -> Answer {
    let reply = exchange_tcp(server, query).map_err(|error| words(&error))?;
    said::read(&reply).ok_or_else(|| "what it sends over TCP is no DNS message".into())
}

/// Not connected, so that an answer from another address is seen instead of lost.
fn exchange_udp(server: SocketAddr, query: &[u8]) -> io::Result<(Vec<u8>, SocketAddr)> {
    let local: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((local, 0))?;
    let mut room = [0; u16::MAX as usize];
    for _ in 0..TRIES {
        socket.send_to(query, server)?;
        let end = Instant::now() + TIMEOUT;
        while let Some(left) = left(end) {
            socket.set_read_timeout(Some(left))?;
            match socket.recv_from(&mut room) {
                Ok((len, from)) => {
                    let reply = room.get(..len).unwrap_or_default();
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

/// The first message of the reply. The time is one for everything, so that a server that sends
/// octet by octet cannot hold us.
fn exchange_tcp(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let end = Instant::now() + TIMEOUT;
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_write_timeout(left(end).or(Some(TIMEOUT)))?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?.to_be_bytes();
    stream.write_all(&[&length, query].concat())?;
    let mut length = [0; 2];
    read_until(&mut stream, &mut length, end)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    read_until(&mut stream, &mut reply, end)?;
    Ok(reply)
}

fn read_until(stream: &mut TcpStream, mut room: &mut [u8], end: Instant) -> io::Result<()> {
    while !room.is_empty() {
        let left = left(end).ok_or(io::ErrorKind::TimedOut)?;
        stream.set_read_timeout(Some(left))?;
        match stream.read(room)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            len => room = room.get_mut(len..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// `None` when the time is up.
fn left(end: Instant) -> Option<Duration> {
    end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        _ if is_timeout(error) => format!("no answer within {} seconds", TIMEOUT.as_secs()),
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            "the connection was closed without an answer".into()
        }
        _ => error.to_string(),
    }
}
