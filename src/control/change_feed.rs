//! Changes of standing, for those who pass them on. The writer never waits for them: what does not
//! fit into the queue is counted, and the receiver is sent how many are missing. In return they say
//! how many they have kept, so that the state on the disk does not run ahead of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::cluster::hook::Scope;

/// Changes on their way from the writer. Ten thousand members that fall together fit in.
const QUEUE: usize = 16_384;

/// One change of standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub at: Timestamp,
    pub scope: Scope,
    pub pool: String,
    /// The member; `None` when it is about the pool.
    pub node: Option<String>,
    /// `v4` or `v6` when it is about the member in that family alone.
    pub family: Option<&'static str>,
    /// `serving` or `out` of a member; `enough` or `short`, `judged` or `kept` of a pool; `primary`
    /// or `reserve` of one that stays with who is in charge.
    pub old: &'static str,
    pub new: &'static str,
    /// One sentence.
    pub cause: String,
}

/// The writer's end.
#[derive(Debug)]
pub struct ChangeSender {
    sender: mpsc::Sender<Change>,
    lost: Arc<AtomicU64>,
    sent: u64,
    persisted: watch::Receiver<u64>,
}

/// The other end.
#[derive(Debug)]
pub struct ChangeReceiver {
    receiver: mpsc::Receiver<Change>,
    lost: Arc<AtomicU64>,
    taken: u64,
    persisted: watch::Sender<u64>,
}

/// Changes that a crash must not make nobody's business: so many have been sent, and so many are
/// persisted.
#[derive(Debug, Clone)]
pub struct ChangeBacklog {
    sent: u64,
    persisted: watch::Receiver<u64>,
}

pub fn channel() -> (ChangeSender, ChangeReceiver) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let lost = Arc::new(AtomicU64::new(0));
    let (persisted_sender, persisted) = watch::channel(0);
    let sender_end = ChangeSender { sender, lost: lost.clone(), sent: 0, persisted };
    (sender_end, ChangeReceiver { receiver, lost, taken: 0, persisted: persisted_sender })
}

impl ChangeSender {
    pub fn send(&mut self, change: Change) {
        match self.sender.try_send(change) {
            Ok(()) => self.sent += 1,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    /// Until now.
    pub fn backlog(&self) -> ChangeBacklog {
        ChangeBacklog { sent: self.sent, persisted: self.persisted.clone() }
    }
}

impl ChangeBacklog {
    /// Waits until a crash would not lose them, or nobody heeds them any more.
    pub async fn persisted(&mut self) {
        let _ = self.persisted.wait_for(|persisted| *persisted >= self.sent).await;
    }
}

impl ChangeReceiver {
    /// The next, and how many were lost since the last. `None` when the writer has ended.
    pub async fn next(&mut self) -> Option<(Change, u64)> {
        let turn = self.receiver.recv().await?;
        self.taken += 1;
        Some((turn, self.lost.swap(0, Ordering::Relaxed)))
    }

    /// So many came by [`ChangeReceiver::next`].
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Says how many of them need not be sent again after a crash.
    pub fn persisted_sender(&self) -> watch::Sender<u64> {
        self.persisted.clone()
    }
}
