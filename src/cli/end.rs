//! The end of a server: SIGTERM and SIGINT, and that it comes whatever hangs.
//!
//! ```text
//! signal ─ before it serves ─ exit 0, at once
//!        └ later ─ the server is asked to stop ─ it ends: exit 0
//!                                            └ not within LIMIT: exit 1
//! ```
//!
//! A thread of its own waits for the signals: a runtime that stands still, a disk or a pipe
//! cannot keep the process alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{io, process, thread};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

use crate::cli::logging;

/// From the signal to the end of a server that does not end by itself. With what the system takes
/// to remove it, it is gone within 5 s.
const LIMIT: Duration = Duration::from_millis(4500);
/// From there to SIGKILL, should even leaving hang.
const LAST: Duration = Duration::from_millis(400);

#[derive(Debug, Clone, Default)]
pub struct End {
    asked: CancellationToken,
    serves: Arc<AtomicBool>,
}

impl End {
    /// Before any other thread is started: each inherits which signals it does not take. Programs
    /// that are started do not.
    pub fn listen() -> io::Result<End> {
        let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
        signals.thread_block()?;
        let end = End::default();
        let its = end.clone();
        let wait = move || {
            while signals.wait().is_err() {}
            its.come();
        };
        thread::Builder::new().name("end".into()).spawn(wait)?;
        Ok(end)
    }

    /// There is something to be stopped from now on.
    pub fn serves(&self) {
        self.serves.store(true, Ordering::Release);
    }

    /// Returns when the server is to stop.
    pub async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// Never returns.
    fn come(&self) {
        self.asked.cancel();
        if self.serves.load(Ordering::Acquire) {
            thread::sleep(LIMIT);
            logging::say(&format!(
                "tiovivo: not all has ended within {LIMIT:?}; it is left behind\n"
            ));
            leave(1);
        }
        leave(0);
    }
}

fn leave(status: i32) {
    let last = || {
        thread::sleep(LAST);
        let _ = kill(Pid::this(), Signal::SIGKILL);
    };
    let _ = thread::Builder::new().name("last".into()).spawn(last);
    logging::flush();
    process::exit(status);
}
