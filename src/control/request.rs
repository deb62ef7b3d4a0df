//! Reads the JSON body of a request that writes, and collects every fault in it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cluster::visible::is_hidden;

/// Most octets of a target, a pool's name or an author.
pub const MAX_NAME: usize = 128;
/// Most octets of a reason.
pub const MAX_REASON: usize = 400;

/// One thing that is wrong with a request. `T` is `String` in a client that reads the reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFault<T = &'static str> {
    /// The key of the body; empty for the body as a whole.
    pub key: T,
    /// What is wrong.
    pub fault: String,
    /// What to write instead.
    pub write: String,
}

/// Reads the values of a body by their keys, and collects the faults.
#[derive(Debug)]
pub struct BodyReader<'a> {
    body: &'a Map<String, Value>,
    faults: Vec<RequestFault>,
}

/// A fault of the value of `key`; `write` is what to write instead.
pub fn fault(
    key: &'static str,
    fault: impl Into<String>,
    write: impl Into<String>,
) -> RequestFault {
    RequestFault { key, fault: fault.into(), write: write.into() }
}

/// The fault of a name that is not among `known`. `what` is the kind of thing that it should name.
pub fn unknown(key: &'static str, what: &str, name: &str, known: &[&str]) -> Vec<RequestFault> {
    /// Most known names that the fault lists.
    const SHOWN: usize = 20;
    let mut write = format!("one of {}", known[..known.len().min(SHOWN)].join(", "));
    if known.len() > SHOWN {
        write += &format!(" and {} more", known.len() - SHOWN);
    }
    vec![fault(key, format!("there is no {what} {name:?}"), write)]
}

impl<'a> BodyReader<'a> {
    /// Notes every key that is not among `keys`. The error is for a body that is no JSON object;
    /// it shows `example`, a minimal body.
    pub fn new(
        body: &'a Value,
        keys: &[&str],
        example: &str,
    ) -> Result<BodyReader<'a>, Vec<RequestFault>> {
        let Value::Object(body) = body else {
            return Err(vec![fault("", "the body is no JSON object", example)]);
        };
        let mut reader = BodyReader { body, faults: vec![] };
        for key in body.keys().filter(|key| !keys.contains(&key.as_str())) {
            let write = format!("one of {}", keys.join(", "));
            reader.fault("", format!("there is no key {key:?}"), write);
        }
        Ok(reader)
    }

    /// Whether the key has a value; `null` counts as absent.
    pub fn has(&self, key: &str) -> bool {
        self.body.get(key).is_some_and(|value| !value.is_null())
    }

    /// Fails with the faults noted so far, if there are any.
    pub fn end(self) -> Result<(), Vec<RequestFault>> {
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }

    /// Reads `true` or `false`. `None` if it is absent, `null`, or a fault.
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

    /// Reads a whole number from 0 to 100. `None` if it is absent, `null`, or a fault.
    pub fn percent(&mut self, key: &'static str) -> Option<u8> {
        let value = self.body.get(key).filter(|value| !value.is_null())?;
        let percent = value.as_u64().filter(|percent| *percent <= 100);
        if percent.is_none() {
            self.fault(key, "is no percentage", "a whole number from 0 to 100");
        }
        percent.and_then(|percent| u8::try_from(percent).ok())
    }

    /// Notes a fault.
    pub fn fault(&mut self, key: &'static str, what: impl Into<String>, write: impl Into<String>) {
        self.faults.push(fault(key, what, write));
    }

    /// Reads a string of at most `most` octets, without control characters and without characters
    /// that reorder a line (U+202E), and trims it. `None` if it is absent, `null`, or a fault.
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
