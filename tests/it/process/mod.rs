//! The binary itself as an operator meets it: real processes, real sockets, Debian's `dig`.
//!
//! Children of the cluster are threads of the test that do what the test says. Every wait polls with
//! a bound, every port is chosen by the system, every process is ended by its own id.

mod attack;
mod child;
mod churn;
mod client;
mod commands;
mod demo;
mod descriptors;
mod effect;
mod failover;
mod files;
mod full;
mod hang;
mod held_up;
mod hooks;
mod idle;
mod orders;
mod own_port;
mod pipes;
mod precedence;
mod reload;
mod restart;
mod server;
mod shares;
mod site;
mod supervisor;
mod tcp;
mod unread;
mod variables;
mod wall_clock;
mod wildcard;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Long enough for a machine that is busy with other things; nothing waits for it in vain.
const BOUND: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// Held by tests that take a whole machine, or measure one.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks until there is something, and returns it.
#[track_caller]
fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(BOUND, what, ask)
}

#[track_caller]
fn within<T>(bound: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(start.elapsed() < bound, "not within {bound:?}: {what}");
        std::thread::sleep(POLL);
    }
}
