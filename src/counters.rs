//! The counters of the answer path. Only `dns` writes them, and only `http` reads them.
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

/// Log lines that were dropped because standard error took none. One for the process, as the log
/// is.
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

/// One writer's block. 256 octets apart from the next, so that no two share a cache line or its
/// prefetched neighbour.
#[derive(Debug, Default)]
#[repr(align(256))]
pub struct Block {
    pub queries: AtomicU64,
    /// Messages that got no reply: too short, responses, loops.
    pub dropped: AtomicU64,
    pub truncated: AtomicU64,
    pub rcodes: [AtomicU64; RCODES.len()],
    pub qtypes: [AtomicU64; QTYPES.len()],
    /// Replies that the kernel would not take.
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

/// For a block with one writer: two plain moves instead of a locked instruction.
pub fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}
