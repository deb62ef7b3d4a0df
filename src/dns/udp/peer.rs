//! Socket addresses of one family: a socket has one, so it is settled when the worker starts.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, SockaddrIn, SockaddrIn6, SockaddrLike,
};
use rustix::io;
use rustix::net::SocketAddrAny;
use rustix::net::addr::SocketAddrArg;

/// Who asks, as the kernel says it.
pub trait Peer: SockaddrLike + Copy {
    /// The same, as single queries have it.
    type Address: Address;

    fn address(&self) -> SocketAddr;
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
}

impl Peer for SockaddrIn6 {
    type Address = SocketAddrV6;

    #[inline]
    fn address(&self) -> SocketAddr {
        SocketAddr::V6((*self).into())
    }
}

/// Services that answer anything with something (echo, daytime, qotd, chargen, time), and a port
/// that nobody can have: a forged query from there would start a conversation without end.
#[inline]
pub fn is_looping(port: u16) -> bool {
    matches!(port, 0 | 7 | 13 | 17 | 19 | 37)
}

/// The local address that a query was sent to, when the socket is bound to none.
#[derive(Clone, Copy)]
pub enum Local {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

impl Local {
    pub fn find(mut messages: impl Iterator<Item = ControlMessageOwned>) -> Option<Local> {
        messages.find_map(|message| match message {
            // The address to leave from; the route may choose the interface.
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                Some(Local::V4(libc::in_pktinfo { ipi_ifindex: 0, ..info }))
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => Some(Local::V6(info)),
            _ => None,
        })
    }

    pub fn control(&self) -> ControlMessage<'_> {
        match self {
            Local::V4(info) => ControlMessage::Ipv4PacketInfo(info),
            Local::V6(info) => ControlMessage::Ipv6PacketInfo(info),
        }
    }
}

impl PartialEq for Local {
    fn eq(&self, other: &Local) -> bool {
        match (self, other) {
            (Local::V4(a), Local::V4(b)) => a.ipi_spec_dst.s_addr == b.ipi_spec_dst.s_addr,
            (Local::V6(a), Local::V6(b)) => {
                a.ipi6_addr.s6_addr == b.ipi6_addr.s6_addr && a.ipi6_ifindex == b.ipi6_ifindex
            }
            _ => false,
        }
    }
}
