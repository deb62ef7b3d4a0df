//! Probes the reference targets: hosts outside the cluster that answer unless this machine is cut
//! off (`server.controls` of config.yaml). They are probed only while most members of a pool fail.

use std::time::Duration;

use crate::checks::probe::describe;
use crate::cluster::check::{Check, CheckedFamily, Thresholds};
use crate::cluster::node::NodeName;
use crate::cluster::pool::PoolName;
use crate::cluster::steadiness::ReferenceTarget;
use crate::control::outage::detector::ReferenceAnswer;
use crate::control::probes::{ProbeChanges, ProbeTarget, TargetIds};
use crate::health::TargetId;
use crate::health::probe::answer::Verdict;
use crate::health::probe::ask::Subject;
use crate::health::probe::failure::Failure;

/// Time from one probe of a reference target to the next.
const EVERY: Duration = Duration::from_secs(2);
/// How long a reference target may take to answer.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// The latest results of the reference targets; empty while they are not probed.
#[derive(Debug, Default)]
pub struct ReferenceProbes {
    /// Whether each target answered its latest probe; `None` before its first result.
    targets: Vec<(TargetId, Option<bool>)>,
}

impl ReferenceProbes {
    /// Starts the probes when they become needed, and stops them when they are needed no longer.
    pub fn probe_while(
        &mut self,
        is_needed: bool,
        all: &[ReferenceTarget],
        ids: &mut TargetIds,
        changes: &mut ProbeChanges,
    ) {
        match (is_needed, self.targets.is_empty()) {
            (true, true) => {
                let started = all.iter().zip(1..).map(|(of, n)| target(of, n, ids));
                let started: Vec<ProbeTarget> = started.collect();
                self.targets = started.iter().map(|target| (target.id, None)).collect();
                changes.start.extend(started);
            }
            (false, false) => changes.stop.extend(self.targets.drain(..).map(|(id, _)| id)),
            (true, false) | (false, true) => {}
        }
    }

    /// Notes the result of a reference target. Void results and other targets are ignored.
    pub fn observe(&mut self, target: TargetId, verdict: &Verdict) {
        let is_void = verdict.as_ref().is_err_and(Failure::is_void);
        let mut targets = self.targets.iter_mut();
        if let Some(reference) = targets.find(|(id, _)| *id == target && !is_void) {
            reference.1 = Some(verdict.is_ok());
        }
    }

    /// Whether one of the reference targets answers; `all` are the targets of the configuration.
    pub fn answer(&self, all: &[ReferenceTarget]) -> ReferenceAnswer {
        let results = self.targets.iter().filter_map(|(_, answers)| *answers);
        match results.reduce(|one, other| one || other) {
            _ if all.is_empty() => ReferenceAnswer::NoTargets,
            Some(true) => ReferenceAnswer::Yes,
            Some(false) => ReferenceAnswer::No,
            None => ReferenceAnswer::Awaited,
        }
    }
}

fn target(reference: &ReferenceTarget, number: usize, ids: &mut TargetIds) -> ProbeTarget {
    ProbeTarget {
        id: ids.allocate(),
        subject: Subject {
            node: NodeName::new(&format!("control-{number}")),
            pool: PoolName::new("controls"),
            address: reference.address,
        },
        check: Check {
            probe: reference.probe.clone(),
            address: None,
            family: CheckedFamily::default(),
            every: EVERY,
            timeout: TIMEOUT,
            thresholds: Thresholds { fall: 1, rise: 1, forgive: 1 },
        },
    }
}

/// The reference targets in words: `ping to 192.0.2.1, …`
pub fn description(all: &[ReferenceTarget]) -> String {
    let each: Vec<String> = all.iter().map(|of| describe(of.address, &of.probe)).collect();
    each.join(", ")
}
