//! Socket addresses of one family. A socket has one family, so a worker needs code for only one.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use nix::sys::socket::{ControlMessageOwned, SockaddrIn, SockaddrIn6, SockaddrLike};
use rustix::io;
use rustix::net::SocketAddrAny;
use rustix::net::addr::SocketAddrArg;

/// The address of a client, in the kernel's form.
pub trait Peer: SockaddrLike + Copy + PartialEq {
    /// The form that single queries use.
    type Address: Address;

    fn address(&self) -> SocketAddr;

    /// A number that is rarely equal for two different peers of a batch.
    fn digest(&self) -> u32;
}

/// An address of one family.
pub trait Address: SocketAddrArg + TryFrom<SocketAddrAny, Error = io::Errno> + Copy {
    fn address(self) -> SocketAddr;
}

impl Address for SocketAddrV4 {
    #[inline]
    fn address(self) -> SocketAddr {
        SocketAddr::V4(self)
    }
}

impl Address for SocketAddrV6 {
    #[inline]
    fn address(self) -> SocketAddr {
        SocketAddr::V6(self)
    }
}

impl Peer for SockaddrIn {
    type Address = SocketAddrV4;

    #[inline]
    fn address(&self) -> SocketAddr {
        SocketAddr::V4((*self).into())
    }

    #[inline]
    fn digest(&self) -> u32 {
        mix(self.ip().to_bits().into(), self.port())
    }
}

impl Peer for SockaddrIn6 {
    type Address = SocketAddrV6;

    #[inline]
    fn address(&self) -> SocketAddr {
        SocketAddr::V6((*self).into())
    }

    #[inline]
    fn digest(&self) -> u32 {
        let ip = self.ip().to_bits();
        mix((ip >> 64) as u64 ^ ip as u64, self.port())
    }
}

#[inline]
fn mix(ip: u64, port: u16) -> u32 {
    // The golden ratio: near addresses get distant digests.
    ((ip ^ u64::from(port) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// Whether the port is 0, which no client can have, or that of a service that answers every
/// datagram (echo, daytime, qotd, chargen, time): a forged query from there would start an endless
/// exchange.
#[inline]
pub fn is_looping(port: u16) -> bool {
    matches!(port, 0 | 7 | 13 | 17 | 19 | 37)
}

/// The local address that a query was sent to, when the socket is bound to all addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalAddress {
    V4(Ipv4Addr),
    /// With the interface, which a link-local address needs.
    V6(Ipv6Addr, u32),
}

impl LocalAddress {
    /// Finds the local address in the control data of a query.
    pub fn find(mut messages: impl Iterator<Item = ControlMessageOwned>) -> Option<LocalAddress> {
        messages.find_map(|message| match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                Some(LocalAddress::V4(u32::from_be(info.ipi_spec_dst.s_addr).into()))
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                Some(LocalAddress::V6(info.ipi6_addr.s6_addr.into(), info.ipi6_ifindex))
            }
            _ => None,
        })
    }

    /// The last octet of the address, by which replies are sorted.
    pub fn last_octet(&self) -> u8 {
        match self {
            LocalAddress::V4(ip) => ip.octets()[3],
            LocalAddress::V6(ip, _) => ip.octets()[15],
        }
    }
}
