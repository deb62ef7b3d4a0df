//! Whose turn it is, among connections that would all keep a thread busy.
//!
//! | a connection | is answered |
//! |---|---|
//! | that is new, or quiet | at once: no lock, no queue |
//! | that used up a turn within `QUIET` | when its turn comes, first come, first served |
//!
//! So who asks one question waits for some turns, and not for one of each busy connection.
//!
//! A [`Permit`] is held in tokio's queue of tasks, so that few busy ones stand there, and while
//! messages are answered; never while waiting for the socket: a slow client keeps it from nobody.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Messages, and pieces that are read, until a connection gives way: some tens of microseconds.
pub const TURN_MESSAGES: usize = 32;
/// The same in octets that came and went.
const TURN_OCTETS: usize = 16 * 1024;
/// A connection that makes its turn last this long is quiet.
const QUIET: Duration = Duration::from_secs(1);
/// Busy connections that are answered, or about to be. More would only lengthen the queue of tasks.
pub const AT_ONCE: usize = 4;

/// What a connection did since it last gave way.
#[derive(Debug)]
pub struct Turn {
    messages: usize,
    octets: usize,
    began: Instant,
}

/// The queue of the busy connections of one runtime.
#[derive(Debug)]
pub struct Turns(Semaphore);

/// To answer what one busy connection sent.
pub type Permit<'a> = SemaphorePermit<'a>;

impl Turn {
    pub fn first() -> Turn {
        Turn { messages: 0, octets: 0, began: Instant::now() }
    }

    pub fn is_over(&self) -> bool {
        self.messages >= TURN_MESSAGES || self.octets >= TURN_OCTETS
    }

    /// A message with its reply, or a piece that is read.
    pub fn count(&mut self, octets: usize) {
        self.messages += 1;
        self.octets += octets;
    }
}

impl Default for Turns {
    fn default() -> Turns {
        Turns(Semaphore::new(AT_ONCE))
    }
}

impl Turns {
    /// After `turn`: waits until the connection may go on, with a permit if it was busy, and how
    /// long it waited.
    pub async fn next(&self, turn: &Turn) -> (Option<Permit<'_>>, Duration) {
        let start = Instant::now();
        let is_busy = start.duration_since(turn.began) < QUIET;
        // Nobody closes the queue.
        let permit = if is_busy { self.0.acquire().await.ok() } else { None };
        give_way().await;
        (permit, start.elapsed())
    }
}

/// To whoever waits for this thread, and for its core.
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
        let turns = Turns::default();
        let quiet = Turn::first();
        advance(QUIET).await;
        let busy = Turn::first();
        let mut held = vec![];
        for _ in 0..AT_ONCE {
            held.push(turns.next(&busy).await.0.unwrap());
        }
        assert!(turns.next(&quiet).await.0.is_none());
        assert!(timeout(QUIET / 2, turns.next(&busy)).await.is_err());
        held.pop();
        assert!(turns.next(&busy).await.0.is_some(), "who gave up waiting holds nothing");
    }
}
