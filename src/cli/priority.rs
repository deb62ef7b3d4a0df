//! Who waits for whom on a core: threads that answer over UDP wait for nobody, and nobody who
//! decides waits for strangers.
//!
//! | thread | nice | because |
//! |---|---|---|
//! | `udp-N`: answer over UDP | as started | they go first anyway (`dns/udp/precedence.rs`) |
//! | `main`, `end`, `supervisor`, `log` | as started | they sleep, and must be heard |
//! | `decide`: probes, the writer; `state`: its files | +5 | a quarter is left of a full core |
//! | `operate`: page, API, metrics | +8 | an order is felt later than a verdict |
//! | `stream`: TCP | +10 | strangers keep it busy: a third of what decides |
//! | `encrypt`: TLS, HTTPS, QUIC | +12 | the same, and a message costs more there |
//! | `load`: reads and renders a changed configuration | +19 | nobody waits for it |
//!
//! Nice values go up only, as an unprivileged process may. They share out a core that several
//! want; what no other thread wants, strangers have.

use rustix::process::{getpid, getpriority_process, setpriority_process};

pub const DECIDE: i32 = 5;
pub const OPERATE: i32 = 8;
pub const STREAM: i32 = 10;
pub const ENCRYPT: i32 = 12;
pub const LOAD: i32 = 19;
/// The kernel's bound.
const LOWEST: i32 = 19;

/// Makes the calling thread nicer than `main` by `more`: a thread begins as the one that started
/// it. Best effort: an answer may only be later without.
pub fn lower(more: i32) {
    let lowered = getpriority_process(Some(getpid()))
        .and_then(|main| setpriority_process(None, main.saturating_add(more).min(LOWEST)));
    if let Err(error) = lowered {
        tracing::debug!("a thread keeps its priority: {error}");
    }
}
