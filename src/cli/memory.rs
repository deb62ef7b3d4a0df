//! Gives memory back to the system.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::counters::Counters;

/// Time from one check of the load of streams to the next.
const LOOK: Duration = Duration::from_secs(10);
/// So many connections and messages of streams within `LOOK` count as a rush.
const RUSH: u64 = 1000;
/// Octets of requests over HTTPS and QUIC that count as one message.
const OCTETS: u64 = 8192;
/// How many times memory is given back after a rush, when connections have ended.
const AFTERWARDS: u32 = 3;

/// Gives back the memory that a load has freed: loading a large zone takes ten times the memory
/// that is needed afterwards, and the allocator would hold most of it. Takes milliseconds, so do
/// not call it on a thread that answers.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the C library has no other way, and no crate wraps it")]
pub fn give_back() {
    // SAFETY: it takes a number, locks what it touches, and moves no memory that is in use.
    unsafe { nix::libc::malloc_trim(0) };
}

/// Other C libraries give memory back by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn give_back() {}

/// Gives back the memory that rushes of connections have freed. Runs for ever.
pub async fn give_back_after_rushes(counters: Arc<Counters>) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut left) = (work(&counters), 0);
    loop {
        looks.tick().await;
        let now = work(&counters);
        left = if now.wrapping_sub(before) >= RUSH { AFTERWARDS + 1 } else { left };
        before = now;
        if left > 0 {
            left -= 1;
            // Best effort: the rest is given back at the next check.
            let _ = tokio::task::spawn_blocking(give_back).await;
        }
    }
}

/// Connections and messages of streams since the start.
fn work(counters: &Counters) -> u64 {
    let stream = &counters.stream;
    let octets = counters.octets_held.load(Ordering::Relaxed) / OCTETS;
    let messages: u64 = [&stream.queries, &stream.dropped, &counters.connections_accepted]
        .map(|counter| counter.load(Ordering::Relaxed))
        .iter()
        .sum();
    messages + octets
}
