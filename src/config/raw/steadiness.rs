//! The raw types of `damping` and `server.controls`.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::checks::dns::raw::RawDnsProbe;
use crate::checks::icmp::raw::RawIcmp;
use crate::checks::tcp::raw::RawTcp;
use crate::config::fault::Problem;
use crate::config::raw::scalar::{Scalar, Text, Whole, quoted};
use crate::config::serde_error;

/// A target outside of the cluster: its address, and one kind of probe.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "`{ address: 192.0.2.1, icmp: {} }`")]
#[schemars(rename = "control", extend("required" = ["address"]))]
pub struct RawControl {
    /// Of no node.
    pub address: Option<Scalar<IpAddr>>,
    pub icmp: Option<RawIcmp>,
    pub tcp: Option<RawTcp>,
    pub dns: Option<RawDnsProbe>,
}

/// `damping:` of a pool.
#[derive(Debug)]
pub enum RawDamping {
    Off,
    Rule(RawRule),
}

/// How often a member may fall, and how long it is held out when it falls more often.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "damping")]
pub struct RawRule {
    /// This fall within `within` is the first that holds the member out.
    #[schemars(extend("default" = 4))]
    pub falls: Option<Scalar<Whole<2, 20>>>,
    /// How long a fall is remembered, 1s to 1d.
    #[schemars(extend("default" = "1h"))]
    pub within: Option<Scalar<Duration>>,
    /// How long it is held out from that fall on; twice as long from the next. 1s to `most`.
    #[schemars(extend("default" = "1m"))]
    pub hold: Option<Scalar<Duration>>,
    /// No hold is longer. At most 1d.
    #[schemars(extend("default" = "30m"))]
    pub most: Option<Scalar<Duration>>,
}

/// A duration, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell(pub Option<Duration>);

impl Text for Spell {
    fn parse(text: &str) -> Result<Spell, Problem> {
        match text {
            "off" => Ok(Spell(None)),
            text => Duration::parse(text)
                .map(|spell| Spell(Some(spell)))
                .map_err(|problem| problem.and_help(", or `off`")),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^(off|[0-9]+(ms|s|m|h|d))$" })
    }
}

impl<'de> Deserialize<'de> for RawDamping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawDamping, D::Error> {
        deserializer.deserialize_any(DampingVisitor)
    }
}

struct DampingVisitor;

impl<'de> Visitor<'de> for DampingVisitor {
    type Value = RawDamping;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("off or { falls: 4, within: 1h, hold: 1m, most: 30m }")
    }

    fn visit_bool<E: Error>(self, switch: bool) -> Result<RawDamping, E> {
        self.visit_str(if switch { "on" } else { "off" })
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<RawDamping, E> {
        match word {
            "off" | "false" => Ok(RawDamping::Off),
            "on" | "true" => Ok(RawDamping::Rule(RawRule::default())),
            word => {
                let help = "write off or { falls: 4, within: 1h, hold: 1m, most: 30m }";
                let message = format!("unknown value {}", quoted(word));
                Err(serde_error::encode(Problem::new(message, help)))
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, rule: A) -> Result<RawDamping, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(rule)).map(RawDamping::Rule)
    }
}

impl JsonSchema for RawDamping {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "damping".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = json_schema!({ "enum": ["on", "off", true, false] });
        json_schema!({ "anyOf": [word, generator.subschema_for::<RawRule>()] })
    }
}
