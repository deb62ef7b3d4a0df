//! Reads an operator's request from its JSON body, and defines the reply.

use std::time::Duration;

use serde_json::Value;

use crate::cluster::operator::{OverrideKind, Selector};
use crate::control::request::{BodyReader, MAX_NAME, MAX_REASON, RequestFault};
use crate::control::status::{OverrideEffect, OverrideStatus};

/// Longest duration of an override.
const MAX_FOR: Duration = Duration::from_secs(366 * 86_400);
const KEYS: [&str; 6] = ["order", "target", "pool", "reason", "author", "for"];
const DURATION: &str = "a number and its unit: 90s, 30m, 2h, 7d";

/// A request that sets or releases an override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideRequest {
    /// `None` releases an override.
    pub kind: Option<OverrideKind>,
    pub selector: Selector,
    /// The pool in which the override counts; `None` for every pool.
    pub pool: Option<String>,
    pub reason: String,
    pub author: String,
    /// How long the override lasts; `None` until it is released.
    pub lasts: Option<Duration>,
}

/// The reply to a request that is done. It is sent when the overrides are on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The overrides in force, the newest last.
    pub overrides: Vec<OverrideStatus>,
    /// The members that the new override selects; empty after a release.
    pub members: Vec<OverrideEffect>,
}

/// Why a request changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    Faults(Vec<RequestFault>),
    /// The disk does not take the override, or earlier overrides cannot be read.
    NotPersisted(String),
}

/// Reads the body of a request. The error lists every fault.
pub fn read(body: &Value) -> Result<OverrideRequest, Vec<RequestFault>> {
    let mut reader = BodyReader::new(body, &KEYS, "{\"order\": …, \"target\": …}")?;
    let kind = kind(&mut reader);
    let selector = selector(&mut reader);
    let pool = reader.text("pool", MAX_NAME);
    let reason = reader.text("reason", MAX_REASON).unwrap_or_default();
    let author = reader.text("author", MAX_NAME);
    let lasts = duration_for(&mut reader);
    let missing = match &author {
        Some(author) => author.is_empty().then_some("is empty"),
        None => (!reader.has("author")).then_some("is missing"),
    };
    if let Some(missing) = missing {
        reader.fault("author", missing, "who orders it: name@machine");
    }
    reader.end()?;
    match (kind, selector, author) {
        (Some(kind), Some(selector), Some(author)) => {
            Ok(OverrideRequest { kind, selector, pool, reason, author, lasts })
        }
        // Not reached: a missing part was noted as a fault, and `end` has returned.
        _ => Err(vec![]),
    }
}

/// The kind of override; `Some(None)` for a release. The outer `None` means that a fault was noted.
fn kind(reader: &mut BodyReader<'_>) -> Option<Option<OverrideKind>> {
    const RELEASE: &str = "release";
    let choice = || {
        let kinds = OverrideKind::ALL.map(OverrideKind::as_str).join(", ");
        format!("one of {kinds}, {RELEASE}")
    };
    let Some(text) = reader.text("order", MAX_NAME) else {
        if !reader.has("order") {
            reader.fault("order", "is missing", choice());
        }
        return None;
    };
    let kind = OverrideKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    if kind.is_none() && text != RELEASE {
        reader.fault("order", format!("there is no order {text:?}"), choice());
        return None;
    }
    Some(kind)
}

fn selector(reader: &mut BodyReader<'_>) -> Option<Selector> {
    let text = reader.text("target", MAX_NAME);
    if text.is_none() && reader.has("target") {
        return None;
    }
    let parsed = Selector::parse(text.as_deref().unwrap_or_default());
    let what = text.map_or("is missing".into(), |text| format!("{text:?} is no target"));
    parsed.map_err(|write| reader.fault("target", what, write)).ok()
}

fn duration_for(reader: &mut BodyReader<'_>) -> Option<Duration> {
    let text = reader.text("for", MAX_NAME)?;
    match duration(&text) {
        None => reader.fault("for", format!("{text:?} is no duration"), DURATION),
        Some(lasts) if lasts.is_zero() || lasts > MAX_FOR => {
            reader.fault("for", format!("{text:?} is out of bounds"), "1s to 366d");
        }
        Some(lasts) => return Some(lasts),
    }
    None
}

fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_request() {
        let body = json!({"order": "drain", "target": "server-*", "pool": "web",
            "reason": "kernel update", "author": "ana@ns1", "for": "2h"});
        let request = read(&body).unwrap();
        assert_eq!(request.kind, Some(OverrideKind::Drain));
        assert_eq!(request.lasts, Some(Duration::from_secs(7200)));
        let body = json!({"order": "release", "target": "server-3", "author": "a", "for": null});
        assert_eq!((read(&body).unwrap().kind, read(&body).unwrap().lasts), (None, None));
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let body = json!({"order": "explode", "target": "a b", "pool": 7, "reason": "a\nb",
            "author": "x".repeat(200), "for": "2", "color": "red"});
        let keys: Vec<&str> = read(&body).unwrap_err().iter().map(|fault| fault.key).collect();
        assert_eq!(keys, ["", "order", "target", "pool", "reason", "author", "for"]);
        let missing: Vec<&str> = read(&json!({})).unwrap_err().iter().map(|f| f.key).collect();
        assert_eq!(missing, ["order", "target", "author"]);
        for author in ["", "  "] {
            let body = json!({"order": "drain", "target": "a", "author": author});
            let faults = read(&body).unwrap_err();
            assert_eq!((faults[0].key, faults[0].fault.as_str()), ("author", "is empty"));
        }
        let body = json!({"order": "drain", "target": "a", "author": "ana", "reason": "\u{202e}x"});
        assert_eq!(read(&body).unwrap_err()[0].key, "reason");
        let nulls = json!({"order": null, "target": null, "author": null});
        let missing: Vec<&str> = read(&nulls).unwrap_err().iter().map(|f| f.key).collect();
        assert_eq!(missing, ["order", "target", "author"]);
        assert_eq!(read(&json!([])).unwrap_err().len(), 1);
    }

    #[test]
    fn a_duration_has_a_unit_and_bounds() {
        assert_eq!(duration("7d"), Some(Duration::from_secs(604_800)));
        let huge = ["99999999999999999999s", "9999999999999999d"];
        for text in ["", "h", "2", "2 h", "-1h", "1.5h"].into_iter().chain(huge) {
            assert_eq!(duration(text), None, "{text}");
        }
        for text in ["0s", "367d"] {
            let body = json!({"order": "drain", "target": "a", "author": "a", "for": text});
            assert_eq!(read(&body).unwrap_err()[0].key, "for");
        }
    }
}
