//! Notifies systemd (sd_notify): ready, alive, stopping. Without systemd nothing happens.
//!
//! This needs a thread of its own: systemd's socket may be full, and the watchdog must not be
//! notified while a runtime hangs.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;
use std::{io, mem};

use sd_notify::NotifyState;
use tokio::sync::oneshot;

/// Longest time from one check of the liveness to the next.
const LOOK: Duration = Duration::from_secs(1);
/// Longest wait of the stop until systemd is notified.
const STOPPING: Duration = Duration::from_millis(200);

/// Whether verdicts are made and queries answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    Well,
    /// Something makes no progress. The watchdog is not notified until it goes on.
    StandsStill(String),
    /// A part of the server has ended: only a restart helps.
    Ended(&'static str),
}

/// A message to the thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Ready,
    Stopping,
}

/// The thread that notifies systemd.
#[derive(Debug)]
pub struct Supervisor {
    words: SyncSender<Word>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl Supervisor {
    /// Starts the thread. Once the server is ready it notifies systemd at least twice in each
    /// watchdog interval while `life` returns [`Life::Well`]. The receiver gets the reason when
    /// `life` returns [`Life::Ended`].
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

    /// Has systemd notified that the server is ready, without waiting for that.
    pub fn ready(&self) {
        let _ = self.words.try_send(Word::Ready);
    }

    /// Has systemd notified that the server stops, and waits for that for a bounded time.
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
