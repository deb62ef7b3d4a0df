//! What the one writer knows, and what an event changes of it. No clock, no socket, no file.
//!
//! An observation moves its target's tracker at once. What clients feel is decided by
//! [`ControlState::settle`]: standings are taken over, members selected, TTLs shaped. Until the
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
use crate::control::answers::{Answers, Decided, Pools};
use crate::control::charge::Taken;
use crate::control::common;
use crate::control::controls::Watch;
use crate::control::explain;
use crate::control::journal::{Journal, News};
use crate::control::loaded::{self, Loaded};
use crate::control::member::MemberState;
use crate::control::moves::{self, Move};
use crate::control::orders;
use crate::control::report;
use crate::control::request::{Request, RequestFault};
use crate::control::roster::{self, Errands, Numbers, Plan, PoolState};
use crate::control::status::{OverrideStatus, Refused};
use crate::control::store::KeptPool;
use crate::control::suspicion::Suspicion;
use crate::control::turns::Turn;
use crate::health::probe::failure::Failure;
use crate::health::{Observation, TargetId};
use crate::pace;
use crate::snapshot::PoolInput;

/// What the slowest member of the first round has beyond its timeout.
const FIRST_ROUND_SLACK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct ControlState {
    pub started: Moment,
    pub loaded: Box<Loaded>,
    /// Indexed by `PoolId`, as all lists of pools here.
    pub pools: Vec<PoolState>,
    answers: Answers,
    pub journal: Journal,
    pub refused: Option<Refused>,
    /// The operator's orders in force, the newest last.
    pub overrides: Vec<Override>,
    /// The same in words, with whom they mean.
    pub ordered: Vec<OverrideStatus>,
    /// When time alone changes what they do.
    orders_change: Option<Moment>,
    numbers: Numbers,
    places: HashMap<TargetId, Place>,
    /// Targets that the first round waits for; `None` when it is over.
    unheard: Option<HashSet<TargetId>>,
    /// In them something happened since they were last settled.
    unsettled: Pools,
    /// Their last set is kept, because most members failed at once: every probe counts.
    doubtful: Pools,
    /// Their answers changed, or what is told of them.
    changed: Pools,
    /// Standings were taken over before: what the first round found is no fall.
    has_settled: bool,
    controls: Watch,
    errands: Errands,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    pool: usize,
    member: usize,
    /// `None`: the deep one.
    check: Option<usize>,
}

