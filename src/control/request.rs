//! What an operator asks for, as it comes over the API: read, with every fault at once.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::cluster::operator::{Order, Target};
use crate::cluster::visible::is_hidden;

/// Octets of a target, a pool's name or an author.
pub const MAX_NAME: usize = 128;
/// Octets of a reason.
pub const MAX_REASON: usize = 400;
/// Longest time that an order may be given for.
const MAX_FOR: Duration = Duration::from_secs(366 * 86_400);
const KEYS: [&str; 6] = ["order", "target", "pool", "reason", "author", "for"];
const DURATION: &str = "a number and its unit: 90s, 30m, 2h, 7d";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `None` releases.
    pub order: Option<Order>,
    pub target: Target,
    pub pool: Option<String>,
    pub reason: String,
    pub author: String,
    pub lasts: Option<Duration>,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestFault {
    /// The key of the body that is meant; empty: all of it.
    pub key: &'static str,
    pub fault: String,
    /// What to write instead.
    pub write: String,
}

/// Reads a body, and gathers what is wrong with it.
#[derive(Debug)]
pub struct Reader<'a> {
    body: &'a Map<String, Value>,
    faults: Vec<RequestFault>,
}

pub fn fault(
    key: &'static str,
    fault: impl Into<String>,
    write: impl Into<String>,
) -> RequestFault {
    RequestFault { key, fault: fault.into(), write: write.into() }
}

pub fn read(body: &Value) -> Result<Request, Vec<RequestFault>> {
    let mut reader = Reader::new(body, &KEYS, "{\"order\": …, \"target\": …}")?;
    let order = reader.order();
    let target = reader.target();
    let pool = reader.text("pool", MAX_NAME);
    let reason = reader.text("reason", MAX_REASON).unwrap_or_default();
    let author = reader.text("author", MAX_NAME);
    let lasts = reader.lasts();
    let missing = match &author {
        Some(author) => author.is_empty().then_some("is empty"),
        None => (!reader.has("author")).then_some("is missing"),
    };
    if let Some(missing) = missing {
        reader.fault("author", missing, "who orders it: name@machine");
    }
    match (order, target, author, reader.faults) {
        (Some(order), Some(target), Some(author), faults) if faults.is_empty() => {
            Ok(Request { order, target, pool, reason, author, lasts })
        }
        (.., faults) => Err(faults),
    }
}

/// A name that nothing has.
pub fn unknown(key: &'static str, what: &str, name: &str, known: &[&str]) -> Vec<RequestFault> {
    /// Names that are told.
    const SHOWN: usize = 20;
    let mut write = format!("one of {}", known[..known.len().min(SHOWN)].join(", "));
    if known.len() > SHOWN {
        write += &format!(" and {} more", known.len() - SHOWN);
    }
    vec![fault(key, format!("there is no {what} {name:?}"), write)]
}

impl<'a> Reader<'a> {
    /// `example` is a body with what it needs.
    pub fn new(
        body: &'a Value,
        keys: &[&str],
        example: &str,
    ) -> Result<Reader<'a>, Vec<RequestFault>> {
        let Value::Object(body) = body else {
            return Err(vec![fault("", "the body is no JSON object", example)]);
        };
        let mut reader = Reader { body, faults: vec![] };
        for key in body.keys().filter(|key| !keys.contains(&key.as_str())) {
            let write = format!("one of {}", keys.join(", "));
            reader.fault("", format!("there is no key {key:?}"), write);
        }
        Ok(reader)
    }

    /// Whether something is written there; `null` is as good as nothing.
    pub fn has(&self, key: &str) -> bool {
        self.body.get(key).is_some_and(|value| !value.is_null())
    }

    /// Every fault that was found.
    pub fn end(self) -> Result<(), Vec<RequestFault>> {
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }

    /// `true` or `false`; `null` is as good as nothing.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        match self.body.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(_) => {
                self.fault(key, "is neither true nor false", "true or false");
                None
            }
        }
    }

    /// 0 to 100; `null` is as good as nothing.
    pub fn percent(&mut self, key: &'static str) -> Option<u8> {
        let value = self.body.get(key).filter(|value| !value.is_null())?;
        let percent = value.as_u64().filter(|percent| *percent <= 100);
        if percent.is_none() {
            self.fault(key, "is no percentage", "a whole number from 0 to 100");
        }
        percent.and_then(|percent| u8::try_from(percent).ok())
    }

    pub fn fault(&mut self, key: &'static str, what: impl Into<String>, write: impl Into<String>) {
        self.faults.push(fault(key, what, write));
    }

    fn order(&mut self) -> Option<Option<Order>> {
        const RELEASE: &str = "release";
        let choice = || {
            let orders = Order::ALL.map(Order::as_str).join(", ");
            format!("one of {orders}, {RELEASE}")
        };
        let Some(text) = self.text("order", MAX_NAME) else {
            if !self.has("order") {
                self.fault("order", "is missing", choice());
            }
            return None;
        };
        let order = Order::ALL.into_iter().find(|order| order.as_str() == text);
        if order.is_none() && text != RELEASE {
            self.fault("order", format!("there is no order {text:?}"), choice());
            return None;
        }
        Some(order)
    }

    fn target(&mut self) -> Option<Target> {
        let text = self.text("target", MAX_NAME);
        if text.is_none() && self.has("target") {
            return None;
        }
        let parsed = Target::parse(text.as_deref().unwrap_or_default());
        let what = text.map_or("is missing".into(), |text| format!("{text:?} is no target"));
        parsed.map_err(|write| self.fault("target", what, write)).ok()
    }

    fn lasts(&mut self) -> Option<Duration> {
        let text = self.text("for", MAX_NAME)?;
        match duration(&text) {
            None => self.fault("for", format!("{text:?} is no duration"), DURATION),
            Some(lasts) if lasts.is_zero() || lasts > MAX_FOR => {
                self.fault("for", format!("{text:?} is out of bounds"), "1s to 366d");
            }
            Some(lasts) => return Some(lasts),
        }
        None
    }

    /// A string without control characters, those included that reorder a line (U+202E). `null` is
    /// as good as nothing.
    pub fn text(&mut self, key: &'static str, most: usize) -> Option<String> {
        match self.body.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.len() > most => {
                self.fault(key, format!("has {} octets", text.len()), format!("at most {most}"));
                None
            }
            Some(Value::String(text)) if text.chars().any(is_hidden) => {
                self.fault(key, "has control characters", "one line of text");
                None
            }
            Some(Value::String(text)) => Some(text.trim().to_owned()),
            Some(_) => {
                self.fault(key, "is no string", "a text in quotes");
                None
            }
        }
    }
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
        assert_eq!(request.order, Some(Order::Drain));
        assert_eq!(request.lasts, Some(Duration::from_secs(7200)));
        let body = json!({"order": "release", "target": "server-3", "author": "a", "for": null});
        assert_eq!((read(&body).unwrap().order, read(&body).unwrap().lasts), (None, None));
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
