//! The counters of the answer path. `dns` counts, and `http` shows the counters as metrics.
//!
//! Each UDP worker has a block of its own in its own cache lines and is that block's only writer,
//! so counting is a plain load and store; the stream side shares one block and adds atomically.

use std::sync::atomic::{AtomicU64, Ordering};

/// Rcodes that are counted apart (RFC 1035 §4.1.1); others are counted together.
pub const RCODES: [&str; 7] =
    ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "other"];

/// Query types that are counted apart; others are counted together.
pub const QTYPES: [(u16, &str); 9] = [
    (1, "A"),
    (2, "NS"),
    (6, "SOA"),
    (15, "MX"),
    (16, "TXT"),
    (28, "AAAA"),
    (65, "HTTPS"),
    (255, "ANY"),
    (0, "other"),
];

/// Log lines that were dropped because standard error accepted none. One counter for the process,
/// because it has one log.
pub static LOG_LINES_DROPPED: SharedCounter = SharedCounter(AtomicU64::new(0));

/// A counter with several writers.
#[derive(Debug)]
pub struct SharedCounter(AtomicU64);

impl SharedCounter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one writer. Blocks are 256 octets apart, so that no two share a cache line or
/// its prefetched neighbour.
#[derive(Debug, Default)]
#[repr(align(256))]
pub struct Block {
    /// Messages that got a reply.
    pub queries: AtomicU64,
    /// Messages that got no reply: too short, responses, loops.
    pub dropped: AtomicU64,
    /// Replies with TC.
    pub truncated: AtomicU64,
    pub rcodes: [AtomicU64; RCODES.len()],
    pub qtypes: [AtomicU64; QTYPES.len()],
    /// Replies that the kernel did not accept.
    pub send_errors: AtomicU64,
    /// Panics that a worker survived. Anything but 0 is a bug of ours.
    pub panics: AtomicU64,
}

/// All blocks of a running server.
#[derive(Debug)]
pub struct Counters {
    /// One for each UDP worker.
    pub udp: Box<[Block]>,
    /// TCP and the encrypted transports.
    pub stream: Block,
    pub connections_open: AtomicU64,
    pub connections_accepted: AtomicU64,
    /// Connections that were closed to keep a bound.
    pub connections_evicted: AtomicU64,
    /// Octets that requests over HTTPS and QUIC have held in total.
    pub octets_held: AtomicU64,
}

impl Counters {
    pub fn new(workers: usize) -> Counters {
        Counters {
            udp: (0..workers).map(|_| Block::default()).collect(),
            stream: Block::default(),
            connections_open: AtomicU64::new(0),
            connections_accepted: AtomicU64::new(0),
            connections_evicted: AtomicU64::new(0),
            octets_held: AtomicU64::new(0),
        }
    }
}

/// Adds one to a counter that only this thread writes: two plain moves, no locked instruction.
pub fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}
