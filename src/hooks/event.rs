//! What a receiver is told.

use jiff::Timestamp;
use serde_json::json;

use crate::control::turns::Turn;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Grows from event to event, also over a restart while the clock does not go back.
    pub id: u64,
    pub at: Timestamp,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Turn(Box<Turn>),
    /// So many events before this one are missing.
    Dropped(u64),
}

impl Event {
    /// One JSON object, the same at each attempt.
    pub fn body(&self) -> Vec<u8> {
        let time = format!("{:.3}", self.at);
        let body = match &self.what {
            What::Turn(turn) => json!({
                "id": self.id,
                "type": "standing",
                "time": time,
                "scope": turn.scope.as_str(),
                "pool": turn.pool,
                "node": turn.node,
                "old": turn.old,
                "new": turn.new,
                "cause": turn.cause,
            }),
            What::Dropped(count) => {
                json!({ "id": self.id, "type": "dropped", "time": time, "count": count })
            }
        };
        body.to_string().into_bytes()
    }
}

/// The id of an event at `at` that comes after the one with the id `last`: the time in
/// milliseconds since 1970, or one more than the last.
pub fn next_id(last: u64, at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0).max(last + 1)
}
