//! Socket addresses of one family: a socket has one, so it is settled when the worker starts.

use std::net::IpAddr;

use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, SockaddrIn, SockaddrIn6, SockaddrLike,
};

/// Who asks, as the kernel says it.
pub trait Peer: SockaddrLike + Copy {
    fn address(&self) -> IpAddr;
    fn port(&self) -> u16;
}

impl Peer for SockaddrIn {
    #[inline]
    fn address(&self) -> IpAddr {
        IpAddr::V4(self.ip())
    }

    #[inline]
    fn port(&self) -> u16 {
        SockaddrIn::port(self)
    }
}

impl Peer for SockaddrIn6 {
    #[inline]
    fn address(&self) -> IpAddr {
        IpAddr::V6(self.ip())
    }

    #[inline]
    fn port(&self) -> u16 {
        SockaddrIn6::port(self)
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
