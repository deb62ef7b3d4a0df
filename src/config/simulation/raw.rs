//! The raw types of a timeline.

use std::time::Duration;

use schemars::{Schema, json_schema};
use serde::Deserialize;

use crate::cluster::operator::{OverrideKind, Selector};
use crate::config::fault::Problem;
use crate::config::raw::keyword::Keyword;
use crate::config::raw::scalar::{Scalar, Text, Whole, either, quoted};
use crate::config::simulation::timeline::{AsksMother, CheckerLink, Does};
use crate::config::suggestion;

/// A timeline as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `config`, `until` and `events`")]
pub struct RawSimulation {
    /// The path of a config.yaml. A configuration in its place has been taken out before.
    pub config: Option<String>,
    pub until: Option<Scalar<Duration>>,
    pub seed: Option<Scalar<Whole<0, { u32::MAX }>>>,
    pub asks_mother: Option<Scalar<AsksMother>>,
    pub events: Vec<RawEvent>,
    pub clients: RawClients,
}

/// An event as written, about a node, the checker or the operator.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "`{ at: 10s, node: NAME, does: dies }`")]
pub struct RawEvent {
    pub at: Option<Scalar<Duration>>,
    pub node: Option<String>,
    pub does: Option<Scalar<RawDoes>>,
    pub checker: Option<Scalar<CheckerLink>>,
    pub operator: Option<Scalar<RawOrder>>,
}

/// `clients:` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `count` and `kinds`")]
pub struct RawClients {
    pub asks: Option<String>,
    pub count: Option<Scalar<Whole<1, 100_000>>>,
    pub every: Option<Scalar<Duration>>,
    pub kinds: Option<Vec<RawKind>>,
}

/// A kind of clients as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "`{ share: 10%, floor: 60s }`")]
pub struct RawKind {
    pub share: Option<Scalar<Percent>>,
    pub floor: Option<Scalar<Duration>>,
    pub pins: Option<Scalar<Duration>>,
}

/// A percentage such as `30%`: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(pub u8);

impl Text for Percent {
    fn parse(text: &str) -> Result<Percent, Problem> {
        let number = text.strip_suffix('%').and_then(|digits| digits.parse().ok());
        number.filter(|number| (1..=100).contains(number)).map(Percent).ok_or_else(|| {
            let message = format!("{} is no share", quoted(text));
            Problem::new(message, "write a whole number from 1 to 100 and `%`: 30%")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+%$" })
    }
}

/// What a node does from a time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawDoes {
    Once(Does),
    /// Refuses for this time, is healthy for this time, and so on.
    Flaps(Duration),
}

const DOES: [&str; 8] =
    ["dies", "refuses", "hangs", "fails", "loses 30%", "slows 3s", "flaps 20s", "recovers"];

impl Text for RawDoes {
    fn parse(text: &str) -> Result<RawDoes, Problem> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (word, rest.trim()) {
            ("dies", "") => Ok(RawDoes::Once(Does::Dies)),
            ("refuses", "") => Ok(RawDoes::Once(Does::Refuses)),
            ("hangs", "") => Ok(RawDoes::Once(Does::Hangs)),
            ("fails", "") => Ok(RawDoes::Once(Does::Fails)),
            ("recovers", "") => Ok(RawDoes::Once(Does::Recovers)),
            ("loses", share) => match Percent::parse(share) {
                Ok(Percent(share @ 1..=99)) => Ok(RawDoes::Once(Does::Loses(share))),
                _ => {
                    let message = format!("{} is no loss", quoted(share));
                    Err(Problem::new(message, "write 1% to 99%: loses 30%"))
                }
            },
            ("slows", time) => Ok(RawDoes::Once(Does::Slows(Duration::parse(time)?))),
            ("flaps", time) => match Duration::parse(time)? {
                Duration::ZERO => Err(Problem::new("no time to flap", "write flaps 20s")),
                time => Ok(RawDoes::Flaps(time)),
            },
            _ => {
                let first = |does: &&'static str| does.split(' ').next();
                let meant = suggestion::did_you_mean(word, DOES.iter().filter_map(first));
                let help = format!("{meant}write {}", either(&DOES));
                Err(Problem::new(format!("a node does not do {}", quoted(text)), help))
            }
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// What the operator does: `drain server-3`, `release tag:rack-a`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawOrder {
    /// `None` releases an override.
    pub order: Option<OverrideKind>,
    pub target: Selector,
}

impl Text for RawOrder {
    fn parse(text: &str) -> Result<RawOrder, Problem> {
        let (word, target) = text.split_once(' ').unwrap_or((text, ""));
        let known = || OverrideKind::ALL.iter().map(|order| order.as_str()).chain(["release"]);
        let order = OverrideKind::ALL.into_iter().find(|order| order.as_str() == word);
        if order.is_none() && word != "release" {
            let meant = suggestion::did_you_mean(word, known());
            let known: Vec<&str> = known().collect();
            let help = format!("{meant}write {} and a node", either(&known));
            return Err(Problem::new(format!("an operator does not {}", quoted(word)), help));
        }
        let target = target.trim();
        let target = Selector::parse(target).map_err(|help| {
            Problem::new(format!("{} means no node", quoted(target)), format!("write {help}"))
        })?;
        Ok(RawOrder { order, target })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl Keyword for CheckerLink {
    const WHAT: &'static str = "state of the checker";
    const WORDS: &'static [(&'static str, CheckerLink)] =
        &[("cut-off", CheckerLink::CutOff), ("recovers", CheckerLink::Recovers)];
}

impl Keyword for AsksMother {
    const WHAT: &'static str = "choice of checks";
    const WORDS: &'static [(&'static str, AsksMother)] =
        &[("deep", AsksMother::Deep), ("all", AsksMother::All), ("none", AsksMother::None)];
}
