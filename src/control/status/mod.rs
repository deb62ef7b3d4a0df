//! What the world is told of the running server: the body of `GET /api/v1/status`.
//!
//! Plain data, built by [`crate::control`] and handed out whole; pools in which nothing happened
//! are shared with the status before. Times are RFC 3339 in UTC, durations are in the unit that the
//! name ends with.

pub mod build;
pub mod cache;
pub mod member;
pub mod overrides;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub version: &'static str,
    /// `nsid` of config.yaml.
    pub nsid: Option<String>,
    pub started: String,
    /// The first round of probes is over, or its time is.
    pub ready: bool,
    pub config: ConfigStatus,
    pub zones: Vec<ZoneStatus>,
    pub pools: Vec<Arc<PoolStatus>>,
    /// The operator's orders in force, the newest last.
    pub overrides: Vec<OverrideStatus>,
    /// The newest last; at most 100.
    pub changes: Vec<ChangeStatus>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ConfigStatus {
    pub file: String,
    /// When what is served was loaded.
    pub loaded: String,
    /// Faults of the newest reload, when it was refused; what was served before still is.
    pub refused: Option<ReloadRefusal>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReloadRefusal {
    pub at: String,
    pub faults: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ZoneStatus {
    pub apex: String,
    /// The apex as people write it, if it has A-labels (`xn--…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unicode: Option<String>,
    pub serial: u32,
    pub records: usize,
}

#[derive(Debug, Clone, Serialize)]
pub struct PoolStatus {
    pub name: String,
    /// The DNS names that it is published under.
    pub names: Vec<String>,
    /// Names with A-labels (`xn--…`) as people write them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unicode_names: BTreeMap<String, String>,
    /// `null` when everyone may ask.
    pub clients: Option<Vec<String>>,
    /// rotate, weighted, failover or sticky.
    pub order: &'static str,
    /// Seconds in the answers now.
    pub ttl: u32,
    /// Seconds as configured; answers carry less while a member is not settled.
    pub ttl_configured: u32,
    pub max_answers: usize,
    /// Tags that name failure domains; `null` when answers are not spread over them.
    pub spread_by: Option<String>,
    pub min_serving: usize,
    /// Where the families are counted apart; `min_serving` is the larger one then.
    pub min_serving_families: Option<FamiliesStatus>,
    pub when_short: String,
    /// Members that serve by their health.
    pub serving: usize,
    /// Fewer than `min_serving` serve, and `when_short` decides.
    pub short: bool,
    /// Nodes of the tier in charge; `null` without `stay`.
    pub in_charge: Option<Vec<String>>,
    /// Since when the last set is kept, because most members failed at once.
    pub kept: Option<String>,
    /// No control target answers this machine.
    pub cut_off: bool,
    /// Nodes in the answers now; those of the fallback pool while that stands in.
    pub answering: Vec<String>,
    /// The same of each address family, where they are decided apart.
    pub answering_families: Option<AnsweringStatus>,
    /// One sentence.
    pub why: String,
    pub members: Vec<MemberStatus>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct FamiliesStatus {
    pub v4: usize,
    pub v6: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnsweringStatus {
    pub v4: Vec<String>,
    pub v6: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct MemberStatus {
    pub node: String,
    pub role: &'static str,
    pub addresses: Vec<String>,
    pub weight: u8,
    pub in_answers: bool,
    /// The order that counts for it, instead of its health.
    pub operator: Option<OperatorStatus>,
    /// One sentence.
    pub why: String,
    /// Percent of its part of the first places: below 100 while it starts slowly or says that it
    /// is loaded. The larger one of two families.
    pub share: u8,
    /// Falls that its damping remembers; the more of two families.
    pub falls: usize,
    /// It fell so often that it stays out until then, whatever its health says; in all of its
    /// families.
    pub held_until: Option<String>,
    /// What decides the rotation: the verdict of all of `checks`, where there are several. Of two
    /// families it is up while one of them is.
    pub check: CheckStatus,
    /// Each of several checks; empty when there is one.
    pub checks: Vec<NamedCheckStatus>,
    /// Each of two address families that have verdicts of their own; empty otherwise.
    pub families: Vec<FamilyStatus>,
    /// Shown and alerted only.
    pub deep: Option<CheckStatus>,
}

/// A member in one address family.
#[derive(Debug, Clone, Serialize)]
pub struct FamilyStatus {
    /// v4 or v6.
    pub family: &'static str,
    pub address: String,
    /// By its health, or the order that counts for it.
    pub serving: bool,
    pub in_answers: bool,
    /// One sentence.
    pub why: String,
    pub share: u8,
    pub falls: usize,
    pub held_until: Option<String>,
    pub check: CheckStatus,
    /// Each of several checks; empty when there is one.
    pub checks: Vec<NamedCheckStatus>,
}

#[derive(Debug, Clone, Serialize)]
pub struct OperatorStatus {
    /// draining, drained, forced up or forced down.
    pub state: &'static str,
    /// Whom the order named: a node, a pattern, a tag or a role.
    pub target: String,
    pub reason: String,
    pub author: String,
    pub since: String,
    /// When the order ends by itself.
    pub until: Option<String>,
    /// Of a drain: resolvers may hold the address until then.
    pub held_until: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverrideStatus {
    /// drain, force-up or force-down.
    pub order: &'static str,
    pub target: String,
    /// Only as members of this pool.
    pub pool: Option<String>,
    pub reason: String,
    pub author: String,
    pub since: String,
    pub until: Option<String>,
    /// Whom it means now. Empty: nobody, since a reload; the order is kept.
    pub nodes: Vec<String>,
}

/// What an order that was just given did to one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverrideEffect {
    pub pool: String,
    pub node: String,
    /// draining, drained, forced up or forced down.
    pub state: &'static str,
    /// True also of a drained member, where nobody else is left to be answered.
    pub in_answers: bool,
    /// Of a drain: resolvers may hold the address until then.
    pub held_until: Option<String>,
    /// One sentence.
    pub why: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct NamedCheckStatus {
    pub name: String,
    #[serde(flatten)]
    pub check: CheckStatus,
}

#[derive(Debug, Clone, Serialize)]
pub struct CheckStatus {
    /// `http`, `tcp`, `push` …: the key in config.yaml; `several`: the verdict of `checks`.
    pub kind: &'static str,
    /// What is probed, in words: `GET http://192.0.2.18:80/health`.
    pub probe: String,
    /// unknown, up, falling, down or rising.
    pub state: &'static str,
    /// `2/3` while falling or rising.
    pub progress: Option<String>,
    /// When it last became up or down.
    pub since: String,
    pub probes: u64,
    pub failures: u64,
    /// Probes that say nothing, as this machine was held up: they count as not sent.
    pub voids: u64,
    pub last_probe: Option<String>,
    /// Of the newest probe that had a verdict from the node.
    pub last_rtt_ms: Option<f64>,
    /// The newest healthy answer: `200`, `TLS, certificate expires in 12 days`.
    pub last_answer: Option<String>,
    /// Of the newest failed probe since the member was last up without a flaw.
    pub last_error: Option<String>,
    /// When the certificate expires that the newest healthy handshake showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_expires: Option<String>,
    /// Of a check with `load: true`.
    pub load: Option<LoadStatus>,
}

/// How much a node says that it can take.
#[derive(Debug, Clone, Serialize)]
pub struct LoadStatus {
    /// The newest word, in percent; `null` when it says nothing.
    pub said: Option<u8>,
    /// What follows from all of them: percent of its part of the first places. 1 to 100.
    pub share: u8,
    /// Words that were no whole number from 0 to 100.
    pub ignored: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ChangeStatus {
    pub at: String,
    pub pool: String,
    pub node: String,
    /// One sentence: `out of the answers of web: connection refused (3/3)`.
    pub what: String,
}
