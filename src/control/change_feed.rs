//! Carries changes from the writer to the hooks.
//!
//! The writer never waits: a change that does not fit into the queue is dropped and counted, and
//! the receiver learns how many were dropped. The receiver reports back how many changes are on its
//! disk, because standings are stored after the changes that led to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::cluster::hook::Scope;
use crate::cluster::standing::Standing;

/// Most changes that wait for the receiver: enough for ten thousand members that fall together.
const QUEUE: usize = 16_384;

/// One change of a member or of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When it happened, by the wall clock.
    pub at: Timestamp,
    /// Whether a member or the pool changed.
    pub scope: Scope,
    /// The name of the pool.
    pub pool: String,
    /// The node of the member; `None` for a change of the pool.
    pub node: Option<String>,
    /// `v4` or `v6` for a change of a member in that family alone; `None` otherwise.
    pub family: Option<&'static str>,
    pub old: Condition,
    pub new: Condition,
    /// One sentence.
    pub cause: String,
}

/// The condition of a member or of a pool, before or after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The member serves.
    Serving,
    /// The member does not serve.
    Out,
    /// At least `min_serving` members of the pool serve.
    Enough,
    /// Fewer than `min_serving` members of the pool serve.
    Short,
    /// Health decides which members of the pool serve.
    Judged,
    /// The pool keeps its last set, because most members failed at once.
    Kept,
    /// The pool answers its first tier.
    Primary,
    /// The pool answers another tier.
    Reserve,
}

impl Condition {
    /// As the events of hooks have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Condition::Serving => "serving",
            Condition::Out => "out",
            Condition::Enough => "enough",
            Condition::Short => "short",
            Condition::Judged => "judged",
            Condition::Kept => "kept",
            Condition::Primary => "primary",
            Condition::Reserve => "reserve",
        }
    }
}

impl From<Standing> for Condition {
    fn from(standing: Standing) -> Condition {
        match standing {
            Standing::Serving => Condition::Serving,
            Standing::Out => Condition::Out,
        }
    }
}

/// The end of the feed that the writer holds.
#[derive(Debug)]
pub struct ChangeSender {
    sender: mpsc::Sender<Change>,
    /// Changes dropped since the receiver last looked.
    dropped: Arc<AtomicU64>,
    /// Changes sent since the start.
    sent: u64,
    /// Changes that the receiver has on its disk.
    persisted: watch::Receiver<u64>,
}

/// The end of the feed that the hooks hold.
#[derive(Debug)]
pub struct ChangeReceiver {
    receiver: mpsc::Receiver<Change>,
    dropped: Arc<AtomicU64>,
    /// Changes received since the start.
    received: u64,
    persisted: watch::Sender<u64>,
}

/// The changes sent up to some moment, of which some may not yet be on the hooks' disk.
#[derive(Debug, Clone)]
pub struct ChangeBacklog {
    sent: u64,
    persisted: watch::Receiver<u64>,
}

/// Makes a feed.
pub fn channel() -> (ChangeSender, ChangeReceiver) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let dropped = Arc::new(AtomicU64::new(0));
    let (report, persisted) = watch::channel(0);
    let sender = ChangeSender { sender, dropped: dropped.clone(), sent: 0, persisted };
    (sender, ChangeReceiver { receiver, dropped, received: 0, persisted: report })
}

impl ChangeSender {
    /// Sends a change without waiting. A change that does not fit is dropped and counted; without a
    /// receiver it is dropped.
    pub fn send(&mut self, change: Change) {
        match self.sender.try_send(change) {
            Ok(()) => self.sent += 1,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    /// The changes sent until now, to wait until they are on the disk.
    pub fn backlog(&self) -> ChangeBacklog {
        ChangeBacklog { sent: self.sent, persisted: self.persisted.clone() }
    }
}

impl ChangeBacklog {
    /// Waits until all of these changes are on the disk, or the receiver is gone.
    pub async fn persisted(&mut self) {
        let _ = self.persisted.wait_for(|persisted| *persisted >= self.sent).await;
    }
}

impl ChangeReceiver {
    /// The next change, and how many were dropped before it. `None` when the writer has ended.
    pub async fn next(&mut self) -> Option<(Change, u64)> {
        let change = self.receiver.recv().await?;
        self.received += 1;
        Some((change, self.dropped.swap(0, Ordering::Relaxed)))
    }

    /// How many changes [`ChangeReceiver::next`] has returned.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Where the receiver reports how many of the received changes are on its disk.
    pub fn persisted_sender(&self) -> watch::Sender<u64> {
        self.persisted.clone()
    }
}
