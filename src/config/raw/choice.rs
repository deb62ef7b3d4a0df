//! Values that can be written in two ways.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::cluster::node::Role;
use crate::cluster::pool::Alpn;
use crate::config::fault::Problem;
use crate::config::raw::keyword::ShortWord;
use crate::config::raw::scalar::{Scalar, Text, Whole, quoted};
use crate::config::serde_error;

/// `members:` of a pool.
#[derive(Debug)]
pub enum RawMembers {
    Names(Vec<String>),
    All(RawSelector),
}

/// All nodes of a role, or all with a tag.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "selector")]
pub struct RawSelector {
    pub role: Option<Scalar<Role>>,
    pub tag: Option<String>,
}

/// `when_short:` of a pool.
#[derive(Debug)]
pub enum RawWhenShort {
    Word(ShortWord),
    Fallback(RawFallback),
}

/// What another pool answers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "fallback", extend("required" = ["pool"]))]
pub struct RawFallback {
    pub pool: Option<String>,
}

/// `min_serving:` of a pool.
#[derive(Debug)]
pub enum RawMinServing {
    Number(Least),
    Families(RawFamilies),
}

/// Each address family for itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "min_serving")]
pub struct RawFamilies {
    /// Members with an IPv4 address. 1 when absent, if there are such members; with 0, A answers
    /// may have no address although AAAA answers have.
    #[schemars(extend("default" = 1))]
    pub v4: Option<Scalar<LeastOfFamily>>,
    /// Members with an IPv6 address. 1 when absent, if there are such members; with 0, AAAA answers
    /// may have no address although A answers have.
    #[schemars(extend("default" = 1))]
    pub v6: Option<Scalar<LeastOfFamily>>,
}

type Least = Whole<1, 65_535>;
type LeastOfFamily = Whole<0, 65_535>;

/// `https:` of a pool.
#[derive(Debug)]
pub enum RawHttpsRecord {
    Switch(bool),
    Record(RawRecord),
}

/// What the members speak on port 443.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "https_record", extend("required" = ["alpn"]))]
pub struct RawRecord {
    /// The best first.
    #[schemars(length(min = 1))]
    pub alpn: Option<Vec<Scalar<Alpn>>>,
}

impl<'de> Deserialize<'de> for RawMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawMembers, D::Error> {
        deserializer.deserialize_any(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = RawMembers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of node names, { role: child } or { tag: … }")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<RawMembers, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(names)).map(RawMembers::Names)
    }

    fn visit_map<A: MapAccess<'de>>(self, selector: A) -> Result<RawMembers, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(selector)).map(RawMembers::All)
    }
}

impl<'de> Deserialize<'de> for RawWhenShort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawWhenShort, D::Error> {
        deserializer.deserialize_any(WhenShortVisitor)
    }
}

struct WhenShortVisitor;

impl<'de> Visitor<'de> for WhenShortVisitor {
    type Value = RawWhenShort;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all, last_known, none or { pool: NAME }")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<RawWhenShort, E> {
        ShortWord::parse(word)
            .map(RawWhenShort::Word)
            .map_err(|problem| serde_error::encode(problem.and_help(", or { pool: NAME }")))
    }

    fn visit_map<A: MapAccess<'de>>(self, fallback: A) -> Result<RawWhenShort, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(fallback)).map(RawWhenShort::Fallback)
    }
}

impl<'de> Deserialize<'de> for RawMinServing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawMinServing, D::Error> {
        deserializer.deserialize_any(MinServingVisitor)
    }
}

struct MinServingVisitor;

impl<'de> Visitor<'de> for MinServingVisitor {
    type Value = RawMinServing;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or { v4: 2, v6: 1 }")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<RawMinServing, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<RawMinServing, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: Error>(self, number: &str) -> Result<RawMinServing, E> {
        Least::parse(number).map(RawMinServing::Number).map_err(serde_error::encode)
    }

    fn visit_map<A: MapAccess<'de>>(self, families: A) -> Result<RawMinServing, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(families)).map(RawMinServing::Families)
    }
}

impl JsonSchema for RawMinServing {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "min_serving".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [Least::schema(), generator.subschema_for::<RawFamilies>()] })
    }
}

impl<'de> Deserialize<'de> for RawHttpsRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawHttpsRecord, D::Error> {
        deserializer.deserialize_any(HttpsVisitor)
    }
}

struct HttpsVisitor;

impl<'de> Visitor<'de> for HttpsVisitor {
    type Value = RawHttpsRecord;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or { alpn: [h3, h2] }")
    }

    fn visit_bool<E: Error>(self, switch: bool) -> Result<RawHttpsRecord, E> {
        Ok(RawHttpsRecord::Switch(switch))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<RawHttpsRecord, E> {
        match word {
            "true" => Ok(RawHttpsRecord::Switch(true)),
            "false" => Ok(RawHttpsRecord::Switch(false)),
            word => {
                let help = "write true, false or { alpn: [h3, h2] }";
                let message = format!("unknown value {}", quoted(word));
                Err(serde_error::encode(Problem::new(message, help)))
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, record: A) -> Result<RawHttpsRecord, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(record)).map(RawHttpsRecord::Record)
    }
}

impl JsonSchema for RawHttpsRecord {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "https".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let switch = json_schema!({ "type": "boolean" });
        json_schema!({ "anyOf": [switch, generator.subschema_for::<RawRecord>()] })
    }
}

impl JsonSchema for RawMembers {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "members".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let names = json_schema!({ "type": "array", "items": { "type": "string" }, "minItems": 1 });
        json_schema!({ "anyOf": [names, generator.subschema_for::<RawSelector>()] })
    }
}

impl JsonSchema for RawWhenShort {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "when_short".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [ShortWord::schema(), generator.subschema_for::<RawFallback>()] })
    }
}
