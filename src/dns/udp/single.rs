//! One query by two plain system calls.

use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recvfrom, sendto};

use crate::counters::{Block, bump};
use crate::dns::udp::peer::Peer;

/// Waits for a query. `None` when the wait was in vain.
#[inline]
pub fn receive<P: Peer>(fd: RawFd, room: &mut [u8]) -> Result<Option<(usize, P)>, Errno> {
    match recvfrom::<P>(fd, room) {
        Ok((len, peer)) => Ok(peer.map(|peer| (len, peer))),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the kernel refuses is counted: the client asks again.
#[inline]
pub fn send<P: Peer>(fd: RawFd, reply: &[u8], peer: &P, block: &Block) {
    while let Err(error) = sendto(fd, reply, peer, MsgFlags::empty()) {
        if error != Errno::EINTR {
            return bump(&block.send_errors);
        }
    }
}
