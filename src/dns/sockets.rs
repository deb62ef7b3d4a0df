//! Opens the sockets that receive queries.
//!
//! Each UDP worker has a socket of its own for each address (SO_REUSEPORT); the kernel spreads
//! clients over them. IPv6 sockets receive IPv6 only, so `0.0.0.0` and `::` can both be bound.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use nix::{setsockopt_impl, sockopt_impl};
use socket2::{Domain, Protocol, Socket, Type};

/// Octets of the receive buffer. It holds a burst of about 4000 small queries while their worker
/// sleeps, at 1 KiB of kernel memory each. With the system's default, 800 of 1000 queries that came
/// at once were lost.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Connections that the kernel completes before they are accepted.
const BACKLOG: i32 = 1024;
/// Attempts for port 0: the same port must be free for UDP and TCP.
const PORT_TRIES: usize = 16;

/// The sockets of one listen address.
#[derive(Debug)]
pub struct ListenSockets {
    /// The address, with the chosen port in place of port 0.
    pub address: SocketAddr,
    /// One for each worker.
    pub udp: Vec<UdpSocket>,
    pub tcp: TcpListener,
}

/// Why an address could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{transport} {address}: {}", hint(.source, .address, "listen"))]
pub struct BindFault {
    pub transport: &'static str,
    pub address: SocketAddr,
    pub source: io::Error,
}

/// What the operator can do about `error`. `key` is the key of the address in config.yaml.
pub fn hint(error: &io::Error, address: &SocketAddr, key: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program has this address; `ss -lunpt` shows which, or choose another port \
             under `{key}`"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "port {} is for privileged programs; give the binary CAP_NET_BIND_SERVICE, as the \
             systemd unit does, or choose a port above 1023",
            address.port()
        ),
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; `ip address` shows which it has".into()
        }
        _ => error.to_string(),
    }
}

/// Binds UDP and TCP of `address` for `workers` workers. Port 0 means any port free for both.
pub fn bind(address: SocketAddr, workers: usize) -> Result<ListenSockets, BindFault> {
    let tries = if address.port() == 0 { PORT_TRIES } else { 1 };
    let mut tried = 0;
    loop {
        tried += 1;
        match bind_once(address, workers) {
            Err(fault) if tried < tries && fault.source.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
}

fn bind_once(address: SocketAddr, workers: usize) -> Result<ListenSockets, BindFault> {
    let fault = |transport| move |source| BindFault { transport, address, source };
    let first = udp(address, workers > 1).map_err(fault("UDP"))?;
    let address = first.local_addr().map_err(fault("UDP"))?;
    let mut sockets = vec![first];
    for _ in 1..workers {
        sockets.push(udp(address, true).map_err(fault("UDP"))?);
    }
    Ok(ListenSockets { address, udp: sockets, tcp: tcp(address).map_err(fault("TCP"))? })
}

// No datagram of ours is fragmented, and no forged ICMP message can lower the path MTU (RFC 9715
// §3.1): DF is set, and ICMP messages about the path are ignored.
sockopt_impl!(PathMtu, SetOnly, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::c_int);
sockopt_impl!(PathMtu6, SetOnly, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::c_int);

fn udp(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Only among the workers of this process: a second server on the same address is an error.
    socket.set_reuse_port(shared)?;
    grow_receive_buffer(&socket)?;
    if address.is_ipv4() {
        setsockopt(&socket, PathMtu, &libc::IP_PMTUDISC_PROBE)?;
    } else {
        setsockopt(&socket, PathMtu6, &libc::IPV6_PMTUDISC_PROBE)?;
    }
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        }
        IpAddr::V6(ip) if ip.is_unspecified() => {
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
        _ => {}
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Enlarges the receive buffer, beyond the system's limit if the process has the privilege.
fn grow_receive_buffer(socket: &Socket) -> io::Result<()> {
    if setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_ok() {
        return Ok(());
    }
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    // The kernel reports twice what it grants.
    let granted = socket.recv_buffer_size()? / 2;
    if granted < RECEIVE_BUFFER {
        tracing::info!(
            "the UDP receive buffer is {granted} octets instead of {RECEIVE_BUFFER}: bursts may \
             lose queries; raise sysctl net.core.rmem_max"
        );
    }
    Ok(())
}

/// Binds a TCP socket for an encrypted transport.
pub fn bind_stream(address: SocketAddr, transport: &'static str) -> Result<TcpListener, BindFault> {
    tcp(address).map_err(|source| BindFault { transport, address, source })
}

/// Binds a UDP socket for QUIC, which is read by tokio and not by UDP workers.
pub fn bind_quic(address: SocketAddr) -> Result<UdpSocket, BindFault> {
    let open = || {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        grow_receive_buffer(&socket)?;
        socket.bind(&address.into())?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    open().map_err(|source| BindFault { transport: "QUIC", address, source })
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Whether each reply must name the address that it leaves from.
pub fn is_wildcard(address: SocketAddr) -> bool {
    address.ip().is_unspecified()
}
