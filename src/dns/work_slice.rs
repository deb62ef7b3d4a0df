//! Divides a thread among connections that could each keep it busy, by work slices.
//!
//! | a connection | is answered |
//! |---|---|
//! | that is new, or quiet | at once: no lock, no queue |
//! | that used up a slice within `QUIET` | after the connections before it in a queue |
//!
//! So a client with one question waits for a few slices, not for one of each busy connection.
//!
//! A busy connection holds a [`Permit`] while it waits in tokio's queue of tasks and while its
//! messages are answered, so few busy connections wait in that queue. It holds none while it waits
//! for its socket, so a slow client delays no other.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Messages and reads in a slice: some tens of microseconds.
pub const SLICE_MESSAGES: usize = 32;
/// Octets received and sent in a slice.
const SLICE_OCTETS: usize = 16 * 1024;
/// A connection whose slice lasts this long is quiet.
const QUIET: Duration = Duration::from_secs(1);
/// Maximum number of busy connections with a permit. More would only lengthen the queue of tasks.
pub const AT_ONCE: usize = 4;

/// The work of a connection since it last yielded.
#[derive(Debug)]
pub struct WorkSlice {
    messages: usize,
    octets: usize,
    began: Instant,
}

/// The queue of the busy connections of one runtime.
#[derive(Debug)]
pub struct SliceQueue(Semaphore);

/// Permits one busy connection to be answered.
pub type Permit<'a> = SemaphorePermit<'a>;

impl WorkSlice {
    /// An empty slice that begins now.
    pub fn first() -> WorkSlice {
        WorkSlice { messages: 0, octets: 0, began: Instant::now() }
    }

    /// Whether the connection has to yield.
    pub fn is_over(&self) -> bool {
        self.messages >= SLICE_MESSAGES || self.octets >= SLICE_OCTETS
    }

    /// Counts a message with its reply, or a read.
    pub fn count(&mut self, octets: usize) {
        self.messages += 1;
        self.octets += octets;
    }
}

impl Default for SliceQueue {
    fn default() -> SliceQueue {
        SliceQueue(Semaphore::new(AT_ONCE))
    }
}

impl SliceQueue {
    /// Waits after `slice` until the connection may continue. Returns a permit if it was busy, and
    /// how long it waited.
    pub async fn next(&self, slice: &WorkSlice) -> (Option<Permit<'_>>, Duration) {
        let start = Instant::now();
        let is_busy = start.duration_since(slice.began) < QUIET;
        // The semaphore is never closed.
        let permit = if is_busy { self.0.acquire().await.ok() } else { None };
        give_way().await;
        (permit, start.elapsed())
    }
}

/// Yields to other tasks of this thread, and to other threads of its core.
async fn give_way() {
    tokio::task::yield_now().await;
    std::thread::yield_now();
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn busy_connections_queue_and_quiet_ones_do_not() {
        let queue = SliceQueue::default();
        let quiet = WorkSlice::first();
        advance(QUIET).await;
        let busy = WorkSlice::first();
        let mut held = vec![];
        for _ in 0..AT_ONCE {
            held.push(queue.next(&busy).await.0.unwrap());
        }
        assert!(queue.next(&quiet).await.0.is_none());
        assert!(timeout(QUIET / 2, queue.next(&busy)).await.is_err());
        held.pop();
        assert!(queue.next(&busy).await.0.is_some(), "who gave up waiting holds nothing");
    }
}
