//! What the one writer knows, and what an event changes of it. No clock, no socket, no file.
//!
//! An observation moves its target's tracker at once. What clients feel is decided by
//! [`ControlState::commit`]: standings are taken over, members selected, TTLs shaped. Until the
//! first round of a run is over it decides nothing, so that a start changes the answers at most
//! once. What did not change is not decided again: a thousand pools cost what the one does in which
//! something happened.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::SignedDuration;

use crate::clock::Moment;
use crate::cluster::families::{Families, Family};
use crate::cluster::operator::Override;
use crate::cluster::pool::Pool;
use crate::cluster::selection::Cause;
use crate::control::active_tier::TierChange;
use crate::control::answers::{AnswerChanges, Answers, PoolSet};
use crate::control::change_feed::Change;
use crate::control::explain;
use crate::control::health_file::SavedPool;
use crate::control::journal::{Journal, LogLine};
use crate::control::member::MemberState;
use crate::control::outage::detector::Detector;
use crate::control::outage::evidence;
use crate::control::outage::references::ReferenceProbes;
use crate::control::overrides::apply;
use crate::control::overrides::request::OverrideRequest;
use crate::control::pool::PoolState;
use crate::control::probes::{ProbeChanges, TargetIds};
use crate::control::reconcile;
use crate::control::request::RequestFault;
use crate::control::served_config::{self, ServedConfig};
use crate::control::status::overrides;
use crate::control::status::{OverrideStatus, ReloadRefusal};
use crate::control::transitions::{self, Transition};
use crate::health::probe::failure::Failure;
use crate::health::{Observation, TargetId};
use crate::pace;
use crate::snapshot::PoolInput;

/// What the slowest member of the first round has beyond its timeout.
const FIRST_ROUND_SLACK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct ControlState {
    pub started: Moment,
    pub loaded: Box<ServedConfig>,
    /// Indexed by `PoolId`, as all lists of pools here.
    pub pools: Vec<PoolState>,
    answers: Answers,
    pub journal: Journal,
    pub refused: Option<ReloadRefusal>,
    /// The operator's orders in force, the newest last.
    pub overrides: Vec<Override>,
    /// The same in words, with whom they mean.
    pub ordered: Vec<OverrideStatus>,
    /// When time alone changes what they do.
    orders_change: Option<Moment>,
    target_ids: TargetIds,
    target_index: HashMap<TargetId, TargetPlace>,
    /// Targets that the first round waits for; `None` when it is over.
    awaiting_first_probe: Option<HashSet<TargetId>>,
    /// In them something happened since they were last settled.
    pending: PoolSet,
    /// Their last set is kept, because most members failed at once: every probe counts.
    suspected: PoolSet,
    /// Their answers changed, or what is told of them.
    changed: PoolSet,
    /// Standings were taken over before: what the first round found is no fall.
    has_committed: bool,
    controls: ReferenceProbes,
    probe_changes: ProbeChanges,
}

#[derive(Debug, Clone, Copy)]
struct TargetPlace {
    pool: usize,
    member: usize,
    /// `None`: the deep one.
    check: Option<usize>,
}

impl ControlState {
    /// `kept` is what an earlier run remembers.
    pub fn new(
        loaded: Box<ServedConfig>,
        kept: &[SavedPool],
        now: Moment,
    ) -> (ControlState, ProbeChanges) {
        let mut target_ids = TargetIds::default();
        let (pools, plan) = reconcile::first(&loaded.pools, kept, &mut target_ids, now);
        let members = pools.iter().flat_map(|pool| &pool.members);
        let awaiting_first_probe = members.flat_map(MemberState::asked).collect();
        // Without pools there is nothing to wait for.
        let awaiting_first_probe = Some(awaiting_first_probe).filter(|_| !pools.is_empty());
        let mut state = ControlState {
            started: now,
            loaded,
            pools,
            answers: Answers::default(),
            journal: Journal::default(),
            refused: None,
            overrides: vec![],
            ordered: vec![],
            orders_change: None,
            target_ids,
            target_index: HashMap::new(),
            awaiting_first_probe,
            pending: PoolSet::new(),
            suspected: PoolSet::new(),
            changed: PoolSet::new(),
            has_committed: false,
            controls: ReferenceProbes::default(),
            probe_changes: ProbeChanges::default(),
        };
        state.index_targets();
        state.select(&state.all(), now);
        (state, plan)
    }

