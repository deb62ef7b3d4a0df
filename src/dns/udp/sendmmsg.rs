//! Calls `sendmmsg(2)` with separate control data for each message. In the call of `nix`, all
//! messages share one set.

use std::io::{self, IoSlice};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::SockaddrLike;

use crate::dns::udp::peer::LocalAddress;

/// Datagrams to one peer.
#[derive(Clone, Copy)]
pub struct Message<'m, P> {
    /// All have the same length, but the last may be shorter.
    pub datagrams: &'m [IoSlice<'m>],
    pub peer: P,
    /// The address to send from. `None` when the socket is bound to one address.
    pub local: Option<LocalAddress>,
}

/// Sends the first messages, at most `N`, and returns their number. An error is that of the first
/// message.
#[expect(unsafe_code, reason = "no crate has the call with control data of each message")]
pub fn sendmmsg<P: SockaddrLike, const N: usize>(
    socket: &UdpSocket,
    messages: &[Message<'_, P>],
) -> io::Result<usize> {
    let messages = &messages[..messages.len().min(N)];
    let mut controls = [const { Control::none() }; N];
    // SAFETY: numbers and pointers, all of which may be zero.
    let mut headers: [libc::mmsghdr; N] = unsafe { std::mem::zeroed() };
    for ((message, control), header) in messages.iter().zip(&mut controls).zip(&mut headers) {
        control.fill(message);
        let header = &mut header.msg_hdr;
        header.msg_name = message.peer.as_ptr().cast_mut().cast();
        header.msg_namelen = message.peer.len();
        header.msg_iov = message.datagrams.as_ptr().cast_mut().cast();
        header.msg_iovlen = message.datagrams.len() as _;
        header.msg_control = control.room.as_mut_ptr().cast();
        header.msg_controllen = control.len as _;
    }
    let (fd, count) = (socket.as_raw_fd(), messages.len() as libc::c_uint);
    // SAFETY: `count` headers point to the address, the datagrams (`IoSlice` is an `iovec`) and the
    // control data of a message, which all outlive the call. The kernel only reads them.
    let sent = unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), count, 0) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// The control data of a message: a list of length, level, type and data (cmsg(3)).
#[repr(align(8))]
struct Control {
    room: [u8; 64],
    len: usize,
}

impl Control {
    const fn none() -> Control {
        Control { room: [0; 64], len: 0 }
    }

    fn fill<P>(&mut self, message: &Message<'_, P>) {
        match message.local {
            Some(LocalAddress::V4(ip)) => {
                // `in_pktinfo`: any interface, the address to send from, nothing.
                let mut info = [0; 12];
                info[4..8].copy_from_slice(&ip.octets());
                self.push(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
            }
            Some(LocalAddress::V6(ip, interface)) => {
                let mut info = [0; 20];
                info[..16].copy_from_slice(&ip.octets());
                info[16..].copy_from_slice(&interface.to_ne_bytes());
                self.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
            }
            None => {}
        }
        if let [first, _, ..] = message.datagrams {
            let len = first.len() as u16;
            self.push(libc::SOL_UDP, libc::UDP_SEGMENT, &len.to_ne_bytes());
        }
    }

    fn push(&mut self, level: libc::c_int, kind: libc::c_int, data: &[u8]) {
        let len = size_of::<usize>() + 2 * size_of::<libc::c_int>() + data.len();
        for part in [&len.to_ne_bytes(), &level.to_ne_bytes()[..], &kind.to_ne_bytes(), data] {
            self.room[self.len..][..part.len()].copy_from_slice(part);
            self.len += part.len();
        }
        self.len = self.len.next_multiple_of(size_of::<usize>());
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    /// The same layout as by the C library's macros, which `nix` uses.
    #[test]
    fn control_data_is_a_list_of_aligned_entries() {
        let of = |local, datagrams: &[IoSlice<'_>]| {
            let mut control = Control::none();
            control.fill(&Message { datagrams, peer: (), local });
            control.len
        };
        let (one, two) = ([IoSlice::new(b"a")], [IoSlice::new(b"a"), IoSlice::new(b"b")]);
        let v4 = Some(LocalAddress::V4(Ipv4Addr::LOCALHOST));
        let v6 = Some(LocalAddress::V6(Ipv6Addr::LOCALHOST, 1));
        assert_eq!(of(None, &one), 0);
        assert_eq!(of(None, &two), nix::cmsg_space!(u16).capacity());
        assert_eq!(of(v4, &one), nix::cmsg_space!(libc::in_pktinfo).capacity());
        assert_eq!(of(v6, &one), nix::cmsg_space!(libc::in6_pktinfo).capacity());
        assert_eq!(of(v6, &two), nix::cmsg_space!(libc::in6_pktinfo, u16).capacity());
    }
}
