//! The event that a receiver gets, as JSON.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::control::change_feed::Change;
use crate::control::explain::time::rfc3339;

/// One event. Cheap to clone: hooks share the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookEvent {
    /// Rises from event to event of this server, also over a restart.
    pub id: u64,
    pub at: Timestamp,
    /// The NSID of this name server; `None` without one.
    pub server: Option<Arc<str>>,
    /// For an event about dropped events: how many were dropped before it. 0 for an event about a
    /// change.
    pub missing: u64,
    body: Arc<str>,
}

impl HookEvent {
    /// The event about a change.
    pub fn of(id: u64, change: &Change, server: Option<Arc<str>>) -> HookEvent {
        let mut body = json!({
            "id": id,
            "server": server.as_deref(),
            "type": "standing",
            "time": rfc3339(change.at),
            "scope": change.scope.as_str(),
            "pool": change.pool,
            "node": change.node,
            "old": change.old.as_str(),
            "new": change.new.as_str(),
            "cause": change.cause,
        });
        if let Some(family) = change.family {
            body["family"] = family.into();
        }
        HookEvent { id, at: change.at, missing: 0, server, body: body.to_string().into() }
    }

    /// The event that takes the place of `missing` dropped events.
    pub fn dropped(id: u64, at: Timestamp, missing: u64, server: Option<Arc<str>>) -> HookEvent {
        let body = json!({
            "id": id,
            "server": server.as_deref(),
            "type": "dropped",
            "time": rfc3339(at),
            "count": missing,
        });
        HookEvent { id, at, missing, server, body: body.to_string().into() }
    }

    /// The event of a body that an earlier run stored; `None` when the body is not an event.
    pub fn from_body(body: &Value) -> Option<HookEvent> {
        let id = body.get("id")?.as_u64()?;
        let at = body.get("time")?.as_str()?.parse().ok()?;
        let server = body.get("server").and_then(Value::as_str).map(Arc::from);
        let missing = match body.get("type")?.as_str()? {
            "standing" => 0,
            "dropped" => body.get("count")?.as_u64().filter(|count| *count > 0)?,
            _ => return None,
        };
        Some(HookEvent { id, at, missing, server, body: body.to_string().into() })
    }

    /// The id by which a receiver recognizes a repetition. It has a digest of the body, because
    /// events of other name servers may have the same number.
    pub fn message_id(&self) -> String {
        let digest = digest(&SHA256, self.body.as_bytes());
        format!("{}-{}", self.id, HEXLOWER.encode(&digest.as_ref()[..4]))
    }

    /// One JSON object: the same octets at each attempt, also after a restart.
    pub fn body(&self) -> &str {
        &self.body
    }
}

/// The id of an event at `at` that follows the event with the id `last`: the time in milliseconds
/// since 1970, or `last` plus 1 if that is more.
pub fn next_id(last: u64, at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0).max(last.saturating_add(1))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::cluster::hook::Scope;
    use crate::control::change_feed::Condition;

    pub fn event(id: u64) -> HookEvent {
        with_cause(id, "\"ä\\\u{1}\u{2028}\" is not expected (3/3)".into())
    }

    pub fn long_event(id: u64, cause: usize) -> HookEvent {
        with_cause(id, "x".repeat(cause))
    }

    fn with_cause(id: u64, cause: String) -> HookEvent {
        let at = Timestamp::UNIX_EPOCH;
        let change = Change {
            at,
            scope: Scope::Node,
            pool: "web".into(),
            node: Some("server-2".into()),
            family: None,
            old: Condition::Serving,
            new: Condition::Out,
            cause,
        };
        HookEvent::of(id, &change, Some("ns1".into()))
    }

    #[test]
    fn the_same_event_of_another_server_is_another_message() {
        let event = event(7);
        assert_eq!(event.message_id().len(), "7-".len() + 8);
        let here = HookEvent::dropped(7, event.at, 1, Some("ns1".into()));
        let there = HookEvent::dropped(7, event.at, 1, Some("ns2".into()));
        assert_ne!(here.message_id(), there.message_id());
    }

    #[test]
    fn an_event_is_recalled_octet_by_octet() {
        for event in [event(u64::MAX), HookEvent::dropped(7, Timestamp::UNIX_EPOCH, 12, None)] {
            let body: Value = serde_json::from_str(event.body()).unwrap();
            assert_eq!(HookEvent::from_body(&body), Some(event));
        }
        let time = "2026-03-01T10:02:11.500Z";
        for none in [
            json!({}),
            json!({ "id": 1, "type": "standing" }),
            json!({ "id": -1, "type": "standing", "time": time }),
            json!({ "id": 1, "type": "other", "time": time }),
            json!({ "id": 1, "type": "dropped", "time": time, "count": 0 }),
        ] {
            assert_eq!(HookEvent::from_body(&none), None, "{none}");
        }
    }

    #[test]
    fn ids_grow_also_when_the_clock_goes_back() {
        let at = Timestamp::from_millisecond(1000).unwrap();
        assert_eq!((next_id(0, at), next_id(1000, at), next_id(5000, at)), (1000, 1001, 5001));
    }
}
