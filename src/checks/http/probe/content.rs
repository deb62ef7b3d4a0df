//! What the body of a healthy answer says, and what it does not say.
//!
//! A text that must be there is looked for piece by piece, and nothing behind it is waited for. For
//! anything else the body is kept up to [`MAX_READ`]: a text that must not be there is looked for
//! in so much of it, and JSON must not be longer.

use std::sync::Arc;

use serde_json::Value;

use crate::checks::http::checked::{HttpProbe, JsonMatch};
use crate::checks::http::probe::body::Body;
use crate::health::probe::failure::Failure;
use crate::health::probe::find::{Find, MAX_READ};

#[derive(Debug)]
pub struct Content {
    text: Option<Arc<str>>,
    not: Option<Arc<str>>,
    json: Box<[JsonMatch]>,
}

impl Content {
    pub fn new(probe: &HttpProbe) -> Content {
        Content {
            text: probe.body.as_deref().map(Arc::from),
            not: probe.body_not.as_deref().map(Arc::from),
            json: probe.json.clone().into(),
        }
    }

    pub fn is_looked_at(&self) -> bool {
        self.text.is_some() || self.needs_all()
    }

    fn needs_all(&self) -> bool {
        self.not.is_some() || !self.json.is_empty()
    }

    pub async fn judge(&self, mut body: Body) -> Result<(), Failure> {
        let (mut find, mut kept) = (self.text.as_ref().map(Find::new), vec![]);
        while let Some(piece) = body.next().await? {
            if let Some(verdict) = find.as_mut().and_then(|find| find.take(&piece)) {
                verdict?;
                find = None;
            }
            kept.extend_from_slice(&piece[..piece.len().min(MAX_READ + 1 - kept.len())]);
            if kept.len() > MAX_READ || (find.is_none() && !self.needs_all()) {
                break;
            }
        }
        if let Some(find) = find {
            return Err(find.ended());
        }
        self.judge_all(&kept)
    }

    /// `body` is one octet longer than [`MAX_READ`] when it was cut off there.
    fn judge_all(&self, body: &[u8]) -> Result<(), Failure> {
        if let Some(text) = &self.not {
            let all = &body[..body.len().min(MAX_READ)];
            if all.windows(text.len()).any(|window| window == text.as_bytes()) {
                return Err(Failure::Holds(text.clone()));
            }
        }
        if self.json.is_empty() {
            return Ok(());
        }
        if body.len() > MAX_READ {
            return Err(Failure::LongJson);
        }
        let value: Value = serde_json::from_slice(body).map_err(|_| Failure::NotJson)?;
        self.json.iter().try_for_each(|wanted| compare(wanted, &value))
    }
}

fn compare(wanted: &JsonMatch, document: &Value) -> Result<(), Failure> {
    let pointer = || Arc::from(wanted.pointer.as_str());
    let Some(value) = document.pointer(&wanted.pointer) else {
        return Err(Failure::NoValue(pointer()));
    };
    let got: Arc<str> = match value {
        Value::String(text) => text.as_str().into(),
        Value::Object(_) => "{…}".into(),
        Value::Array(_) => "[…]".into(),
        Value::Number(_) | Value::Bool(_) | Value::Null => value.to_string().into(),
    };
    let is_single = !(value.is_object() || value.is_array());
    let is_equal = is_single && *got == *wanted.value;
    match is_equal == wanted.equal {
        true => Ok(()),
        false => {
            let expected = wanted.equal.then(|| Arc::from(wanted.value.as_str()));
            Err(Failure::Value { pointer: pointer(), got, expected })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(not: Option<&str>, json: &[(&str, &str, bool)], body: &str) -> String {
        let json = json.iter().map(|(pointer, value, equal)| JsonMatch {
            pointer: (*pointer).into(),
            value: (*value).into(),
            equal: *equal,
        });
        let content = Content { text: None, not: not.map(Arc::from), json: json.collect() };
        match content.judge_all(body.as_bytes()) {
            Ok(()) => "up".into(),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn a_text_that_must_not_be_there() {
        assert_eq!(judged(Some("ERROR"), &[], "all is well"), "up");
        assert_eq!(judged(Some("ERROR"), &[], "an ERROR"), "`ERROR` is in the answer");
        assert_eq!(judged(Some("ERROR"), &[], ""), "up");
    }

    #[test]
    fn values_of_a_json_document() {
        let body = r#"{"status":"up","ready":true,"free":5,"none":null,"a/b":[1.5,{}]}"#;
        let is = |pointer, value| judged(None, &[(pointer, value, true)], body);
        for (pointer, value) in [
            ("/status", "up"),
            ("/ready", "true"),
            ("/free", "5"),
            ("/none", "null"),
            ("/a~1b/0", "1.5"),
        ] {
            assert_eq!(is(pointer, value), "up", "{pointer}");
            let other = judged(None, &[(pointer, value, false)], body);
            assert_eq!(other, format!("{pointer} is `{value}`"));
            assert_eq!(judged(None, &[(pointer, "else", false)], body), "up");
        }
        assert_eq!(is("/status", "down"), "/status is `up`, expected `down`");
        assert_eq!(is("/a~1b/1", "{…}"), "/a~1b/1 is `{…}`, expected `{…}`");
        assert_eq!(is("/gone", "x"), "there is no /gone in the answer");
        assert_eq!(judged(None, &[("/gone", "x", false)], body), "there is no /gone in the answer");
    }

    #[test]
    fn what_is_no_json_or_too_much_of_it() {
        let status = [("/status", "up", true)];
        for body in ["", "<html>", "{\"status\":", "{\"status\":\"up\"} x", &"[".repeat(10_000)] {
            assert_eq!(judged(None, &status, body), "the answer is not JSON");
        }
        let long = format!("{{\"status\":\"up\",\"x\":\"{}\"}}", "x".repeat(MAX_READ));
        let told = judged(None, &status, &long[..=MAX_READ]);
        assert_eq!(told, "the answer is JSON of more than 64 KiB");
    }
}
