//! Reads reports about a node's health, which come over the API for `push` checks, with every fault
//! at once, and finds the checks that they are for.
//!
//! | `check` of the body | the check that the report is for |
//! |---|---|
//! | absent | the only `push` check of the member; it may be the deep one |
//! | a name of `checks:`, or `deep` | that check |

use std::collections::BTreeSet;

use serde_json::Value;

use crate::checks::checked::Probe;
use crate::checks::push::checked::PushProbe;
use crate::cluster::check::Check;
use crate::cluster::pool::Pool;
use crate::control::pool::PoolState;
use crate::control::request::{self, BodyReader, MAX_NAME, MAX_REASON, RequestFault, fault};
use crate::control::served_config::ServedConfig;
use crate::health::TargetId;
use crate::health::probe::answer::{Healthy, ProbeAnswer, Verdict};
use crate::health::probe::failure::Failure;

const KEYS: [&str; 4] = ["healthy", "reason", "check", "weight"];
/// The name of a deep check in the API.
const DEEP: &str = "deep";

/// One report about a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// `None` for every pool that has the node and a check for the report.
    pub pool: Option<String>,
    pub node: String,
    /// The name of the check; `None` for the only one.
    pub check: Option<String>,
    pub healthy: bool,
    /// One line; it may be empty.
    pub reason: String,
    /// The capacity of the node, in percent; `None` if not reported.
    pub weight: Option<u8>,
}

/// The checks that a report is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportTargets {
    pub targets: Vec<TargetId>,
    pub pools: ReportPools,
}

/// The names of the pools that have the node as a member and wait for reports about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportPools {
    /// Pools that take the report.
    pub taking: Vec<String>,
    /// Pools without a `push` check of the name that the report gives.
    pub others: Vec<String>,
}

/// Why a report is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportRefusal {
    Faults(Vec<RequestFault>),
    /// Too many reports for the same check are queued.
    Busy,
}

/// Reads a report; `pool` and `node` come from the path.
pub fn read(
    pool: Option<&str>,
    node: &str,
    body: &Value,
) -> Result<HealthReport, Vec<RequestFault>> {
    let mut reader = BodyReader::new(body, &KEYS, "{\"healthy\": true}")?;
    let healthy = reader.flag("healthy");
    let reason = reader.text("reason", MAX_REASON).unwrap_or_default();
    let check = reader.text("check", MAX_NAME);
    let weight = reader.percent("weight");
    if healthy.is_none() && !reader.has("healthy") {
        reader.fault("healthy", "is missing", "true or false");
    }
    reader.end()?;
    let (pool, node) = (pool.map(str::to_owned), node.to_owned());
    // If `healthy` was absent, that was noted as a fault, and `end` has returned.
    let healthy = healthy.unwrap_or_default();
    Ok(HealthReport { pool, node, check, healthy, reason, weight })
}

impl HealthReport {
    /// The result that the report stands for.
    pub fn verdict(&self) -> Verdict {
        match self.healthy {
            true => Ok(Healthy::reported(ProbeAnswer::Reported { weight: self.weight })),
            false => Err(Failure::Reported(self.reason.as_str().into())),
        }
    }

    /// The checks that the report is for. A fault in one pool refuses it for all pools, because a
    /// client cannot tell which part of a report counted.
    pub fn find(
        &self,
        config: &ServedConfig,
        states: &[PoolState],
    ) -> Result<ReportTargets, Vec<RequestFault>> {
        let pools = config.pools.iter().zip(states);
        match &self.pool {
            Some(name) => {
                let named = |(pool, _): &(&Pool, _)| pool.name.as_str() == name;
                let Some((pool, state)) = pools.clone().find(named) else {
                    let names: Vec<&str> = config.pools.iter().map(|p| p.name.as_str()).collect();
                    return Err(request::unknown("pool", "pool", name, &names));
                };
                let Some(waiting) = self.waiting(pool, state) else {
                    return Err(self.no_member(std::iter::once(pool)));
                };
                let target = self.choose(pool, &waiting)?;
                let pools = ReportPools { taking: vec![name.clone()], others: vec![] };
                Ok(ReportTargets { targets: vec![target], pools })
            }
            None => self.find_all(pools),
        }
    }