    /// How long the first round may take.
    pub fn first_round(&self) -> Duration {
        let checks = self.loaded.pools.iter().flat_map(|pool| pool.checks.list());
        let slowest = checks.map(|of| of.check.timeout).max();
        slowest.unwrap_or_default() + FIRST_ROUND_SLACK
    }

    pub fn is_ready(&self) -> bool {
        self.awaiting_first_probe.is_none()
    }

    /// Counts one result. That of a target that is gone changes nothing.
    pub fn observe(&mut self, observation: &Observation, now: Moment) {
        let Observation { target, verdict } = observation;
        let is_void = verdict.as_ref().is_err_and(Failure::is_void);
        let Some(&TargetPlace { pool, member, check }) = self.target_index.get(target) else {
            self.controls.observe(*target, verdict);
            return self.pending.extend(&self.suspected);
        };
        let members = self.pools.get_mut(pool).map(|pool| &mut pool.members);
        let Some(member) = members.and_then(|members| members.get_mut(member)) else { return };
        let decided = member.deciders();
        let changed = match (check, &mut member.deep) {
            (Some(index), _) => member.observe((*target, index), verdict, now),
            (None, Some(deep)) => deep.observe(verdict, now),
            (None, None) => false,
        };
        if member.deciders() != decided {
            self.changed.insert(pool);
        }
        if changed || self.suspected.contains(&pool) {
            self.pending.insert(pool);
        }
        if let Some(awaiting_first_probe) = self.awaiting_first_probe.as_mut().filter(|_| !is_void)
        {
            awaiting_first_probe.remove(target);
            if awaiting_first_probe.is_empty() {
                self.end_first_round();
            }
        }
    }

    /// Every target was heard, or had its time.
    pub fn end_first_round(&mut self) {
        self.awaiting_first_probe = None;
        self.pending = self.all();
    }

    /// Lets what was observed count. Whether an answer changed.
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

    /// Whether most members of a pool fail at once: then it may be this machine.
    fn detect_outages(&mut self, pools: &PoolSet, now: Moment) {
        for &index in pools {
            let controls = (self.controls.say(&self.loaded.controls), &self.loaded.controls[..]);
            let (pool, state) = (&self.loaded.pools[index], &mut self.pools[index]);
            for &family in pool.verdicts() {
                if let Some(told) = evidence::judge(pool, family, state, controls, now) {
                    self.probe_changes.at_once.extend(told.asked);
                    let turn = told.turn.map(|kept| match kept {
                        true => ("judged", "kept"),
                        false => ("kept", "judged"),
                    });
                    self.journal.pool(pool, told.warning, told.what, turn, now);
                    self.changed.insert(index);
                }
            }
            // A detect_outages may end without a word.
            let turned = match evidence::kept_since(pool, state) {
                Some(_) => self.suspected.insert(index),
                None => self.suspected.remove(&index),
            };
            if turned {
                self.changed.insert(index);
            }
        }
        let mut suspected = self.suspected.iter();
        let asks = |detector: &Families<Detector>| {
            detector.v4.asks_controls() || detector.v6.asks_controls()
        };
        let wanted = suspected.any(|&index| asks(&self.pools[index].outage));
        let (all, changes) = (&self.loaded.controls, &mut self.probe_changes);
        self.controls.follow(wanted, all, &mut self.target_ids, changes);
    }

    /// What to probe since the last call.
    pub fn take_probe_changes(&mut self) -> ProbeChanges {
        std::mem::take(&mut self.probe_changes)
    }

