//! Detects outages: pools in which most members fail at once.

use crate::clock::Moment;
use crate::cluster::families::Families;
use crate::control::answers::PoolSet;
use crate::control::change_feed::Condition;
use crate::control::outage::detector::Detector;
use crate::control::outage::evidence;
use crate::control::state::ControlState;

impl ControlState {
    /// Runs the outage detectors of these pools, and starts or stops the probes of the reference
    /// targets as needed.
    pub(super) fn detect_outages(&mut self, pools: &PoolSet, now: Moment) {
        for &index in pools {
            let targets = &self.config.references[..];
            let references = (self.references.answer(targets), targets);
            let (pool, state) = (&self.config.pools[index], &mut self.pools[index]);
            for &family in pool.verdicts() {
                if let Some(found) = evidence::evaluate(pool, family, state, references, now) {
                    self.probe_changes.at_once.extend(found.probe_at_once);
                    let change = found.is_kept.map(|is_kept| match is_kept {
                        true => (Condition::Judged, Condition::Kept),
                        false => (Condition::Kept, Condition::Judged),
                    });
                    self.journal.note_pool(pool, found.warning, found.what, change, now);
                    self.changed.insert(index);
                }
            }
            // An outage may end without an announcement.
            let is_other = match evidence::kept_since(pool, state) {
                Some(_) => self.suspected.insert(index),
                None => self.suspected.remove(&index),
            };
            if is_other {
                self.changed.insert(index);
            }
        }
        let mut suspected = self.suspected.iter();
        let needs = |detectors: &Families<Detector>| {
            detectors.v4.needs_references() || detectors.v6.needs_references()
        };
        let is_needed = suspected.any(|&index| needs(&self.pools[index].outage));
        let (all, changes) = (&self.config.references, &mut self.probe_changes);
        self.references.probe_while(is_needed, all, &mut self.target_ids, changes);
    }
}
