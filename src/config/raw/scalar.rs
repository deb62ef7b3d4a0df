//! Single values as they are written. Each type has its own message and help for a wrong text.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer};

use crate::cluster::checks::MAX_CHECKS;
use crate::config::fault::Problem;
use crate::config::serde_error;

const MOST_CHECKS: u32 = MAX_CHECKS as u32;

/// A value that is written as the text of a `T`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scalar<T>(pub T);

pub trait Text: Sized {
    fn parse(text: &str) -> Result<Self, Problem>;
    fn schema() -> Schema;
}

impl<'de, T: Text> Deserialize<'de> for Scalar<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar<T>, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::parse(&text).map(Scalar).map_err(serde_error::encode)
    }
}

impl<T: Text> JsonSchema for Scalar<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        std::any::type_name::<T>().into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Text for Whole<MIN, MAX> {
    fn parse(text: &str) -> Result<Self, Problem> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text.parse().ok().filter(|value| (MIN..=MAX).contains(value));
        value.filter(|_| digits).map(Whole).ok_or_else(|| {
            let is = if digits { "is out of range" } else { "is no whole number" };
            let help = format!("write a whole number from {MIN} to {MAX}");
            Problem::new(format!("{} {is}", quoted(text)), help)
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

pub type Port = Scalar<Whole<1, 65_535>>;
/// A number of checks.
pub type Count = Scalar<Whole<1, 100>>;

/// `5s`, `500ms`, `1m`, `2h` or `1d`.
impl Text for Duration {
    fn parse(text: &str) -> Result<Duration, Problem> {
        let at = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(at);
        let unit: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" if !digits.is_empty() => {
                let message = format!("{} has no unit", quoted(text));
                return Err(Problem::new(message, format!("write `{text}s` for seconds")));
            }
            _ => return Err(no_duration(text)),
        };
        let value: u64 = digits.parse().map_err(|_| no_duration(text))?;
        value.checked_mul(unit).map(Duration::from_millis).ok_or_else(|| no_duration(text))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
    }
}

fn no_duration(text: &str) -> Problem {
    let message = format!("{} is no duration", quoted(text));
    Problem::new(message, "write a number and its unit: 500ms, 5s, 1m")
}

impl Text for Ipv4Addr {
    fn parse(text: &str) -> Result<Ipv4Addr, Problem> {
        text.parse().map_err(|_| match text.parse::<Ipv6Addr>() {
            Ok(_) => problem(text, "is an IPv6 address", "write it as `address6`"),
            Err(_) => {
                let help = "write four numbers up to 255: 192.0.2.1";
                problem(text, "is no IPv4 address", help)
            }
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "format": "ipv4" })
    }
}

impl Text for Ipv6Addr {
    fn parse(text: &str) -> Result<Ipv6Addr, Problem> {
        text.parse().map_err(|_| match text.parse::<Ipv4Addr>() {
            Ok(_) => problem(text, "is an IPv4 address", "write it as `address`"),
            Err(_) => problem(text, "is no IPv6 address", "write one: \"2001:db8::1\""),
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "format": "ipv6" })
    }
}

impl Text for IpAddr {
    fn parse(text: &str) -> Result<IpAddr, Problem> {
        text.parse()
            .map_err(|_| problem(text, "is no address", "write one: 10.0.0.1 or \"fd00::1\""))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] })
    }
}

impl Text for SocketAddr {
    fn parse(text: &str) -> Result<SocketAddr, Problem> {
        text.parse().map_err(|_| match text.parse() {
            Ok(IpAddr::V4(_)) => problem(text, "has no port", &format!("write `{text}:53`")),
            Ok(IpAddr::V6(_)) => problem(text, "has no port", &format!("write `\"[{text}]:53\"`")),
            Err(_) => {
                let help = "write one: 127.0.0.1:53 or \"[::1]:53\"";
                problem(text, "is no address with a port", help)
            }
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^.+:[0-9]+$" })
    }
}

/// An address with a port, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switchable(pub Option<SocketAddr>);

impl Text for Switchable {
    fn parse(text: &str) -> Result<Switchable, Problem> {
        match text {
            "off" => Ok(Switchable(None)),
            text => SocketAddr::parse(text)
                .map(|address| Switchable(Some(address)))
                .map_err(|problem| problem.and_help(", or `off`")),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^(off|.+:[0-9]+)$" })
    }
}

/// A network; an address alone is a network of one.
impl Text for IpNet {
    fn parse(text: &str) -> Result<IpNet, Problem> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(IpNet::from(address));
        }
        let network: IpNet = text.parse().map_err(|_| {
            problem(text, "is no network", "write one: 10.0.0.0/24 or \"fd00::/64\"")
        })?;
        if network != network.trunc() {
            let help = format!("write `{}`", network.trunc());
            return Err(problem(text, "has bits behind its prefix", &help));
        }
        Ok(network)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// A status code, or a range of them: `200`, `200-299`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses(pub u16, pub u16);

impl Text for Statuses {
    fn parse(text: &str) -> Result<Statuses, Problem> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let code = |text: &str| text.parse().ok().filter(|code| (100..=599).contains(code));
        match (code(first), code(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Statuses(first, last)),
            _ => {
                let help = "write a code from 100 to 599 or a range: 200, 200-299";
                Err(problem(text, "is no status", help))
            }
        }
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [
            { "type": "integer", "minimum": 100, "maximum": 599 },
            { "type": "string", "pattern": "^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$" },
        ] })
    }
}

/// How many of a list: `all`, `any` or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    All,
    Any,
    Least(u32),
}

impl Text for Need {
    fn parse(text: &str) -> Result<Need, Problem> {
        match text {
            "all" => Ok(Need::All),
            "any" => Ok(Need::Any),
            text => Whole::<1, MOST_CHECKS>::parse(text)
                .map(|least| Need::Least(least.0))
                .map_err(|problem| problem.and_help(", or all or any")),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string", "enum": ["all", "any"] },
            { "type": "integer", "minimum": 1, "maximum": MOST_CHECKS },
        ] })
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::All => f.write_str("all"),
            Need::Any => f.write_str("any"),
            Need::Least(least) => write!(f, "{least}"),
        }
    }
}

/// `true` or `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch(pub bool);

impl Text for Switch {
    fn parse(text: &str) -> Result<Switch, Problem> {
        match text {
            // The words of YAML 1.1, which some editors and people write.
            "true" | "on" => Ok(Switch(true)),
            "false" | "off" => Ok(Switch(false)),
            text => {
                let message = format!("unknown value {}", quoted(text));
                Err(Problem::new(message, "write true or false"))
            }
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

/// The expected value at a place of a JSON document, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonValue(pub String);

impl Text for JsonValue {
    fn parse(text: &str) -> Result<JsonValue, Problem> {
        Ok(JsonValue(text.to_owned()))
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// `TEXT is …`.
fn problem(text: &str, is: &str, help: &str) -> Problem {
    Problem::new(format!("{} {is}", quoted(text)), help)
}

/// `a, b or c`.
pub fn either(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}

/// `TEXT` in backquotes, cut to a bounded length for messages.
pub fn quoted(text: &str) -> String {
    const MAX_QUOTED: usize = 60;
    match text.char_indices().nth(MAX_QUOTED) {
        Some((cut, _)) => format!("`{}…`", text[..cut].escape_debug()),
        None => format!("`{}`", text.escape_debug()),
    }
}
