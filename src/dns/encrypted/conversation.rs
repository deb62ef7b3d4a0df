//! One connection over HTTPS or QUIC: what its requests share.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::dns::connections::StreamLimits;
use crate::dns::encrypted::memory::{Memory, Share};
use crate::dns::stream::{Session, with_room};

/// The longest message (RFC 8484 §6, RFC 9250 §4.2).
pub const MAX_MESSAGE: usize = u16::MAX as usize;
/// Octets of replies in flight on a connection. Further requests wait.
const MAX_REPLIES: usize = 4 * MAX_MESSAGE;

/// Cheap to share: requests of a connection hold it in an `Arc`.
#[derive(Debug)]
pub struct Conversation {
    session: Session,
    memory: Memory,
    replies: Arc<Semaphore>,
    /// When the connection ends if no complete query comes. Requests that only begin, or are reset,
    /// do not extend it.
    deadline: Mutex<Instant>,
}

/// A reply's part of its connection's [`MAX_REPLIES`]. Dropped when the reply is sent.
pub type Room = OwnedSemaphorePermit;

impl Conversation {
    pub fn new(session: Session, memory: Memory) -> Conversation {
        let deadline = Mutex::new(session.deadline());
        let replies = Arc::new(Semaphore::new(MAX_REPLIES));
        Conversation { session, memory, replies, deadline }
    }

    pub fn limits(&self) -> StreamLimits {
        self.session.limits()
    }

    /// The share of a new request.
    pub fn share(&self) -> Share {
        self.memory.share()
    }

    pub fn deadline(&self) -> Instant {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room, and answers a complete `query`. `None` for no reply.
    pub async fn answer(&self, query: &[u8]) -> Option<(Vec<u8>, Room)> {
        let replies = Arc::clone(&self.replies);
        // The semaphore is never closed.
        let mut room = replies.acquire_many_owned(MAX_MESSAGE as u32).await.ok()?;
        let message = with_room(|room| {
            let len = self.session.answer(query, room)?;
            room.get(..len).map(<[u8]>::to_vec)
        })?;
        self.session.active();
        let deadline = self.session.deadline();
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
        drop(room.split(MAX_MESSAGE.saturating_sub(message.len())));
        Some((message, room))
    }
}