    /// Puts another configuration in the place of this one.
    pub fn reload(&mut self, loaded: Box<ServedConfig>, now: Moment) -> ProbeChanges {
        self.controls.follow(false, &[], &mut self.target_ids, &mut self.probe_changes);
        let old = std::mem::take(&mut self.pools);
        let old_loaded = std::mem::replace(&mut self.loaded, loaded);
        for text in served_config::serial_warnings(&old_loaded, &self.loaded) {
            self.journal.note(true, text);
        }
        let old_pools = old_loaded.pools;
        let (pools, plan) =
            reconcile::next(&self.loaded.pools, &old_pools, old, &mut self.target_ids, now);
        self.pools = pools;
        pace::free(old_pools, |pool| pool.membership.len());
        self.refused = None;
        self.index_targets();
        let all = self.all();
        self.answers = Answers::default();
        // What the checks say together may be another thing now, and whose set is kept is found.
        (self.pending, self.suspected) = (all.clone(), PoolSet::new());
        self.put_orders(now);
        self.warn_of_unmatched_overrides();
        self.each_pool(&all, now, transitions::end_holds);
        if let Some(awaiting_first_probe) = &mut self.awaiting_first_probe {
            awaiting_first_probe.retain(|target| self.target_index.contains_key(target));
            if awaiting_first_probe.is_empty() {
                self.end_first_round();
            }
        }
        self.select(&all, now);
        let (zones, pools) = (self.loaded.zones.len(), self.pools.len());
        let text = format!("{} is loaded: {zones} zones, {pools} pools", self.loaded.file);
        self.journal.note(false, text);
        plan
    }

    /// The orders that would be in force after that request. Nothing changes yet: they count only
    /// once they are on the disk, by [`ControlState::set_overrides`].
    pub fn decide(
        &self,
        request: &OverrideRequest,
        now: Moment,
    ) -> Result<Vec<Override>, Vec<RequestFault>> {
        apply::decide(request, &self.overrides, &self.loaded, now)
    }

    /// Whether an answer changed.
    pub fn set_overrides(&mut self, overrides: Vec<Override>, now: Moment) -> bool {
        self.overrides = overrides;
        let touched = self.put_orders(now);
        self.select(&touched, now)
    }

    /// When time alone changes something next: [`ControlState::pass`] is to be called then.
    pub fn due(&self) -> Option<Moment> {
        self.orders_change.into_iter().chain(self.answers.due()).min()
    }

    /// Ends what is over and tells it. Whether something is to be published.
    pub fn pass(&mut self, now: Moment) -> bool {
        let is_due = |at: Option<Moment>| at.is_some_and(|at| at <= now);
        if !is_due(self.due()) {
            return false;
        }
        let mut pools = self.answers.overdue(now);
        self.each_pool(&pools, now, transitions::end_holds);
        if is_due(self.orders_change) {
            pools.extend(self.put_orders(now));
        }
        self.select(&pools, now);
        self.pending.extend(&pools);
        self.changed.extend(&pools);
        true
    }

    /// Those that are in force. In which pools that changed something.
    fn put_orders(&mut self, now: Moment) -> PoolSet {
        self.overrides.retain(|order| !order.is_over(now));
        let mut touched = PoolSet::new();
        for (index, node, what) in apply::apply(&self.overrides, &self.loaded, &mut self.pools, now)
        {
            self.journal.ordered(&self.loaded.pools[index], &node, what, now);
            touched.insert(index);
        }
        self.orders_change = apply::next_change(&self.overrides, &self.pools, now);
        let told =
            self.overrides.iter().map(|order| overrides::override_status(order, &self.loaded, now));
        self.ordered = told.collect();
        self.pending.extend(&touched);
        self.changed.extend(&touched);
        touched
    }

    /// The clock on the wall was set, by so much: nothing changes but what is shown.
    pub fn note_set_clock(&mut self, by: SignedDuration, now: Moment) {
        let way = if by.is_negative() { "back" } else { "forward" };
        let text = format!(
            "the clock of this machine was set {way} by {}: what is to end at some time ends as \
             long from now as before",
            explain::span(by.unsigned_abs())
        );
        self.journal.note(true, text);
        let told = self.overrides.iter();
        let told = told.map(|order| overrides::override_status(order, &self.loaded, now));
        self.ordered = told.collect();
    }

