//! Holds what every transport answers from: the published snapshot, counters, turn and clock.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::counters::Counters;
use crate::dns::cookie_clock::CookieClock;
use crate::dns::exchange::{Client, Reply, Transport};
use crate::dns::respond::respond;
use crate::dns::tally::tally_by;
use crate::snapshot::publish::SnapshotReader;

/// What a transport needs to answer queries. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Responder {
    pub reader: SnapshotReader,
    pub counters: Arc<Counters>,
    /// The next turn of the rotation; all transports draw from it.
    pub turn: Arc<AtomicU64>,
    /// Ends the UDP workers.
    pub stop: Arc<AtomicBool>,
    /// The time for cookies.
    pub clock: CookieClock,
}

impl Responder {
    /// Answers and counts one query of a stream. Returns the length of the reply in `room`, or
    /// `None` for no reply. `idle` is [`Client::idle`].
    pub fn answer(
        &self,
        query: &[u8],
        address: IpAddr,
        transport: Transport,
        idle: Option<u16>,
        room: &mut [u8],
    ) -> Option<usize> {
        let client = Client { address, transport, idle, now: self.clock.seconds() };
        let snapshot = self.reader.load();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let reply = respond(&snapshot, query, &client, turn, room);
        let add = |counter: &AtomicU64| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        tally_by(&self.counters.stream, &reply, room, add);
        match reply {
            Reply::Send { len, .. } => Some(len),
            Reply::Drop => None,
        }
    }
}
