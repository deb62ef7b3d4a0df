//! What a node or an outside system says of a member, as it comes over the API: read, with every
//! fault at once, and brought to the check that waits for it.
//!
//! | `check` of the body | meant |
//! |---|---|
//! | absent | the one `push` that the member has, be it a deep one |
//! | a name of `checks:`, or `deep` | that one |

use serde_json::Value;

use crate::cluster::check::{Check, Probe, PushProbe};
use crate::cluster::pool::Pool;
use crate::control::loaded::Loaded;
use crate::control::request::{self, MAX_NAME, MAX_REASON, Reader, RequestFault, fault};
use crate::control::roster::PoolState;
use crate::health::TargetId;
use crate::health::probe::failure::Failure;
use crate::health::probe::{Healthy, Said, Verdict};

const KEYS: [&str; 4] = ["healthy", "reason", "check", "weight"];
/// What the API calls a deep check.
const DEEP: &str = "deep";

/// One report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    pub pool: String,
    pub node: String,
    pub check: Option<String>,
    pub healthy: bool,
    /// Empty, or one line.
    pub reason: String,
    /// How much the node can take, in percent.
    pub weight: Option<u8>,
}

/// Why a report counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    Faults(Vec<RequestFault>),
    /// Too many for the same check are on their way.
    Busy,
}

/// `pool` and `node` are of the path.
pub fn read(pool: &str, node: &str, body: &Value) -> Result<Push, Vec<RequestFault>> {
    let mut reader = Reader::new(body, &KEYS, "{\"healthy\": true}")?;
    let healthy = reader.flag("healthy");
    let reason = reader.text("reason", MAX_REASON).unwrap_or_default();
    let check = reader.text("check", MAX_NAME);
    let weight = reader.percent("weight");
    if healthy.is_none() && !reader.has("healthy") {
        reader.fault("healthy", "is missing", "true or false");
    }
    reader.end()?;
    let (pool, node) = (pool.to_owned(), node.to_owned());
    // Without it there was a fault.
    let healthy = healthy.unwrap_or_default();
    Ok(Push { pool, node, check, healthy, reason, weight })
}

impl Push {
    /// What is observed.
    pub fn verdict(&self) -> Verdict {
        match self.healthy {
            true => Ok(Healthy::reported(Said::Reported { weight: self.weight })),
            false => Err(Failure::Reported(self.reason.as_str().into())),
        }
    }

    /// The check that it is for.
    pub fn find(
        &self,
        loaded: &Loaded,
        states: &[PoolState],
    ) -> Result<TargetId, Vec<RequestFault>> {
        let mut pools = loaded.pools.iter().zip(states);
        let Some((pool, state)) = pools.find(|(pool, _)| pool.name.as_str() == self.pool) else {
            let names: Vec<&str> = loaded.pools.iter().map(|pool| pool.name.as_str()).collect();
            return Err(request::unknown("pool", "pool", &self.pool, &names));
        };
        let mut members = pool.membership.iter();
        let member = members.position(|member| member.node.as_str() == self.node);
        let Some(member) = member.and_then(|index| state.members.get(index)) else {
            let nodes: Vec<_> = pool.membership.iter().map(|m| m.node.to_string()).collect();
            let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
            return Err(request::unknown("node", "member", &self.node, &nodes));
        };
        let waiting = checks(pool).zip(member.targets()).filter_map(|((name, check), target)| {
            let Probe::Push(push) = &check.probe else { return None };
            Some((name, push, target))
        });
        let waiting: Vec<(&str, &PushProbe, TargetId)> = waiting.collect();
        let names: Vec<&str> = waiting.iter().map(|(name, ..)| *name).collect();
        let (push, target) = match (&self.check, &waiting[..]) {
            (_, []) => {
                let text = format!("pool {} waits for no reports", self.pool);
                let write = "`push: { expires: 60s }` as a check of the pool, in config.yaml";
                return Err(vec![fault("", text, write)]);
            }
            (None, [(_, push, only)]) => (push, *only),
            (None, _) => {
                let write = format!("one of {}", names.join(", "));
                return Err(vec![fault("check", "more than one check waits for reports", write)]);
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
}

/// All checks of a pool with their names, the deep one last.
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
        let push = read("web", "server-2", &json!({"healthy": true})).unwrap();
        assert_eq!(push.verdict().unwrap().to_string(), "reported healthy");
        let body = json!({"healthy": false, "reason": "disk full", "check": "disk"});
        let push = read("web", "server-2", &body).unwrap();
        assert_eq!(push.check.as_deref(), Some("disk"));
        assert_eq!(push.verdict().unwrap_err().to_string(), "reported: disk full");
        let push = Push { reason: String::new(), ..push };
        assert_eq!(push.verdict().unwrap_err().to_string(), "reported unhealthy");
    }

    #[test]
    fn every_fault_of_a_report_is_told_at_once() {
        let body = json!({"healthy": "yes", "reason": "a\nb", "check": 7, "color": "red"});
        let faults = read("web", "a", &body).unwrap_err();
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key).collect();
        assert_eq!(keys, ["", "healthy", "reason", "check"]);
        assert_eq!(read("web", "a", &json!({})).unwrap_err()[0].fault, "is missing");
        assert_eq!(read("web", "a", &json!({"healthy": null})).unwrap_err().len(), 1);
        assert_eq!(read("web", "a", &json!([])).unwrap_err().len(), 1);
        for weight in [json!(101), json!(-1), json!("50"), json!(2.5)] {
            let body = json!({"healthy": true, "weight": weight});
            assert_eq!(read("web", "a", &body).unwrap_err()[0].key, "weight", "{weight}");
        }
        let push = read("web", "a", &json!({"healthy": true, "weight": 0})).unwrap();
        assert_eq!(push.weight, Some(0));
        let long = json!({"healthy": false, "reason": "x".repeat(401)});
        assert_eq!(read("web", "a", &long).unwrap_err()[0].key, "reason");
    }
}
