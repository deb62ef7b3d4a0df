//! Bounds the memory that requests over HTTPS and QUIC hold, over all connections.
//!
//! A request holds its octets while they arrive, and its reply while that is sent. A client that
//! sends slowly, or does not read, makes it hold them until a time limit ends it. When all requests
//! together hold more than the bound, the oldest is given up: a request of an honest client is
//! answered within milliseconds, so it is never the oldest for long.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::counters::Counters;
use crate::log_limit::LogLimit;

/// Octets that all requests may hold together.
pub const MAX_HELD: usize = 64 << 20;
/// Octets that each request counts besides its data: for its task, stream and header fields.
const PER_REQUEST: usize = 4096;

/// The requests of all connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Memory {
    table: Arc<Mutex<Table>>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Table {
    bound: usize,
    held: usize,
    next: u64,
    /// By age: the first is the oldest.
    requests: BTreeMap<u64, Request>,
}

#[derive(Debug)]
struct Request {
    octets: usize,
    give_up: CancellationToken,
}

/// The memory that one request holds. Dropping the share gives it back.
#[derive(Debug)]
pub struct Share {
    memory: Memory,
    id: u64,
    give_up: CancellationToken,
}

impl Memory {
    pub fn new(bound: usize, counters: &Arc<Counters>) -> Memory {
        let table = Table { bound, held: 0, next: 0, requests: BTreeMap::new() };
        Memory { table: Arc::new(Mutex::new(table)), counters: Arc::clone(counters) }
    }

    /// Counts a new request, and returns its share.
    pub fn share(&self) -> Share {
        let give_up = CancellationToken::new();
        let mut table = self.table();
        let id = table.next;
        table.next += 1;
        table.requests.insert(id, Request { octets: 0, give_up: give_up.clone() });
        table.add(id, PER_REQUEST);
        drop(table);
        Share { memory: self.clone(), id, give_up }
    }

    /// Octets that all requests hold now.
    pub fn held(&self) -> usize {
        self.table().held
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn add(&mut self, id: u64, octets: usize) {
        // A request that was given up is no longer counted.
        let Some(request) = self.requests.get_mut(&id) else { return };
        request.octets += octets;
        self.held += octets;
        while self.held > self.bound {
            let Some((_, oldest)) = self.requests.pop_first() else { return };
            self.held -= oldest.octets;
            oldest.give_up.cancel();
            say_full();
        }
    }
}

fn say_full() {
    static FULL: LogLimit = LogLimit::new();
    if let Some(count) = FULL.due() {
        tracing::warn!(
            "requests over HTTPS and QUIC hold more than {} MiB: the oldest are given up \
             ({count} since the last such line)",
            MAX_HELD >> 20
        );
    }
}

impl Share {
    /// Counts more octets of this request.
    pub fn grow(&self, octets: usize) {
        self.memory.counters.octets_held.fetch_add(octets as u64, Ordering::Relaxed);
        self.memory.table().add(self.id, octets);
    }

    /// A token that is cancelled when this request is given up, to make room for others.
    pub fn given_up(&self) -> CancellationToken {
        self.give_up.clone()
    }

    /// Turns `reply` into octets that are counted until the last of them is dropped. Then `gone` is
    /// cancelled.
    pub fn reply(self, reply: Vec<u8>, gone: &CancellationToken) -> Bytes {
        self.grow(reply.len());
        Bytes::from_owner(Reply { reply, _share: self, gone: gone.clone() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut table = self.memory.table();
        if let Some(request) = table.requests.remove(&self.id) {
            table.held -= request.octets;
        }
    }
}

struct Reply {
    reply: Vec<u8>,
    _share: Share,
    gone: CancellationToken,
}

impl AsRef<[u8]> for Reply {
    fn as_ref(&self) -> &[u8] {
        &self.reply
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.gone.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(bound: usize) -> Memory {
        Memory::new(bound, &Arc::new(Counters::new(0)))
    }

    #[test]
    fn the_oldest_request_makes_room_and_what_ends_is_given_back() {
        let memory = memory(3 * PER_REQUEST + 100);
        let old = memory.share();
        let young = memory.share();
        old.grow(60);
        young.grow(40);
        assert_eq!(memory.held(), 2 * PER_REQUEST + 100);
        let newest = memory.share();
        assert!(!old.given_up().is_cancelled());
        newest.grow(1);
        assert!(old.given_up().is_cancelled() && !young.given_up().is_cancelled());
        old.grow(1 << 20);
        assert_eq!(memory.held(), 2 * PER_REQUEST + 41, "who is given up takes nothing more");
        drop((old, young, newest));
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn a_reply_counts_until_its_last_piece_is_let_go() {
        let memory = memory(MAX_HELD);
        let gone = CancellationToken::new();
        let mut reply = memory.share().reply(vec![7; 1000], &gone);
        let piece = reply.split_to(10);
        drop(reply);
        assert!(!gone.is_cancelled());
        assert_eq!(memory.held(), PER_REQUEST + 1000);
        drop(piece);
        assert!(gone.is_cancelled());
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn a_request_beyond_the_bound_gives_itself_up() {
        let memory = memory(PER_REQUEST);
        let share = memory.share();
        share.grow(1);
        assert!(share.given_up().is_cancelled());
        assert_eq!(memory.held(), 0);
    }
}
