//! Runs work on a disk that may not answer, such as one on another machine.
//!
//! Only the caller waits for the work. A disk that hangs is reported; each caller has one piece of
//! work under way at a time, so that at most one thread for each caller hangs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// A disk that has not answered for this time is reported.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Maximum wait at the start, which then continues without the content of the folder.
pub const START_LIMIT: Duration = Duration::from_secs(3);

/// Receives the outcomes of work.
pub trait Report {
    /// The work failed, or has not ended within [`PATIENCE`].
    fn fails(&self, why: &str);
    /// The work succeeded.
    fn succeeds(&self);
}

/// Runs `work` on a thread of its own and returns its result, however long that takes.
pub async fn run<T: Send + 'static>(
    report: &impl Report,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let mut task = spawn_blocking(work);
    let result = tokio::select! {
        result = &mut task => result,
        () = sleep(PATIENCE) => {
            report.fails(&no_answer());
            task.await
        }
    };
    let result = result.unwrap_or_else(|_| Err("the disk was not asked".into()));
    match &result {
        Ok(_) => report.succeeds(),
        Err(why) => report.fails(why),
    }
    result
}

/// Set when work at the start took too long: later work at the start is not tried.
static IS_LATE: AtomicBool = AtomicBool::new(false);

/// Runs `work` on a thread of its own, and blocks for at most [`START_LIMIT`]. `None` when the work
/// takes longer; its result is then lost.
pub fn run_at_start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    if IS_LATE.load(Ordering::Relaxed) {
        return None;
    }
    let (done, result) = sync_channel(1);
    let run = move || drop(done.try_send(work()));
    thread::Builder::new().name("state".into()).spawn(run).ok()?;
    let result = result.recv_timeout(START_LIMIT).ok();
    IS_LATE.fetch_or(result.is_none(), Ordering::Relaxed);
    result
}

/// The reason that is reported for work that takes longer than [`PATIENCE`].
pub fn no_answer() -> String {
    format!("the state folder has not answered for {} s", PATIENCE.as_secs())
}
