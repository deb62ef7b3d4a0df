//! Many queries by two system calls.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, recvmmsg, sendmmsg};

use crate::counters::{Block, bump};
use crate::dns::udp::pace::MANY;
use crate::dns::udp::peer::{Local, Peer};
use crate::dns::udp::{Desk, QUERY_ROOM, REPLY_ROOM};

/// What the calls work on, made once.
pub struct Batch<P> {
    received: MultiHeaders<P>,
    sent: MultiHeaders<P>,
    queries: Box<[u8]>,
    replies: Box<[u8]>,
    /// Of the replies to send: length and peer, and where the socket is bound to no address the
    /// one to leave from.
    lengths: Vec<usize>,
    peers: Vec<Option<P>>,
    locals: Vec<Option<Local>>,
    wildcard: bool,
}

impl<P: Peer> Batch<P> {
    /// `wildcard`: the socket is bound to no address.
    pub fn new(wildcard: bool) -> Batch<P> {
        let headers = || {
            let space = wildcard.then(|| nix::cmsg_space!(libc::in6_pktinfo));
            MultiHeaders::preallocate(MANY, space)
        };
        Batch {
            received: headers(),
            sent: headers(),
            queries: vec![0; MANY * QUERY_ROOM].into(),
            replies: vec![0; MANY * REPLY_ROOM].into(),
            lengths: Vec::with_capacity(MANY),
            peers: Vec::with_capacity(MANY),
            locals: Vec::with_capacity(MANY),
            wildcard,
        }
    }

    /// Room for one query and one reply, where no batch is needed.
    pub fn rooms(&mut self) -> (&mut [u8], &mut [u8]) {
        (&mut self.queries[..QUERY_ROOM], &mut self.replies[..REPLY_ROOM])
    }

    /// Receives up to `N` queries, waiting for the first only, has them answered and sends the
    /// replies. The number of queries.
    pub fn serve<const N: usize>(&mut self, fd: RawFd, desk: &mut Desk) -> Result<usize, Errno> {
        let mut rooms = self.queries.chunks_exact_mut(QUERY_ROOM);
        let mut slices: [[IoSliceMut<'_>; 1]; N] =
            std::array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let flags = MsgFlags::MSG_WAITFORONE;
        let queries = match recvmmsg(fd, &mut self.received, slices.iter_mut(), flags, None) {
            Ok(queries) => queries,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut round = desk.begin(N as u64);
        self.lengths.clear();
        self.peers.clear();
        self.locals.clear();
        let mut received = 0;
        let mut rooms = self.replies.chunks_exact_mut(REPLY_ROOM);
        let mut room = rooms.next().unwrap_or_default();
        for query in queries {
            received += 1;
            let message = query.iovs().next().unwrap_or_default();
            let Some(peer) = query.address else { continue };
            if let Some(len) = round.answer_one(message, peer.address(), room) {
                self.lengths.push(len);
                self.peers.push(Some(peer));
                if self.wildcard {
                    self.locals.push(query.cmsgs().ok().and_then(Local::find));
                }
                room = rooms.next().unwrap_or_default();
            }
        }
        self.send::<N>(fd, round.block);
        Ok(received)
    }

    /// `sendmmsg` has one set of control messages a call: replies that leave from the same address
    /// go together.
    fn send<const N: usize>(&mut self, fd: RawFd, block: &Block) {
        let mut rooms = self.replies.chunks_exact(REPLY_ROOM).zip(&self.lengths);
        let slices: [[IoSlice<'_>; 1]; N] = std::array::from_fn(|_| {
            let reply = rooms.next().and_then(|(room, len)| room.get(..*len));
            [IoSlice::new(reply.unwrap_or_default())]
        });
        let mut start = 0;
        while start < self.peers.len() {
            let local = self.locals.get(start).copied().flatten();
            let alike = self.locals.iter().skip(start).take_while(|other| **other == local).count();
            let end = if self.wildcard { start + alike } else { self.peers.len() };
            let (slices, peers) = (&slices[start..end], &self.peers[start..end]);
            let control = local.as_ref().map(Local::control);
            send(fd, &mut self.sent, slices, peers, control.as_slice(), block);
            start = end;
        }
    }
}

/// Hands replies to the kernel, which may take fewer at a time. What it refuses is counted and
/// skipped: the client asks again.
fn send<P: Peer>(
    fd: RawFd,
    headers: &mut MultiHeaders<P>,
    slices: &[[IoSlice<'_>; 1]],
    peers: &[Option<P>],
    control: &[ControlMessage<'_>],
    block: &Block,
) {
    let mut done = 0;
    while done < slices.len().min(peers.len()) {
        let (slices, peers) = (&slices[done..], &peers[done..]);
        match sendmmsg(fd, headers, slices.iter(), peers, control, MsgFlags::empty()) {
            Ok(sent) => done += sent.count().max(1),
            Err(Errno::EINTR) => {}
            Err(_) => {
                bump(&block.send_errors);
                done += 1;
            }
        }
    }
}
