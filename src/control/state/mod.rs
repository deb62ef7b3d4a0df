//! The state of the one writer, and how an event changes it. It uses no clock, socket or file.
//!
//! An observation updates the tracker of its target at once. [`ControlState::commit`] then decides
//! what clients feel: it commits standings, selects members and shortens TTLs. Until the first
//! round of probes is over it decides nothing, so a start changes the answers at most once. Pools
//! in which nothing happened are not decided again: an event costs the same with one pool and with
//! a thousand.
//!
//! | file | |
//! |---|---|
//! | this one | observations, time, and the answers that follow |
//! | `outages.rs` | pools in which most members fail at once |
//! | `overrides.rs` | the operator's overrides |
//! | `reload.rs` | another configuration |

mod outages;
mod overrides;
mod reload;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::clock::Moment;
use crate::cluster::families::{Families, Family};
use crate::cluster::operator::Override;
use crate::cluster::pool::Pool;
use crate::cluster::selection::Cause;
use crate::control::active_tier::TierChange;
use crate::control::answers::{AnswerChanges, Answers, PoolSet};
use crate::control::change_feed::{Change, Condition};
use crate::control::explain;
use crate::control::health_file::SavedPool;
use crate::control::journal::{Journal, LogLine};
use crate::control::member::MemberState;
use crate::control::outage::references::ReferenceProbes;
use crate::control::pool::PoolState;
use crate::control::probes::{ProbeChanges, TargetIds};
use crate::control::reconcile;
use crate::control::served_config::ServedConfig;
use crate::control::status::{OverrideStatus, ReloadRefusal};
use crate::control::transitions::{self, Transition};
use crate::health::probe::failure::Failure;
use crate::health::{Observation, TargetId};
use crate::pace;
use crate::snapshot::PoolInput;

/// Added to the longest timeout of the first round: the time until its result is observed.
const FIRST_ROUND_SLACK: Duration = Duration::from_secs(1);

/// The state of the writer.
#[derive(Debug)]
pub struct ControlState {
    pub started: Moment,
    pub config: Box<ServedConfig>,
    /// Indexed by `PoolId`, as every list of pools here.
    pub pools: Vec<PoolState>,
    answers: Answers,
    pub journal: Journal,
    /// Why the latest reload was refused; `None` after one that succeeded.
    pub refused: Option<ReloadRefusal>,
    /// The overrides in force, the newest last.
    pub overrides: Vec<Override>,
    /// The status of each of `overrides`, with the nodes that it selects.
    pub override_statuses: Vec<OverrideStatus>,
    /// When time alone next changes the effect of an override; `None` if it never does.
    overrides_change: Option<Moment>,
    target_ids: TargetIds,
    target_index: HashMap<TargetId, TargetPlace>,
    /// Targets whose first result is outstanding; `None` when the first round is over.
    awaiting_first_probe: Option<HashSet<TargetId>>,
    /// Pools in which something happened since they were last committed.
    pending: PoolSet,
    /// Pools that keep their last set because most members failed at once. Each result in these
    /// pools is committed, since it may end the outage.
    suspected: PoolSet,
    /// Pools whose answers or status are to be published at once. Observations alone do not put a
    /// pool here.
    changed: PoolSet,
    /// False until the first commit, which looks for no outage: the first round decides alone.
    has_committed: bool,
    references: ReferenceProbes,
    probe_changes: ProbeChanges,
}

/// Where the state of a target is.
#[derive(Debug, Clone, Copy)]
struct TargetPlace {
    pool: usize,
    member: usize,
    /// Index of the check; `None` for the deep check.
    check: Option<usize>,
}

