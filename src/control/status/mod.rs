//! The status of the server: the body of `GET /api/v1/status`.
//!
//! This file defines the data. [`build`] fills it from the state, with the help of [`member`] and
//! [`overrides`]. [`cache`] holds the pools as they were last built, so a new status shares the
//! pools in which nothing happened with the previous one. Times are RFC 3339 in UTC; the name of a
//! duration ends with its unit.

pub mod build;
pub mod cache;
pub mod member;
pub mod overrides;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The status of the server.
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

/// The configuration that is served.
#[derive(Debug, Clone, Serialize)]
pub struct ConfigStatus {
    /// The path of config.yaml.
    pub file: String,
    /// When the configuration that is served was loaded.
    pub loaded: String,
    /// The latest reload, if it was refused and the configuration did not change; `null` otherwise.
    pub refused: Option<ReloadRefusal>,
}

/// A reload that was refused.
#[derive(Debug, Clone, Serialize)]
pub struct ReloadRefusal {
    pub at: String,
    pub faults: Vec<String>,
}

/// One zone.
#[derive(Debug, Clone, Serialize)]
pub struct ZoneStatus {
    pub apex: String,
    /// The apex as people write it, if it has A-labels (`xn--…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unicode: Option<String>,
    pub serial: u32,
    pub records: usize,
}

/// One pool.
#[derive(Debug, Clone, Serialize)]
pub struct PoolStatus {
    pub name: String,
    /// The DNS names that it is published under.
    pub names: Vec<String>,
    /// Names with A-labels (`xn--…`) as people write them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unicode_names: BTreeMap<String, String>,
    /// The networks whose clients may ask for the names; `null` if everyone may.
    pub clients: Option<Vec<String>>,
    /// `rotate`, `weighted`, `failover` or `sticky`.
    pub order: &'static str,
    /// TTL of the answers now, in seconds.
    pub ttl: u32,
    /// TTL as configured, in seconds; answers carry less while a member is not stable.
    pub ttl_configured: u32,
    /// Most addresses of one family in an answer.
    pub max_answers: usize,
    /// Tags that name failure domains; `null` if answers are not spread over failure domains.
    pub spread_by: Option<String>,
    /// With fewer serving members than this, `when_short` decides.
    pub min_serving: usize,
    /// `min_serving` of each family, if config.yaml has two numbers; `min_serving` is then the
    /// larger one.
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
    /// Whether this machine is cut off: most members fail, and no control target answers.
    pub cut_off: bool,
    /// Nodes in the answers now; nodes of the fallback pool while it stands in.
    pub answering: Vec<String>,
    /// The nodes in the answers of each address family; `null` if both families have the same.
    pub answering_families: Option<AnsweringStatus>,
    /// Why these nodes are answered, in one sentence.
    pub why: String,
    pub members: Vec<MemberStatus>,
}

/// A number of members for each family.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FamiliesStatus {
    pub v4: usize,
    pub v6: usize,
}

/// The nodes in the answers, by family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnsweringStatus {
    pub v4: Vec<String>,
    pub v6: Vec<String>,
}

/// One member of a pool.
#[derive(Debug, Clone, Serialize)]
pub struct MemberStatus {
    pub node: String,
    pub role: &'static str,
    pub addresses: Vec<String>,
    pub weight: u8,
    pub in_answers: bool,
    /// The override that counts; `null` while the member's health decides.
    pub operator: Option<OperatorStatus>,
    /// Why it is answered or not, in one sentence.
    pub why: String,
    /// The share of its full part in the answers, in percent: below 100 while it starts slowly or
    /// reports load. With two verdicts, the larger share.
    pub share: u8,
    /// Falls within the window of its damping; with two verdicts, the larger number.
    pub falls: usize,
    /// Until when its damping holds it out in all of its families; `null` otherwise.
    pub held_until: Option<String>,
    /// The check that decides, or the verdict of all `checks` if there are several. With two
    /// verdicts it is up while one of them is up.
    pub check: CheckStatus,
    /// Each of several checks; empty when there is one.
    pub checks: Vec<NamedCheckStatus>,
    /// The two address families, if each has a verdict of its own; empty otherwise.
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
    /// Why it is answered or not, in one sentence.
    pub why: String,
    /// The share of its full part in the answers, in percent.
    pub share: u8,
    /// Falls within the window of its damping.
    pub falls: usize,
    /// Until when its damping holds it out; `null` without a hold.
    pub held_until: Option<String>,
    pub check: CheckStatus,
    /// Each of several checks; empty when there is one.
    pub checks: Vec<NamedCheckStatus>,
}

/// The override that counts for a member.
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
    /// Until when resolvers may hold the address of a drained member; `null` unless it is drained.
    pub held_until: Option<String>,
}

/// An override in force. `T` is `String` in a client that reads the status.
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
    /// The nodes that it selects now. It stays in force even if a reload leaves none.
    pub nodes: Vec<String>,
}

/// What a new override did to one member. `T` is `String` in a client that reads the reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideEffect<T = &'static str> {
    pub pool: String,
    pub node: String,
    /// `draining`, `drained`, `forced up` or `forced down`.
    pub state: T,
    /// True also for a drained member when no other member is left to be answered.
    pub in_answers: bool,
    /// Until when resolvers may hold the address of a drained member; `null` unless it is drained.
    pub held_until: Option<String>,
    /// Why it is answered or not, in one sentence.
    pub why: String,
}

/// One of several checks, with its name in config.yaml.
#[derive(Debug, Clone, Serialize)]
pub struct NamedCheckStatus {
    pub name: String,
    #[serde(flatten)]
    pub check: CheckStatus,
}

/// A check of a member, or the verdict of several checks.
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
    /// When its standing last changed.
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
    /// The latest failure; `null` once the check is up and no failure counts any more.
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

/// A change that happened to a member or a pool.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeStatus {
    pub at: String,
    pub pool: String,
    /// The member's node; empty for a change of the pool.
    pub node: String,
    /// One sentence: `out of the answers of web: connection refused (3/3)`.
    pub what: String,
}