    fn find_all<'a>(
        &self,
        pools: impl Iterator<Item = (&'a Pool, &'a PoolState)> + Clone,
    ) -> Result<ReportTargets, Vec<RequestFault>> {
        let member = pools.clone().filter_map(|(pool, s)| Some((pool, self.waiting(pool, s)?)));
        let member: Vec<(&Pool, Vec<PushTarget<'_>>)> = member.collect();
        if member.is_empty() {
            return Err(self.no_member(pools.map(|(pool, _)| pool)));
        }
        let waiting: Vec<_> = member.iter().filter(|(_, checks)| !checks.is_empty()).collect();
        if waiting.is_empty() {
            let text = format!("no pool waits for reports of {}", self.node);
            return Err(vec![fault("", text, NO_PUSH)]);
        }
        let is_for = |checks: &[PushTarget<'_>]| match &self.check {
            None => true,
            Some(name) => checks.iter().any(|(known, ..)| known == name),
        };
        let (taking, others): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, checks)| is_for(checks));
        if let (Some(name), []) = (&self.check, &taking[..]) {
            let names = others.iter().flat_map(|(_, checks)| checks.iter().map(|(name, ..)| *name));
            let names: BTreeSet<&str> = names.collect();
            let names: Vec<&str> = names.into_iter().collect();
            return Err(request::unknown("check", "check for reports", name, &names));
        }
        let targets = taking.iter().map(|(pool, checks)| self.choose(pool, checks));
        let targets = targets.collect::<Result<Vec<_>, _>>()?;
        let names = |pools: &[&(&Pool, _)]| pools.iter().map(|(p, _)| p.name.to_string()).collect();
        Ok(ReportTargets {
            targets,
            pools: ReportPools { taking: names(&taking), others: names(&others) },
        })
    }

    /// The checks of the pool that wait for reports about the node; `None` if it is no member.
    fn waiting<'a>(&self, pool: &'a Pool, state: &'a PoolState) -> Option<Vec<PushTarget<'a>>> {
        let mut members = pool.membership.iter();
        let index = members.position(|member| member.node.as_str() == self.node)?;
        let targets = state.members.get(index)?.first_targets();
        let waiting = checks(pool).zip(targets).filter_map(|((name, check), target)| {
            let Probe::Push(push) = &check.probe else { return None };
            Some((name, push, target))
        });
        Some(waiting.collect())
    }

    /// The check that the report names, or the only one.
    fn choose(
        &self,
        pool: &Pool,
        waiting: &[PushTarget<'_>],
    ) -> Result<TargetId, Vec<RequestFault>> {
        let names: Vec<&str> = waiting.iter().map(|(name, ..)| *name).collect();
        let (push, target) = match (&self.check, waiting) {
            (_, []) => {
                let text = format!("pool {} waits for no reports", pool.name);
                return Err(vec![fault("", text, NO_PUSH)]);
            }
            (None, [(_, push, only)]) => (push, *only),
            (None, _) => {
                let write = format!("one of {}", names.join(", "));
                let text = match self.pool {
                    Some(_) => "more than one check waits for reports".to_owned(),
                    None => format!("more than one check of pool {} waits for reports", pool.name),
                };
                return Err(vec![fault("check", text, write)]);
            }
            (Some(name), waiting) => match waiting.iter().find(|(known, ..)| known == name) {
                Some((_, push, target)) => (push, *target),
                None => return Err(request::unknown("check", "check for reports", name, &names)),
            },
        };
        if self.weight.is_some() && !push.load {
            let write = "no weight, or `load: true` beside `expires` in config.yaml";
            return Err(vec![fault("weight", "this check takes none", write)]);
        }
        Ok(target)
    }

    fn no_member<'a>(&self, pools: impl Iterator<Item = &'a Pool>) -> Vec<RequestFault> {
        let nodes = pools.flat_map(|pool| pool.membership.iter().map(|m| m.node.to_string()));
        let nodes: BTreeSet<String> = nodes.collect();
        let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
        request::unknown("node", "member", &self.node, &nodes)
    }
}

/// A check that waits for reports: its name, its settings, and its target.
type PushTarget<'a> = (&'a str, &'a PushProbe, TargetId);

const NO_PUSH: &str = "`push: { expires: 60s }` as a check of the pool, in config.yaml";

/// The checks of a pool with their names, the deep one last.
fn checks(pool: &Pool) -> impl Iterator<Item = (&str, &Check)> {
    let rotation = pool.checks.list().iter().map(|of| (of.name.as_str(), &of.check));
    rotation.chain(pool.deep.as_ref().map(|deep| (DEEP, deep)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_a_verdict() {
        let report = read(Some("web"), "server-2", &json!({"healthy": true})).unwrap();
        assert_eq!(report.verdict().unwrap().to_string(), "reported healthy");
        let body = json!({"healthy": false, "reason": "disk full", "check": "disk"});
        let report = read(Some("web"), "server-2", &body).unwrap();
        assert_eq!(report.check.as_deref(), Some("disk"));
        assert_eq!(report.verdict().unwrap_err().to_string(), "reported: disk full");
        let report = HealthReport { reason: String::new(), ..report };
        assert_eq!(report.verdict().unwrap_err().to_string(), "reported unhealthy");
    }

    #[test]
    fn every_fault_of_a_report_is_told_at_once() {
        let body = json!({"healthy": "yes", "reason": "a\nb", "check": 7, "color": "red"});
        let faults = read(Some("web"), "a", &body).unwrap_err();
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key).collect();
        assert_eq!(keys, ["", "healthy", "reason", "check"]);
        assert_eq!(read(Some("web"), "a", &json!({})).unwrap_err()[0].fault, "is missing");
        assert_eq!(read(Some("web"), "a", &json!({"healthy": null})).unwrap_err().len(), 1);
        assert_eq!(read(Some("web"), "a", &json!([])).unwrap_err().len(), 1);
        for weight in [json!(101), json!(-1), json!("50"), json!(2.5)] {
            let body = json!({"healthy": true, "weight": weight});
            assert_eq!(read(Some("web"), "a", &body).unwrap_err()[0].key, "weight", "{weight}");
        }
        let report = read(Some("web"), "a", &json!({"healthy": true, "weight": 0})).unwrap();
        assert_eq!(report.weight, Some(0));
        let long = json!({"healthy": false, "reason": "x".repeat(401)});
        assert_eq!(read(Some("web"), "a", &long).unwrap_err()[0].key, "reason");
    }
}
