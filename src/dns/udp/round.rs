//! Answers the queries of one system call from one snapshot.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use crate::counters::{Block, bump};
use crate::dns::exchange::{Client, Reply, Transport};
use crate::dns::respond::respond;
use crate::dns::responder::Responder;
use crate::dns::tally::tally;
use crate::dns::udp::peer::is_looping;
use crate::snapshot::Snapshot;
use crate::snapshot::publish::LocalReader;

/// What one worker needs to answer queries.
pub(super) struct WorkerResponder {
    responder: Responder,
    snapshot: LocalReader,
    /// Index of the worker's block in [`Counters::udp`].
    ///
    /// [`Counters::udp`]: crate::counters::Counters::udp
    block: usize,
}

impl WorkerResponder {
    pub(super) fn new(responder: Responder, block: usize) -> WorkerResponder {
        WorkerResponder { snapshot: responder.reader.local(), responder, block }
    }

    /// Whether all UDP workers have to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.responder.stop.load(Ordering::Relaxed)
    }

    /// The counters of this worker.
    pub(super) fn block(&self) -> &Block {
        &self.responder.counters.udp[self.block]
    }

    /// Loads the snapshot, and draws the turns of at most `room` queries.
    #[inline(always)]
    pub(super) fn begin(&mut self, room: u64) -> Round<'_> {
        Round {
            snapshot: self.snapshot.load(),
            block: &self.responder.counters.udp[self.block],
            turn: self.responder.turn.fetch_add(room, Ordering::Relaxed),
            now: self.responder.clock.seconds(),
        }
    }
}

/// What is the same for all queries of one system call.
pub(super) struct Round<'r> {
    snapshot: &'r Snapshot,
    pub(super) block: &'r Block,
    /// The turn of the last query.
    turn: u64,
    /// Unix seconds.
    now: u32,
}

impl Round<'_> {
    /// As [`Round::answer`], not inlined.
    #[inline(never)]
    pub(super) fn answer_one(
        &mut self,
        query: &[u8],
        from: SocketAddr,
        room: &mut [u8],
    ) -> Option<usize> {
        self.answer(query, from, room)
    }

    /// Writes the reply to `room` and returns its length. `None` for no reply.
    #[inline(always)]
    pub(super) fn answer(
        &mut self,
        query: &[u8],
        from: SocketAddr,
        room: &mut [u8],
    ) -> Option<usize> {
        if is_looping(from.port()) {
            bump(&self.block.dropped);
            return None;
        }
        self.turn = self.turn.wrapping_add(1);
        let transport = Transport::Datagram;
        let client = Client { address: from.ip(), transport, idle: None, now: self.now };
        let reply = respond(self.snapshot, query, &client, self.turn, room);
        if !cfg!(feature = "uncounted") {
            tally(self.block, &reply, room);
        }
        match reply {
            Reply::Send { len, .. } => Some(len),
            Reply::Drop => None,
        }
    }
}
