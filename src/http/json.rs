//! Reads the JSON of requests, and writes the JSON of responses.
//!
//! In requests, a duplicate key is refused. Otherwise one of the two would win silently, and which
//! one depends on the reader: a proxy that checks the first would let the second through.
//!
//! In responses, characters that are not shown as they are (control characters, bidi overrides) are
//! written as `\u202e`, which reads back as the same text and does nothing to a terminal.

use std::fmt;
use std::io::{self, Write};

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::ser::{CompactFormatter, Formatter};
use serde_json::{Map, Number, Value};

use crate::cluster::visible::is_hidden;

/// Parses `text`. An object with a duplicate key is an error.
pub fn read(text: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice::<UniqueKeys>(text).map(|UniqueKeys(value)| value)
}

/// A value whose objects have no duplicate keys.
struct UniqueKeys(Value);

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<UniqueKeys, D::Error> {
        deserializer.deserialize_any(AnyValue).map(UniqueKeys)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = vec![];
        while let Some(UniqueKeys(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, UniqueKeys(value))) = entries.next_entry::<String, UniqueKeys>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} stands twice")));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// A response with this value as its body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut body = vec![];
        let mut serializer = serde_json::Serializer::with_formatter(&mut body, EscapeHidden);
        match self.0.serialize(&mut serializer) {
            Ok(()) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}

/// Formats like serde_json, and escapes hidden characters.
struct EscapeHidden;

impl Formatter for EscapeHidden {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_hidden) {
            let (plain, hidden) = rest.split_at(at);
            CompactFormatter.write_string_fragment(writer, plain)?;
            let mut chars = hidden.chars();
            for unit in chars.next().into_iter().flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec())
            {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = chars.as_str();
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_refused_at_any_depth() {
        let text = br#"{"a": [1, -2, 2.5, null, true, {"b": "c"}], "d": {}}"#;
        assert_eq!(read(text).unwrap(), serde_json::from_slice::<Value>(text).unwrap());
        for twice in [r#"{"a": 1, "a": 1}"#, r#"[{"b": {"a": 1, "\u0061": 2}}]"#] {
            let fault = read(twice.as_bytes()).unwrap_err().to_string();
            assert!(fault.starts_with("the key \"a\" stands twice"), "{fault}");
        }
        assert!(read(b"{").is_err() && read(b"1 2").is_err());
    }

    #[test]
    fn what_would_not_be_seen_is_escaped_and_reads_back_the_same() {
        let text = "ñ \u{202e}nwod\u{9b}\u{feff} \"\\\n\u{1}";
        let mut body = vec![];
        let mut serializer = serde_json::Serializer::with_formatter(&mut body, EscapeHidden);
        [text].serialize(&mut serializer).unwrap();
        let body = String::from_utf8(body).unwrap();
        assert_eq!(body, "[\"ñ \\u202enwod\\u009b\\ufeff \\\"\\\\\\n\\u0001\"]");
        assert_eq!(serde_json::from_str::<[String; 1]>(&body).unwrap(), [text]);
    }
}
