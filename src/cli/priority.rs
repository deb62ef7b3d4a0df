//! Who waits for whom on a core: threads that answer wait for nobody.
//!
//! | thread | nice | because |
//! |---|---|---|
//! | UDP workers | as started | they answer, and go first anyway (`dns/udp/precedence.rs`) |
//! | `async`: probes, the writer, streams, the page | +5 | a quarter is left of a full core |
//! | `load`: reads and renders a changed configuration | +19 | nobody waits for it |
//!
//! Nice values go up only, as an unprivileged process may.

use rustix::process::{getpriority_process, setpriority_process};

pub const ASYNC: i32 = 5;
pub const LOAD: i32 = 19;
/// The kernel's bound.
const LOWEST: i32 = 19;

/// Makes the calling thread nicer by `more`. Best effort: an answer may only be later without.
pub fn lower(more: i32) {
    let lowered = getpriority_process(None)
        .and_then(|now| setpriority_process(None, now.saturating_add(more).min(LOWEST)));
    if let Err(error) = lowered {
        tracing::debug!("a thread keeps its priority: {error}");
    }
}
