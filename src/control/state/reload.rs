//! Replaces the configuration that is served.

use crate::clock::Moment;
use crate::control::answers::{Answers, PoolSet};
use crate::control::explain;
use crate::control::probes::ProbeChanges;
use crate::control::reconcile;
use crate::control::served_config::{self, ServedConfig};
use crate::control::state::ControlState;
use crate::control::status::ReloadRefusal;
use crate::control::transitions;
use crate::pace;

impl ControlState {
    /// Serves `config` from now on. Members that did not change keep their state. Returns the
    /// changes of what is probed.
    pub fn reload(&mut self, config: Box<ServedConfig>, now: Moment) -> ProbeChanges {
        self.references.probe_while(false, &[], &mut self.target_ids, &mut self.probe_changes);
        let old = std::mem::take(&mut self.pools);
        let old_config = std::mem::replace(&mut self.config, config);
        for text in served_config::serial_warnings(&old_config, &self.config) {
            self.journal.note(true, text);
        }
        let old_pools = old_config.pools;
        let (pools, probes) =
            reconcile::next(&self.config.pools, &old_pools, old, &mut self.target_ids, now);
        self.pools = pools;
        pace::drop_in_pieces(old_pools, |pool| pool.membership.len());
        self.refused = None;
        self.index_targets();
        let all = self.all_pools();
        self.answers = Answers::default();
        // Rules may have changed, and pools have other indices: all of them are committed again.
        (self.pending, self.suspected) = (all.clone(), PoolSet::new());
        self.apply_overrides(now);
        self.warn_of_unmatched_overrides();
        self.each_pool(&all, now, transitions::end_holds);
        if let Some(awaited) = &mut self.awaiting_first_probe {
            awaited.retain(|target| self.target_index.contains_key(target));
            if awaited.is_empty() {
                self.end_first_round();
            }
        }
        self.select(&all, now);
        let (zones, pools) = (self.config.zones.len(), self.pools.len());
        let text = format!("{} is loaded: {zones} zones, {pools} pools", self.config.file);
        self.journal.note(false, text);
        probes
    }

    /// Notes that a reload was refused: the state does not change.
    pub fn refuse(&mut self, faults: Vec<String>, now: Moment) {
        let text = format!("the reload is refused, nothing changes: {}", faults.join("; "));
        self.journal.note(true, text);
        self.refused = Some(ReloadRefusal { at: explain::time::rfc3339(now.wall()), faults });
    }
}
