//! Giving memory back to the system.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::counters::Counters;

/// How often is looked whether there is a rush on streams.
const LOOK: Duration = Duration::from_secs(10);
/// Connections and messages of streams in that time, from which on it is one.
const RUSH: u64 = 1000;
/// Octets of requests over HTTPS and QUIC that count as one message.
const OCTETS: u64 = 8192;
/// Memory is given back while there is a rush, and so many times after it: what connections held
/// is free when they have ended.
const AFTERWARDS: u32 = 3;

/// Gives back what a load has left behind: of a large zone ten times what is kept, and the
/// allocator would hold on to most of it. Milliseconds: not on a thread that answers.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the C library has no other way, and no crate wraps it")]
pub fn give_back() {
    // SAFETY: it takes a number, locks what it touches, and moves nothing that is in use.
    unsafe { nix::libc::malloc_trim(0) };
}

/// Other C libraries give back by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn give_back() {}

/// Gives back what a rush of connections has left behind. Never ends.
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
            // Best effort: what stays is given back at the next look.
            let _ = tokio::task::spawn_blocking(give_back).await;
        }
    }
}

/// What streams had to do since the start.
fn work(counters: &Counters) -> u64 {
    let stream = &counters.stream;
    let octets = counters.octets_held.load(Ordering::Relaxed) / OCTETS;
    let messages: u64 = [&stream.queries, &stream.dropped, &counters.connections_accepted]
        .map(|counter| counter.load(Ordering::Relaxed))
        .iter()
        .sum();
    messages + octets
}
