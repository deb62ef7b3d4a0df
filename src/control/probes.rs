//! Lists the changes of what is probed, which the writer passes on to the schedule.

use crate::cluster::check::Check;
use crate::health::TargetId;
use crate::health::probe::ask::Subject;

/// One check of one member, or a reference target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeTarget {
    pub id: TargetId,
    pub subject: Subject,
    pub check: Check,
}

/// What changes in the schedule of probes.
#[derive(Debug, Default)]
pub struct ProbeChanges {
    /// Targets to probe from now on.
    pub start: Vec<ProbeTarget>,
    /// Targets to probe no longer.
    pub stop: Vec<TargetId>,
    /// Targets to probe once now, in addition to their schedule.
    pub at_once: Vec<TargetId>,
}

/// Allocates the numbers of targets; none is used twice in a run.
#[derive(Debug, Default)]
pub struct TargetIds(u64);

impl TargetIds {
    pub fn allocate(&mut self) -> TargetId {
        self.0 += 1;
        TargetId(self.0)
    }
}
