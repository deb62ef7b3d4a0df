//! Changes of standing, for those who pass them on. The writer never waits for them: what does not
//! fit into the queue is counted, and the receiver is told how many are missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::cluster::hook::Scope;

/// Changes on their way from the writer. Ten thousand members that fall together fit in.
const QUEUE: usize = 16_384;

/// One change of standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub at: Timestamp,
    pub scope: Scope,
    pub pool: String,
    /// The member; `None` when it is about the pool.
    pub node: Option<String>,
    /// `serving` or `out` of a member; `enough` or `short`, `judged` or `kept` of a pool; `primary`
    /// or `reserve` of one that stays with who is in charge.
    pub old: &'static str,
    pub new: &'static str,
    /// One sentence.
    pub cause: String,
}

/// The writer's end.
#[derive(Debug)]
pub struct Teller {
    sender: mpsc::Sender<Turn>,
    lost: Arc<AtomicU64>,
}

/// The other end.
#[derive(Debug)]
pub struct Turns {
    receiver: mpsc::Receiver<Turn>,
    lost: Arc<AtomicU64>,
}

pub fn channel() -> (Teller, Turns) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let lost = Arc::new(AtomicU64::new(0));
    (Teller { sender, lost: lost.clone() }, Turns { receiver, lost })
}

impl Teller {
    pub fn tell(&self, turn: Turn) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.sender.try_send(turn) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Turns {
    /// The next, and how many were lost since the last. `None` when the writer has ended.
    pub async fn next(&mut self) -> Option<(Turn, u64)> {
        let turn = self.receiver.recv().await?;
        Some((turn, self.lost.swap(0, Ordering::Relaxed)))
    }
}