impl ControlState {
    /// `kept` is what an earlier run remembers.
    pub fn new(loaded: Box<Loaded>, kept: &[KeptPool], now: Moment) -> (ControlState, Plan) {
        let mut numbers = Numbers::default();
        let (pools, plan) = roster::first(&loaded.pools, kept, &mut numbers, now);
        let members = pools.iter().flat_map(|pool| &pool.members);
        let unheard = members.flat_map(MemberState::asked).collect();
        // Without pools there is nothing to wait for.
        let unheard = Some(unheard).filter(|_| !pools.is_empty());
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
            numbers,
            places: HashMap::new(),
            unheard,
            unsettled: Pools::new(),
            doubtful: Pools::new(),
            changed: Pools::new(),
            has_settled: false,
            controls: Watch::default(),
            errands: Errands::default(),
        };
        state.find_places();
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
        self.unheard.is_none()
    }

    /// Counts one result. That of a target that is gone changes nothing.
    pub fn observe(&mut self, observation: &Observation, now: Moment) {
        let Observation { target, verdict } = observation;
        let is_void = verdict.as_ref().is_err_and(Failure::is_void);
        let Some(&Place { pool, member, check }) = self.places.get(target) else {
            self.controls.observe(*target, verdict);
            return self.unsettled.extend(&self.doubtful);
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
        if changed || self.doubtful.contains(&pool) {
            self.unsettled.insert(pool);
        }
        if let Some(unheard) = self.unheard.as_mut().filter(|_| !is_void) {
            unheard.remove(target);
            if unheard.is_empty() {
                self.end_first_round();
            }
        }
    }

    /// Every target was heard, or had its time.
    pub fn end_first_round(&mut self) {
        self.unheard = None;
        self.unsettled = self.all();
    }

    /// Lets what was observed count. Whether an answer changed.
    pub fn settle(&mut self, now: Moment) -> bool {
        if self.unsettled.is_empty() || !self.is_ready() {
            return false;
        }
        let pools = std::mem::take(&mut self.unsettled);
        if std::mem::replace(&mut self.has_settled, true) {
            self.doubt(&pools, now);
        }
        self.each_pool(&pools, now, moves::take_over);
        self.select(&pools, now)
    }

    /// Whether most members of a pool fail at once: then it may be this machine.
    fn doubt(&mut self, pools: &Pools, now: Moment) {
        for &index in pools {
            let controls = (self.controls.say(&self.loaded.controls), &self.loaded.controls[..]);
            let (pool, state) = (&self.loaded.pools[index], &mut self.pools[index]);
            for &family in pool.verdicts() {
                if let Some(told) = common::judge(pool, family, state, controls, now) {
                    self.errands.hurry.extend(told.asked);
                    let turn = told.turn.map(|kept| match kept {
                        true => ("judged", "kept"),
                        false => ("kept", "judged"),
                    });
                    self.journal.pool(pool, told.warning, told.what, turn, now);
                    self.changed.insert(index);
                }
            }
            // A doubt may end without a word.
            let turned = match common::kept_since(pool, state) {
                Some(_) => self.doubtful.insert(index),
                None => self.doubtful.remove(&index),
            };
            if turned {
                self.changed.insert(index);
            }
        }
        let mut doubtful = self.doubtful.iter();
        let asks = |suspicion: &Families<Suspicion>| {
            suspicion.v4.asks_controls() || suspicion.v6.asks_controls()
        };
        let wanted = doubtful.any(|&index| asks(&self.pools[index].suspicion));
        let (all, plan) = (&self.loaded.controls, &mut self.errands.plan);
        self.controls.follow(wanted, all, &mut self.numbers, plan);
    }

    /// What to probe since the last call.
    pub fn take_errands(&mut self) -> Errands {
        std::mem::take(&mut self.errands)
    }

    /// Puts another configuration in the place of this one.
    pub fn reload(&mut self, loaded: Box<Loaded>, now: Moment) -> Plan {
        self.controls.follow(false, &[], &mut self.numbers, &mut self.errands.plan);
        let old = std::mem::take(&mut self.pools);
        let old_loaded = std::mem::replace(&mut self.loaded, loaded);
        for text in loaded::serial_warnings(&old_loaded, &self.loaded) {
            self.journal.note(true, text);
        }
        let old_pools = old_loaded.pools;
        let (pools, plan) =
            roster::next(&self.loaded.pools, &old_pools, old, &mut self.numbers, now);
        self.pools = pools;
        pace::free(old_pools, |pool| pool.membership.len());
        self.refused = None;
        self.find_places();
        let all = self.all();
        self.answers = Answers::default();
        // What the checks say together may be another thing now, and whose set is kept is found.
        (self.unsettled, self.doubtful) = (all.clone(), Pools::new());
        self.put_orders(now);
        self.warn_of_strangers();
        self.each_pool(&all, now, moves::end_holds);
        if let Some(unheard) = &mut self.unheard {
            unheard.retain(|target| self.places.contains_key(target));
            if unheard.is_empty() {
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
    /// once they are on the disk, by [`ControlState::put_overrides`].
    pub fn decide(
        &self,
        request: &Request,
        now: Moment,
    ) -> Result<Vec<Override>, Vec<RequestFault>> {
        orders::decide(request, &self.overrides, &self.loaded, now)
    }

    /// Whether an answer changed.
    pub fn put_overrides(&mut self, overrides: Vec<Override>, now: Moment) -> bool {
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
        self.each_pool(&pools, now, moves::end_holds);
        if is_due(self.orders_change) {
            pools.extend(self.put_orders(now));
        }
        self.select(&pools, now);
        self.unsettled.extend(&pools);
        self.changed.extend(&pools);
        true
    }

    /// Those that are in force. In which pools that changed something.
    fn put_orders(&mut self, now: Moment) -> Pools {
        self.overrides.retain(|order| !order.is_over(now));
        let mut touched = Pools::new();
        for (index, node, what) in
            orders::apply(&self.overrides, &self.loaded, &mut self.pools, now)
        {
            self.journal.ordered(&self.loaded.pools[index], &node, what, now);
            touched.insert(index);
        }
        self.orders_change = orders::next_change(&self.overrides, &self.pools, now);
        let told =
            self.overrides.iter().map(|order| report::override_status(order, &self.loaded, now));
        self.ordered = told.collect();
        self.unsettled.extend(&touched);
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
        let told = told.map(|order| report::override_status(order, &self.loaded, now));
        self.ordered = told.collect();
    }

    /// Orders outlive the nodes that they mean: one that is away for a while comes back drained.
    pub fn warn_of_strangers(&mut self) {
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
        self.refused = Some(Refused { at: explain::time(now.wall()), faults });
    }

    pub fn take_news(&mut self) -> Vec<News> {
        self.journal.take_news()
    }

    /// The changes of standing since the last call.
    pub fn take_turns(&mut self) -> Vec<Turn> {
        self.journal.take_turns()
    }

    /// The pools whose answers changed since the last call, or what is told of them beside
    /// observations.
    pub fn take_changed(&mut self) -> Pools {
        std::mem::take(&mut self.changed)
    }

    /// What each pool is to answer.
    pub fn answers(&self) -> &[PoolInput] {
        self.answers.inputs()
    }

    pub fn all(&self) -> Pools {
        (0..self.pools.len()).collect()
    }

    fn find_places(&mut self) {
        self.places.clear();
        for (pool, state) in self.pools.iter().enumerate() {
            pace::did(state.members.len());
            for (member, state) in state.members.iter().enumerate() {
                for (index, target) in state.verdicts().flat_map(|(_, verdict)| {
                    // Of a check that counts in both it is the same place.
                    verdict.check.targets().enumerate()
                }) {
                    self.places.insert(target, Place { pool, member, check: Some(index) });
                }
                if let Some(deep) = &state.deep {
                    self.places.insert(deep.target, Place { pool, member, check: None });
                }
            }
        }
    }

    fn each_pool(
        &mut self,
        pools: &Pools,
        now: Moment,
        change: impl Fn(&Pool, &mut PoolState, Moment) -> Vec<Move>,
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
    fn select(&mut self, pools: &Pools, now: Moment) -> bool {
        self.each_pool(pools, now, |pool, state, _| moves::release_holds(pool, state));
        let Decided { affected, changed, taken } =
            self.answers.decide(pools, &self.loaded, &mut self.pools, now);
        for (index, Taken { old, new, what }) in taken {
            self.journal.pool(&self.loaded.pools[index], true, what, Some((old, new)), now);
            self.changed.insert(index);
        }
        for index in affected {
            self.tell_shortage(index, now);
        }
        self.changed.extend(&changed);
        !changed.is_empty()
    }

    /// A line when a pool becomes short, and one when that is over.
    fn tell_shortage(&mut self, index: usize, now: Moment) {
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
