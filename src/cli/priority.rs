//! Sets the priorities of threads: threads that answer over UDP come first, and threads that decide
//! come before threads that strangers can keep busy.
//!
//! | thread | nice | reason |
//! |---|---|---|
//! | `udp-N`: answer over UDP | as started | real time comes first (`dns/udp/precedence.rs`) |
//! | `main`, `end`, `supervisor`, `log` | as started | they mostly sleep, and must run at once |
//! | `decide`: probes, the writer; `state`: its files | +5 | a quarter of a full core is left |
//! | `operate`: page, API, metrics | +8 | an override may take effect later than a verdict |
//! | `stream`: TCP | +10 | strangers can keep it busy: a third of the share of `decide` |
//! | `encrypt`: TLS, HTTPS, QUIC | +12 | strangers can keep it busy, and a message costs more |
//! | `load`: reads and renders a changed configuration | +19 | no client waits for it |
//!
//! Nice values are only raised, which an unprivileged process may do. They divide a core among
//! threads that compete for it; a thread without competitors has all of it.

use rustix::process::{getpid, getpriority_process, setpriority_process};

/// Added to the nice value of threads that decide.
pub const DECIDE: i32 = 5;
/// Added to the nice value of threads that serve page, API and metrics.
pub const OPERATE: i32 = 8;
/// Added to the nice value of threads that answer over TCP.
pub const STREAM: i32 = 10;
/// Added to the nice value of threads that answer over TLS, HTTPS and QUIC.
pub const ENCRYPT: i32 = 12;
/// Added to the nice value of the thread that loads a changed configuration.
pub const LOAD: i32 = 19;
/// The highest nice value of the kernel.
const LOWEST: i32 = 19;

/// Raises the nice value of the calling thread to that of `main` plus `more`. (A new thread has the
/// value of its creator.) A failure is only logged: an answer may come later then.
pub fn lower(more: i32) {
    let lowered = getpriority_process(Some(getpid()))
        .and_then(|main| setpriority_process(None, main.saturating_add(more).min(LOWEST)));
    if let Err(error) = lowered {
        tracing::debug!("a thread keeps its priority: {error}");
    }
}