impl ControlState {
    /// Starts with `saved`, the state that an earlier run stored. Also returns the targets to
    /// probe.
    pub fn new(
        config: Box<ServedConfig>,
        saved: &[SavedPool],
        now: Moment,
    ) -> (ControlState, ProbeChanges) {
        let mut target_ids = TargetIds::default();
        let (pools, probes) = reconcile::first(&config.pools, saved, &mut target_ids, now);
        let members = pools.iter().flat_map(|pool| &pool.members);
        let probed = members.flat_map(MemberState::probed_targets).collect();
        // Without pools the first round is over at once.
        let awaiting_first_probe = Some(probed).filter(|_| !pools.is_empty());
        let mut state = ControlState {
            started: now,
            config,
            pools,
            answers: Answers::default(),
            journal: Journal::default(),
            refused: None,
            overrides: vec![],
            override_statuses: vec![],
            overrides_change: None,
            target_ids,
            target_index: HashMap::new(),
            awaiting_first_probe,
            pending: PoolSet::new(),
            suspected: PoolSet::new(),
            changed: PoolSet::new(),
            has_committed: false,
            references: ReferenceProbes::default(),
            probe_changes: ProbeChanges::default(),
        };
        state.index_targets();
        state.apply_overrides(now);
        state.select(&state.all_pools(), now);
        (state, probes)
    }

    /// The longest time that the first round may take.
    pub fn first_round(&self) -> Duration {
        let checks = self.config.pools.iter().flat_map(|pool| pool.checks.list());
        let slowest = checks.map(|of| of.check.timeout).max();
        slowest.unwrap_or_default() + FIRST_ROUND_SLACK
    }

    /// Whether the first round of probes is over.
    pub fn is_ready(&self) -> bool {
        self.awaiting_first_probe.is_none()
    }

    /// Counts one result. A result of a target that was removed is ignored.
    pub fn observe(&mut self, observation: &Observation, now: Moment) {
        let Observation { target, verdict } = observation;
        let is_void = verdict.as_ref().is_err_and(Failure::is_void);
        let Some(&TargetPlace { pool, member, check }) = self.target_index.get(target) else {
            self.references.observe(*target, verdict);
            return self.pending.extend(&self.suspected);
        };
        let members = self.pools.get_mut(pool).map(|pool| &mut pool.members);
        let Some(member) = members.and_then(|members| members.get_mut(member)) else { return };
        let deciders = member.deciders();
        let changed = match (check, &mut member.deep) {
            (Some(index), _) => member.observe((*target, index), verdict, now),
            (None, Some(deep)) => deep.observe(verdict, now),
            (None, None) => false,
        };
        if member.deciders() != deciders {
            self.changed.insert(pool);
        }
        if changed || self.suspected.contains(&pool) {
            self.pending.insert(pool);
        }
        if let Some(awaited) = self.awaiting_first_probe.as_mut().filter(|_| !is_void) {
            awaited.remove(target);
            if awaited.is_empty() {
                self.end_first_round();
            }
        }
    }

    /// Ends the first round: every target has a result, or the time is over.
    pub fn end_first_round(&mut self) {
        self.awaiting_first_probe = None;
        self.pending = self.all_pools();
    }

    /// Commits what was observed since the last call. Returns whether an answer changed.
    pub fn commit(&mut self, now: Moment) -> bool {
        if self.pending.is_empty() || !self.is_ready() {
            return false;
        }
        let pools = std::mem::take(&mut self.pending);
        if std::mem::replace(&mut self.has_committed, true) {
            self.detect_outages(&pools, now);
        }
        self.each_pool(&pools, now, transitions::commit_pool);
        self.select(&pools, now)
    }

    /// The changes of what is probed since the last call.
    pub fn take_probe_changes(&mut self) -> ProbeChanges {
        std::mem::take(&mut self.probe_changes)
    }

    /// When time alone next changes something, by [`ControlState::advance`].
    pub fn due(&self) -> Option<Moment> {
        self.overrides_change.into_iter().chain(self.answers.due()).min()
    }

