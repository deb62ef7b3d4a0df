//! Ends a server on SIGTERM and SIGINT, within a limit even if a part of it hangs.
//!
//! ```text
//! signal ─ before it serves ─ exit 0, at once
//!        └ later ─ the server is asked to stop ─ it ends: exit 0
//!                                            └ not within LIMIT: exit 1
//! ```
//!
//! A thread of its own waits for the signals, so that neither a runtime that stands still nor a
//! disk or pipe that hangs can keep the process alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{io, process, thread};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

use crate::cli::logging;

/// Time from the signal to the exit, if the server does not end by itself. The system needs some
/// more time; the process is gone within 5 s.
const LIMIT: Duration = Duration::from_millis(4500);
/// Time from the exit to SIGKILL, in case the exit hangs.
const LAST: Duration = Duration::from_millis(400);

/// The end of the server, which signals ask for; clones share it.
#[derive(Debug, Clone, Default)]
pub struct End {
    asked: CancellationToken,
    serves: Arc<AtomicBool>,
}

impl End {
    /// Starts to wait for the signals. Call it before any other thread is started, because threads
    /// inherit the mask of blocked signals. Programs that this process starts do not inherit it.
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

    /// From this call on a signal asks the server to stop, instead of ending the process at once.
    pub fn serves(&self) {
        self.serves.store(true, Ordering::Release);
    }

    /// Returns when a signal asks the server to stop.
    pub async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// Handles a signal by ending the process; never returns.
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
