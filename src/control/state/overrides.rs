//! Applies the operator's overrides to the state.

use jiff::SignedDuration;

use crate::clock::Moment;
use crate::cluster::operator::Override;
use crate::control::answers::PoolSet;
use crate::control::explain;
use crate::control::overrides::apply;
use crate::control::overrides::request::OverrideRequest;
use crate::control::request::RequestFault;
use crate::control::state::ControlState;
use crate::control::status::OverrideStatus;
use crate::control::status::overrides::override_status;

impl ControlState {
    /// The overrides that are in force after `request`. The state does not change: overrides count
    /// only once they are on the disk; then [`ControlState::set_overrides`] puts them in force.
    pub fn decide(
        &self,
        request: &OverrideRequest,
        now: Moment,
    ) -> Result<Vec<Override>, Vec<RequestFault>> {
        apply::decide(request, &self.overrides, &self.config, now)
    }

    /// Puts these overrides in force. Returns whether an answer changed.
    pub fn set_overrides(&mut self, overrides: Vec<Override>, now: Moment) -> bool {
        self.overrides = overrides;
        let pools = self.apply_overrides(now);
        self.select(&pools, now)
    }

    /// Applies the overrides whose time is not over. Returns the pools in which a member changed.
    pub(super) fn apply_overrides(&mut self, now: Moment) -> PoolSet {
        self.overrides.retain(|given| !given.is_over(now));
        let mut pools = PoolSet::new();
        for (index, node, what) in apply::apply(&self.overrides, &self.config, &mut self.pools, now)
        {
            self.journal.note_override(&self.config.pools[index], &node, what, now);
            pools.insert(index);
        }
        self.overrides_change = apply::next_change(&self.overrides, &self.pools, now);
        self.refresh_override_statuses(now);
        self.pending.extend(&pools);
        self.changed.extend(&pools);
        pools
    }

    fn refresh_override_statuses(&mut self, now: Moment) {
        let statuses = self.overrides.iter();
        let statuses = statuses.map(|given| override_status(given, &self.config, now));
        self.override_statuses = statuses.collect();
    }

    /// Notes that somebody set the wall clock, and `by` how much. Only the times shown change.
    pub fn note_set_clock(&mut self, by: SignedDuration, now: Moment) {
        let way = if by.is_negative() { "back" } else { "forward" };
        let text = format!(
            "the clock of this machine was set {way} by {}: what is to end at some time ends as \
             long from now as before",
            explain::time::span(by.unsigned_abs())
        );
        self.journal.note(true, text);
        self.refresh_override_statuses(now);
    }

    /// Warns of each override that selects no member. It stays in force: a node that is removed for
    /// a while comes back drained.
    pub fn warn_of_unmatched_overrides(&mut self) {
        for OverrideStatus { order, target, author, nodes, .. } in &self.override_statuses {
            if nodes.is_empty() {
                let text = format!(
                    "the order {order} {target} of {author} means no member now; it is kept until \
                     `tiovivo release {target}`"
                );
                self.journal.note(true, text);
            }
        }
    }
}