    /// Applies what time alone changes by `now`: ends holds and overrides, lets shares grow.
    /// Returns whether something is to be published.
    pub fn advance(&mut self, now: Moment) -> bool {
        let is_due = |at: Option<Moment>| at.is_some_and(|at| at <= now);
        if !is_due(self.due()) {
            return false;
        }
        let mut pools = self.answers.overdue(now);
        self.each_pool(&pools, now, transitions::end_holds);
        if is_due(self.overrides_change) {
            pools.extend(self.apply_overrides(now));
        }
        self.select(&pools, now);
        self.pending.extend(&pools);
        self.changed.extend(&pools);
        true
    }

    /// The lines for the log since the last call.
    pub fn take_log_lines(&mut self) -> Vec<LogLine> {
        self.journal.take_log_lines()
    }

    /// The changes for the hooks since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        self.journal.take_changes()
    }

    /// The pools whose answers or status are to be published at once, since the last call.
    pub fn take_changed(&mut self) -> PoolSet {
        std::mem::take(&mut self.changed)
    }

    /// What each pool answers.
    pub fn answers(&self) -> &[PoolInput] {
        self.answers.inputs()
    }

    /// The indices of all pools.
    pub fn all_pools(&self) -> PoolSet {
        (0..self.pools.len()).collect()
    }

    fn index_targets(&mut self) {
        self.target_index.clear();
        for (pool, state) in self.pools.iter().enumerate() {
            pace::yield_after(state.members.len());
            for (member, state) in state.members.iter().enumerate() {
                for (index, target) in state.verdicts().flat_map(|(_, verdict)| {
                    // A check that counts in both families has one target, and the same index.
                    verdict.check.targets().enumerate()
                }) {
                    let place = TargetPlace { pool, member, check: Some(index) };
                    self.target_index.insert(target, place);
                }
                if let Some(deep) = &state.deep {
                    let place = TargetPlace { pool, member, check: None };
                    self.target_index.insert(deep.id, place);
                }
            }
        }
    }

    /// Applies `change` to each of `pools`, and notes the transitions that it returns.
    fn each_pool(
        &mut self,
        pools: &PoolSet,
        now: Moment,
        change: impl Fn(&Pool, &mut PoolState, Moment) -> Vec<Transition>,
    ) {
        for &index in pools {
            pace::yield_after(self.pools[index].members.len());
            let transitions = change(&self.config.pools[index], &mut self.pools[index], now);
            if !transitions.is_empty() {
                self.changed.insert(index);
            }
            self.journal.note_transitions(&self.config.pools[index], transitions, now);
        }
    }

    /// Decides the answers of these pools, and of the pools that may fall back to them. Returns
    /// whether an answer changed.
    fn select(&mut self, pools: &PoolSet, now: Moment) -> bool {
        self.each_pool(pools, now, |pool, state, _| transitions::release_holds(pool, state));
        let AnswerChanges { affected, changed, tiers } =
            self.answers.decide(pools, &self.config, &mut self.pools, now);
        for (index, TierChange { old, new, what }) in tiers {
            self.journal.note_pool(&self.config.pools[index], true, what, Some((old, new)), now);
            self.changed.insert(index);
        }
        for index in affected {
            self.note_shortage(index, now);
        }
        self.changed.extend(&changed);
        !changed.is_empty()
    }

    /// Notes when a pool becomes short, and when it has enough again.
    fn note_shortage(&mut self, index: usize, now: Moment) {
        let selection = &self.answers.inputs()[index].selection;
        let of = |family| matches!(selection.of(family).cause, Cause::Short { .. });
        let short = Families { v4: of(Family::V4), v6: of(Family::V6) };
        let before = std::mem::replace(&mut self.pools[index].short, short);
        if before == short {
            return;
        }
        let pool = &self.config.pools[index];
        let what = explain::pool::answered(&self.config.pools, pool, selection, &self.pools[index]);
        let change = match (before.v4 || before.v6, short.v4 || short.v6) {
            (false, true) => Some((Condition::Enough, Condition::Short)),
            (true, false) => Some((Condition::Short, Condition::Enough)),
            (false, false) | (true, true) => None,
        };
        self.journal.note_pool(pool, short.v4 || short.v6, what, change, now);
    }
}
