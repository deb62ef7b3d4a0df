//! Answers the requests of one connection over HTTPS or QUIC, and holds what they share.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::dns::connections::StreamLimits;
use crate::dns::encrypted::memory::{Memory, Share};
use crate::dns::stream::{Session, with_room};

/// Octets of the longest message (RFC 8484 §6, RFC 9250 §4.2).
pub const MAX_MESSAGE: usize = u16::MAX as usize;
/// Maximum octets of replies in flight on a connection. Further requests wait.
const MAX_REPLIES: usize = 4 * MAX_MESSAGE;

/// Session, memory and deadline of one connection. Its requests share it in an `Arc`.
#[derive(Debug)]
pub struct Conversation {
    session: Session,
    memory: Memory,
    replies: Arc<Semaphore>,
    /// When the connection ends if no complete query comes. Only answering a query extends it:
    /// requests that merely begin, or are reset, do not.
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

    /// The limits of all streams.
    pub fn limits(&self) -> StreamLimits {
        self.session.limits()
    }

    /// Counts a new request, and returns its share of the memory.
    pub fn share(&self) -> Share {
        self.memory.share()
    }

    /// When the connection ends if no complete query is answered before.
    pub fn deadline(&self) -> Instant {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a complete `query`, after waiting until [`MAX_REPLIES`] leaves room for the longest
    /// reply. `None` if the query gets no reply.
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