    /// Orders outlive the nodes that they mean: one that is away for a while comes back drained.
    pub fn warn_of_unmatched_overrides(&mut self) {
        for OverrideStatus { order, target, author, nodes, .. } in &self.ordered {
            if nodes.is_empty() {
                let text = format!(
                    "the order {order} {target} of {author} means no member now; it is kept until \
                     `tiovivo release {target}`"
                );
                self.journal.note(true, text);
            }
        }
    }

    /// Keeps everything, and says why.
    pub fn refuse(&mut self, faults: Vec<String>, now: Moment) {
        let text = format!("the reload is refused, nothing changes: {}", faults.join("; "));
        self.journal.note(true, text);
        self.refused = Some(ReloadRefusal { at: explain::time(now.wall()), faults });
    }

    pub fn take_log_lines(&mut self) -> Vec<LogLine> {
        self.journal.take_log_lines()
    }

    /// The changes of standing since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        self.journal.take_changes()
    }

    /// The pools whose answers changed since the last call, or what is told of them beside
    /// observations.
    pub fn take_changed(&mut self) -> PoolSet {
        std::mem::take(&mut self.changed)
    }

    /// What each pool is to answer.
    pub fn answers(&self) -> &[PoolInput] {
        self.answers.inputs()
    }

    pub fn all(&self) -> PoolSet {
        (0..self.pools.len()).collect()
    }

    fn index_targets(&mut self) {
        self.target_index.clear();
        for (pool, state) in self.pools.iter().enumerate() {
            pace::did(state.members.len());
            for (member, state) in state.members.iter().enumerate() {
                for (index, target) in state.verdicts().flat_map(|(_, verdict)| {
                    // Of a check that counts in both it is the same place.
                    verdict.check.targets().enumerate()
                }) {
                    self.target_index
                        .insert(target, TargetPlace { pool, member, check: Some(index) });
                }
                if let Some(deep) = &state.deep {
                    self.target_index.insert(deep.id, TargetPlace { pool, member, check: None });
                }
            }
        }
    }

    fn each_pool(
        &mut self,
        pools: &PoolSet,
        now: Moment,
        change: impl Fn(&Pool, &mut PoolState, Moment) -> Vec<Transition>,
    ) {
        for &index in pools {
            pace::did(self.pools[index].members.len());
            let moves = change(&self.loaded.pools[index], &mut self.pools[index], now);
            if !moves.is_empty() {
                self.changed.insert(index);
            }
            self.journal.moved(&self.loaded.pools[index], moves, now);
        }
    }

    /// Decides the answers of these pools anew. Whether one of them, or of those that they stand in
    /// for, changed.
    fn select(&mut self, pools: &PoolSet, now: Moment) -> bool {
        self.each_pool(pools, now, |pool, state, _| transitions::release_holds(pool, state));
        let AnswerChanges { affected, changed, taken } =
            self.answers.decide(pools, &self.loaded, &mut self.pools, now);
        for (index, TierChange { old, new, what }) in taken {
            self.journal.pool(&self.loaded.pools[index], true, what, Some((old, new)), now);
            self.changed.insert(index);
        }
        for index in affected {
            self.note_shortage(index, now);
        }
        self.changed.extend(&changed);
        !changed.is_empty()
    }

    /// A line when a pool becomes short, and one when that is over.
    fn note_shortage(&mut self, index: usize, now: Moment) {
        let selection = &self.answers.inputs()[index].selection;
        let of = |family| matches!(selection.of(family).cause, Cause::Short { .. });
        let short = Families { v4: of(Family::V4), v6: of(Family::V6) };
        let before = std::mem::replace(&mut self.pools[index].short, short);
        if before == short {
            return;
        }
        let pool = &self.loaded.pools[index];
        let what = explain::answered(&self.loaded.pools, pool, selection, &self.pools[index]);
        let turn = match (before.v4 || before.v6, short.v4 || short.v6) {
            (false, true) => Some(("enough", "short")),
            (true, false) => Some(("short", "enough")),
            (false, false) | (true, true) => None,
        };
        self.journal.pool(pool, short.v4 || short.v6, what, turn, now);
    }
}
