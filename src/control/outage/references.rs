//! The control targets: probed only while most members of some pool fail, and what they say then.

use std::time::Duration;

use crate::cluster::check::{Check, CheckedFamily, Thresholds};
use crate::cluster::node::NodeName;
use crate::cluster::pool::PoolName;
use crate::cluster::steadiness::ReferenceTarget;
use crate::control::outage::detector::ReferenceAnswer;
use crate::control::probes::{ProbeChanges, ProbeTarget, TargetIds};
use crate::health::TargetId;
use crate::health::probe::failure::Failure;
use crate::health::probe::{Subject, Verdict, describe};

const EVERY: Duration = Duration::from_secs(2);
/// How long a control target has for its answer.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// Those that are probed now, and whether each answered its newest probe; `None` before that.
#[derive(Debug, Default)]
pub struct ReferenceProbes {
    targets: Vec<(TargetId, Option<bool>)>,
}

impl ReferenceProbes {
    /// Starts and stops probing.
    pub fn follow(
        &mut self,
        wanted: bool,
        all: &[ReferenceTarget],
        ids: &mut TargetIds,
        changes: &mut ProbeChanges,
    ) {
        match (wanted, self.targets.is_empty()) {
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

    pub fn observe(&mut self, target: TargetId, verdict: &Verdict) {
        let is_void = verdict.as_ref().is_err_and(Failure::is_void);
        let mut targets = self.targets.iter_mut();
        if let Some(control) = targets.find(|(id, _)| *id == target && !is_void) {
            control.1 = Some(verdict.is_ok());
        }
    }

    pub fn say(&self, all: &[ReferenceTarget]) -> ReferenceAnswer {
        let heard = self.targets.iter().filter_map(|(_, answers)| *answers);
        match heard.reduce(|one, other| one || other) {
            _ if all.is_empty() => ReferenceAnswer::None,
            Some(true) => ReferenceAnswer::Answer,
            Some(false) => ReferenceAnswer::Silent,
            None => ReferenceAnswer::Awaited,
        }
    }
}

fn target(control: &ReferenceTarget, number: usize, ids: &mut TargetIds) -> ProbeTarget {
    ProbeTarget {
        id: ids.next(),
        subject: Subject {
            node: NodeName::new(&format!("control-{number}")),
            pool: PoolName::new("controls"),
            address: control.address,
        },
        check: Check {
            probe: control.probe.clone(),
            address: None,
            family: CheckedFamily::default(),
            every: EVERY,
            timeout: TIMEOUT,
            thresholds: Thresholds { fall: 1, rise: 1, forgive: 1 },
        },
    }
}

/// `ping to 192.0.2.1, …`
pub fn words(all: &[ReferenceTarget]) -> String {
    let words: Vec<String> = all.iter().map(|of| describe(of.address, &of.probe)).collect();
    words.join(", ")
}
