//! The status of the server: the body of `GET /api/v1/status`.
//!
//! This file has the data. [`build`] makes it from the state ([`member`] and [`overrides`] are
//! parts of that), and [`cache`] holds what was last built: pools in which nothing happened are
//! shared with the previous status. Times are RFC 3339 in UTC; durations are in the unit that the
//! name ends with.

pub mod build;
pub mod cache;
pub mod member;
pub mod overrides;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub version: &'static str,
    /// `nsid` of config.yaml.
    pub nsid: Option<String>,
    pub started: String,
    /// Whether the first round of probes is over.
    pub ready: bool,
    pub config: ConfigStatus,
    pub zones: Vec<ZoneStatus>,
    pub pools: Vec<Arc<PoolStatus>>,
    /// The overrides in force, the newest last.
    pub overrides: Vec<OverrideStatus>,
    /// The latest changes, the newest last; at most 100.
    pub changes: Vec<ChangeStatus>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ConfigStatus {
    pub file: String,
    /// When the configuration that is served was loaded.
    pub loaded: String,
    /// The faults of the latest reload, if it was refused: the configuration did not change then.
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
    /// `rotate`, `weighted`, `failover` or `sticky`.
    pub order: &'static str,
    /// TTL of the answers now, in seconds.
    pub ttl: u32,
    /// TTL as configured, in seconds; answers carry less while a member is not stable.
    pub ttl_configured: u32,
    pub max_answers: usize,
    /// Tags that name failure domains; `null` when answers are not spread over them.
    pub spread_by: Option<String>,
    pub min_serving: usize,
    /// The numbers of each family, where they are counted apart; `min_serving` is the larger one
    /// then.
    pub min_serving_families: Option<FamiliesStatus>,
    pub when_short: String,
    /// How many members serve.
    pub serving: usize,
    /// Whether fewer than `min_serving` serve, so that `when_short` decides.
    pub short: bool,
    /// Nodes of the active tier; `null` without `stay`.
    pub in_charge: Option<Vec<String>>,
    /// Since when the last set is kept because most members failed at once; `null` otherwise.
    pub kept: Option<String>,
    /// Whether no control target answers this machine.
    pub cut_off: bool,
    /// Nodes in the answers now: those of the fallback pool while it stands in.
    pub answering: Vec<String>,
    /// The same for each address family, where they are decided apart.
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
    /// The override that counts instead of its health.
    pub operator: Option<OperatorStatus>,
    /// One sentence.
    pub why: String,
    /// The share of its full part in the answers, in percent: below 100 while it starts slowly or
    /// reports load. The larger of two families.
    pub share: u8,
    /// Falls within the window of its damping; the larger number of two families.
    pub falls: usize,
    /// Until when its damping holds it out in all of its families; `null` otherwise.
    pub held_until: Option<String>,
    /// The check that decides, or the verdict of all `checks` where there are several. With two
    /// families it is up while one of them is.
    pub check: CheckStatus,
    /// Each of several checks; empty when there is one.
    pub checks: Vec<NamedCheckStatus>,
    /// Each of two address families that have verdicts of their own; empty otherwise.
    pub families: Vec<FamilyStatus>,
    /// The deep check, which decides nothing.
    pub deep: Option<CheckStatus>,
}

/// A member in one address family.
#[derive(Debug, Clone, Serialize)]
pub struct FamilyStatus {
    /// `v4` or `v6`.
    pub family: &'static str,
    pub address: String,
    /// Whether it serves, by its health or its override.
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
    /// `draining`, `drained`, `forced up` or `forced down`.
    pub state: &'static str,
    /// What the override selects: a node, a pattern, a tag or a role.
    pub target: String,
    pub reason: String,
    pub author: String,
    pub since: String,
    /// When the override ends by itself; `null` if it does not.
    pub until: Option<String>,
    /// Until when resolvers may hold the address of a drained member; `null` of other kinds.
    pub held_until: Option<String>,
}

/// `T` is `String` where a client reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideStatus<T = &'static str> {
    /// `drain`, `force-up` or `force-down`.
    pub order: T,
    pub target: String,
    /// The pool in which the override counts; `null` for every pool.
    pub pool: Option<String>,
    pub reason: String,
    pub author: String,
    pub since: String,
    pub until: Option<String>,
    /// The nodes that it selects now. Empty if none is left after a reload; the override stays in
    /// force.
    pub nodes: Vec<String>,
}

/// What a new override did to one member. `T` is `String` where a client reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideEffect<T = &'static str> {
    pub pool: String,
    pub node: String,
    /// `draining`, `drained`, `forced up` or `forced down`.
    pub state: T,
    /// True also for a drained member when no other member is left to be answered.
    pub in_answers: bool,
    /// Until when resolvers may hold the address of a drained member; `null` of other kinds.
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
    /// `unknown`, `up`, `falling`, `down` or `rising`.
    pub state: &'static str,
    /// `2/3` while falling or rising.
    pub progress: Option<String>,
    /// When it last became up or down.
    pub since: String,
    pub probes: u64,
    pub failures: u64,
    /// Void probes: they have no result, because this machine was held up, and count as not sent.
    pub voids: u64,
    pub last_probe: Option<String>,
    /// Round-trip time of the latest healthy probe, in milliseconds.
    pub last_rtt_ms: Option<f64>,
    /// The latest healthy answer: `200`, `TLS, certificate expires in 12 days`.
    pub last_answer: Option<String>,
    /// The latest failure since the member was last up without a failure counted.
    pub last_error: Option<String>,
    /// When the certificate of the latest healthy handshake expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_expires: Option<String>,
    /// `null` unless the check has `load: true`.
    pub load: Option<LoadStatus>,
}

/// The load that a node reports.
#[derive(Debug, Clone, Serialize)]
pub struct LoadStatus {
    /// The latest reported capacity, in percent; `null` when the node reports none.
    pub said: Option<u8>,
    /// The share that follows, in percent: 1 to 100.
    pub share: u8,
    /// Reports that were no whole number from 0 to 100.
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
