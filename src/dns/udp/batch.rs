//! Receives many queries and sends their replies, by two system calls.

use std::io::IoSliceMut;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg};

use crate::dns::udp::batch_size::LARGE;
use crate::dns::udp::outbox::Outbox;
use crate::dns::udp::peer::{LocalAddress, Peer};
use crate::dns::udp::round::WorkerResponder;

/// Octets of a query that are read. Longer queries are cut off, and so malformed. This is an odd
/// number of cache lines: otherwise the beginnings of all queries of a batch would share a few sets
/// of the cache, and evict each other.
pub const QUERY_ROOM: usize = 31 * 64;

/// The buffers of the two calls, allocated once.
pub struct Batch<'s, P> {
    socket: &'s UdpSocket,
    wildcard: bool,
    received: MultiHeaders<P>,
    queries: Box<[u8]>,
    replies: Outbox<P>,
}

impl<'s, P: Peer> Batch<'s, P> {
    /// `wildcard` is whether the socket is bound to all addresses.
    pub fn new(socket: &'s UdpSocket, wildcard: bool) -> Batch<'s, P> {
        let space = wildcard.then(|| nix::cmsg_space!(libc::in6_pktinfo));
        Batch {
            socket,
            wildcard,
            received: MultiHeaders::preallocate(LARGE, space),
            queries: vec![0; LARGE * QUERY_ROOM].into(),
            replies: Outbox::new(socket),
        }
    }

    /// Buffers for one query and one reply, when no batch is needed.
    pub fn rooms(&mut self) -> (&mut [u8], &mut [u8]) {
        (&mut self.queries[..QUERY_ROOM], self.replies.room())
    }

    /// Receives up to `N` queries, waiting for the first only, answers them and sends the replies.
    /// Returns the number of queries.
    pub fn serve<const N: usize>(
        &mut self,
        responder: &mut WorkerResponder,
    ) -> Result<usize, Errno> {
        let mut rooms = self.queries.chunks_exact_mut(QUERY_ROOM);
        let mut slices: [[IoSliceMut<'_>; 1]; N] =
            std::array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let (fd, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_WAITFORONE);
        let queries = match recvmmsg(fd, &mut self.received, slices.iter_mut(), flags, None) {
            Ok(queries) => queries,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut round = responder.begin(N as u64);
        let mut received = 0;
        for query in queries {
            received += 1;
            let message = query.iovs().next().unwrap_or_default();
            let Some(peer) = query.address else { continue };
            if let Some(len) = round.answer_one(message, peer.address(), self.replies.room()) {
                let local = self.wildcard.then(|| query.cmsgs().ok().and_then(LocalAddress::find));
                self.replies.put(len, peer, local.flatten());
            }
        }
        self.replies.send::<N>(self.socket, round.block);
        Ok(received)
    }
}
