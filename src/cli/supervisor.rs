//! Notifies systemd (sd_notify): ready, alive, stopping. Without systemd nothing happens.
//!
//! A thread of its own does it: systemd's socket may be full, and the watchdog must get no message
//! when a runtime stands still.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;
use std::{io, mem};

use sd_notify::NotifyState;
use tokio::sync::oneshot;

/// How often liveness is checked when systemd sets no watchdog interval.
const LOOK: Duration = Duration::from_secs(1);
/// How long the stop waits until systemd is notified.
const STOPPING: Duration = Duration::from_millis(200);

/// Whether verdicts are made and queries answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    Well,
    /// The watchdog is not notified until the server goes on.
    StandsStill(String),
    /// Only a restart helps.
    Ended(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Ready,
    Stopping,
}

#[derive(Debug)]
pub struct Supervisor {
    words: SyncSender<Word>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl Supervisor {
    /// Notifies systemd twice in each watchdog interval while `life` is well, after it was ready.
    /// The receiver gets the reason when `life` has ended.
    pub fn start(
        life: impl Fn() -> Life + Send + 'static,
    ) -> io::Result<(Supervisor, oneshot::Receiver<&'static str>)> {
        let (words, heard) = sync_channel(2);
        let (mark, ended) = sync_channel(0);
        let (dead, death) = oneshot::channel();
        let run = move || {
            watch(&heard, life, dead);
            drop(mark);
        };
        thread::Builder::new().name("supervisor".into()).spawn(run)?;
        Ok((Supervisor { words, ended }, death))
    }

    pub fn ready(&self) {
        let _ = self.words.try_send(Word::Ready);
    }

    /// Waits a bounded time until systemd is notified.
    pub fn stopping(self) {
        if self.words.try_send(Word::Stopping).is_ok() {
            let _ = self.ended.recv_timeout(STOPPING);
        }
    }
}

fn watch(words: &Receiver<Word>, life: impl Fn() -> Life, dead: oneshot::Sender<&'static str>) {
    let interval = sd_notify::watchdog_enabled().map_or(LOOK, |limit| LOOK.min(limit / 2));
    let (mut is_ready, mut stood_still, mut dead) = (false, false, Some(dead));
    loop {
        match words.recv_timeout(interval) {
            Ok(Word::Ready) => {
                notify(NotifyState::Ready);
                is_ready = true;
            }
            Ok(Word::Stopping) => return notify(NotifyState::Stopping),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = life();
        let stands_still = matches!(now, Life::StandsStill(_));
        let before = mem::replace(&mut stood_still, stands_still);
        match now {
            Life::Well if is_ready => notify(NotifyState::Watchdog),
            Life::Well => {}
            Life::StandsStill(what) if !before => {
                tracing::error!("{what}; the watchdog is not told that this server lives");
            }
            Life::StandsStill(_) => {}
            Life::Ended(what) => {
                if let Some(dead) = dead.take() {
                    let _ = dead.send(what);
                }
            }
        }
        if before && !stands_still {
            tracing::info!("verdicts are made again");
        }
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("telling the supervisor: {error}");
    }
}
