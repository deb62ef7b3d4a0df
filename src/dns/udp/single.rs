//! Receives one query and sends its reply, by two plain system calls.
//!
//! The calls bypass the C library, whose calls are cancellation points: in a program with threads
//! each costs about 45 instructions more, a tenth of an answer.

use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};

use crate::counters::{Block, bump};
use crate::dns::udp::peer::Address;

/// Waits for a query. Returns its length and its sender; `None` when the wait ended without one.
#[inline(always)]
pub fn receive<A: Address>(
    socket: impl AsFd,
    room: &mut [u8],
) -> Result<Option<(usize, A)>, Errno> {
    match recvfrom(socket, room, RecvFlags::empty()) {
        Ok((len, _, Some(from))) => Ok(Some((len, from.try_into()?))),
        Ok((_, _, None)) | Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends a reply. One that the kernel refuses is counted; the client asks again.
#[inline(always)]
pub fn send(socket: impl AsFd + Copy, reply: &[u8], to: &impl Address, block: &Block) {
    while let Err(error) = sendto(socket, reply, SendFlags::empty(), to) {
        if error != Errno::INTR {
            return bump(&block.send_errors);
        }
    }
}
