//! Work on a disk that may not answer, such as one on another machine.
//!
//! Only the caller waits for the work. A disk that hangs is reported; each caller has one piece of
//! work under way at a time, so that at most one thread of each hangs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// The disk is reported when it has not answered for so long.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The start waits so long, and then goes on without the content of the folder.
pub const START_LIMIT: Duration = Duration::from_secs(3);

/// Is told how work goes.
pub trait Report {
    fn fails(&self, why: &str);
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

/// Set when work of the start took too long: later work of the start is not tried.
static IS_LATE: AtomicBool = AtomicBool::new(false);

/// Blocks, for at most [`START_LIMIT`]. `None` when the work takes longer; its result is then lost.
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

/// Why work that takes longer than [`PATIENCE`] has failed so far.
pub fn no_answer() -> String {
    format!("the state folder has not answered for {} s", PATIENCE.as_secs())
}
