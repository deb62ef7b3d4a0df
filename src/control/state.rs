//! What the one writer knows, and what an event changes of it. No clock, no socket, no file.
//!
//! An observation moves its target's tracker at once. What clients feel is decided by
//! [`ControlState::settle`], for all pools together: standings are taken over, members selected,
//! TTLs shaped. Until the first round of a run is over it is not called, so that a start changes
//! the answers at most once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::cluster::families::{Families, Family};
use crate::cluster::operator::Override;
use crate::cluster::pool::{Pool, PoolId};
use crate::cluster::selection::{self, Cause, PoolHealth, Selection, Share, select};
use crate::cluster::standing::Standing;
use crate::control::charge::{self, Taken};
use crate::control::common;
use crate::control::controls::Watch;
use crate::control::explain;
use crate::control::journal::{Journal, News};
use crate::control::loaded::Loaded;
use crate::control::moves::{self, Move};
use crate::control::orders;
use crate::control::request::{Request, RequestFault};
use crate::control::roster::{self, Errands, MemberState, Numbers, Plan, PoolState};
use crate::control::slow_start;
use crate::control::status::Refused;
use crate::control::store::{KeptMember, KeptPool};
use crate::control::turns::Turn;
use crate::health::{Observation, TargetId};
use crate::snapshot::PoolInput;

/// No answer's TTL is shortened below this (seconds).
const TTL_FLOOR: u32 = 5;
/// What the slowest member of the first round has beyond its timeout.
const FIRST_ROUND_SLACK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct ControlState {
    pub started: Timestamp,
    pub loaded: Box<Loaded>,
    /// Indexed by `PoolId`, as all lists of pools here.
    pub pools: Vec<PoolState>,
    pub answers: Vec<PoolInput>,
    pub journal: Journal,
    pub refused: Option<Refused>,
    /// The operator's orders in force, the newest last.
    pub overrides: Vec<Override>,
    /// When time alone changes what they do.
    orders_change: Option<Timestamp>,
    due: Option<Timestamp>,
    numbers: Numbers,
    places: HashMap<TargetId, Place>,
    /// Targets that the first round waits for; `None` when it is over.
    unheard: Option<HashSet<TargetId>>,
    /// A state changed since the pools were last settled.
    unsettled: bool,
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
    pub fn new(loaded: Box<Loaded>, kept: &[KeptPool], now: Timestamp) -> (ControlState, Plan) {
        let mut numbers = Numbers::default();
        let (pools, plan) = roster::first(&loaded.pools, kept, &mut numbers, now);
        let unheard = pools.iter().flat_map(|p| &p.members).flat_map(|m| m.check.asked()).collect();
        let mut state = ControlState {
            started: now,
            loaded,
            pools,
            answers: vec![],
            journal: Journal::default(),
            refused: None,
            overrides: vec![],
            orders_change: None,
            due: None,
            numbers,
            places: HashMap::new(),
            unheard: Some(unheard),
            unsettled: false,
            has_settled: false,
            controls: Watch::default(),
            errands: Errands::default(),
        };
        state.find_places();
        state.select(now);
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
    pub fn observe(&mut self, observation: &Observation, now: Timestamp) {
        let Observation { target, verdict } = observation;
        let Some(&Place { pool, member, check }) = self.places.get(target) else {
            return self.controls.observe(*target, verdict);
        };
        let member = self.pools.get_mut(pool).and_then(|pool| pool.members.get_mut(member));
        let Some(member) = member else { return };
        self.unsettled |= match (check, &mut member.deep) {
            (Some(index), _) => member.check.observe(index, verdict, now),
            (None, Some(deep)) => deep.observe(verdict, now),
            (None, None) => false,
        };
        if let Some(unheard) = &mut self.unheard {
            unheard.remove(target);
            if unheard.is_empty() {
                self.end_first_round();
            }
        }
    }

    /// Every target was heard, or had its time.
    pub fn end_first_round(&mut self) {
        self.unheard = None;
        self.unsettled = true;
    }

    /// Lets what was observed count. Whether an answer changed.
    pub fn settle(&mut self, now: Timestamp) -> bool {
        let in_doubt = self.pools.iter().any(|pool| pool.suspicion.since().is_some());
        if !self.is_ready() || !(std::mem::take(&mut self.unsettled) || in_doubt) {
            return false;
        }
        if std::mem::replace(&mut self.has_settled, true) {
            self.doubt(now);
        }
        self.each_pool(now, moves::take_over);
        self.select(now)
    }

    /// Whether most members of a pool fail at once: then it may be this machine.
    fn doubt(&mut self, now: Timestamp) {
        for index in 0..self.pools.len() {
            let controls = (self.controls.say(&self.loaded.controls), &self.loaded.controls[..]);
            let (pool, state) = (&self.loaded.pools[index], &mut self.pools[index]);
            if let Some(told) = common::judge(pool, state, controls, now) {
                self.errands.hurry.extend(told.asked);
                let turn = told.turn.map(|kept| match kept {
                    true => ("judged", "kept"),
                    false => ("kept", "judged"),
                });
                self.journal.pool(pool, told.warning, told.what, turn, now);
            }
        }
        let wanted = self.pools.iter().any(|pool| pool.suspicion.asks_controls());
        let (all, plan) = (&self.loaded.controls, &mut self.errands.plan);
        self.controls.follow(wanted, all, &mut self.numbers, plan);
    }

    /// What to probe since the last call.
    pub fn take_errands(&mut self) -> Errands {
        std::mem::take(&mut self.errands)
    }

    /// Puts another configuration in the place of this one.
    pub fn reload(&mut self, loaded: Box<Loaded>, now: Timestamp) -> Plan {
        self.controls.follow(false, &[], &mut self.numbers, &mut self.errands.plan);
        let old = std::mem::take(&mut self.pools);
        let old_pools = std::mem::replace(&mut self.loaded, loaded).pools;
        let (pools, plan) =
            roster::next(&self.loaded.pools, &old_pools, old, &mut self.numbers, now);
        self.pools = pools;
        self.refused = None;
        self.find_places();
        self.put_orders(now);
        self.warn_of_strangers();
        self.each_pool(now, moves::end_holds);
        if let Some(unheard) = &mut self.unheard {
            unheard.retain(|target| self.places.contains_key(target));
            if unheard.is_empty() {
                self.end_first_round();
            }
        }
        // What the checks say together may be another thing now.
        self.unsettled = true;
        self.select(now);
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
        now: Timestamp,
    ) -> Result<Vec<Override>, Vec<RequestFault>> {
        orders::decide(request, &self.overrides, &self.loaded, now)
    }

    /// Whether an answer changed.
    pub fn put_overrides(&mut self, overrides: Vec<Override>, now: Timestamp) -> bool {
        self.overrides = overrides;
        self.put_orders(now);
        self.select(now)
    }

    /// When time alone changes something next: [`ControlState::pass`] is to be called then.
    pub fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Ends what is over and tells it. Whether something is to be published.
    pub fn pass(&mut self, now: Timestamp) -> bool {
        let due = self.due().is_some_and(|at| at <= now);
        if due {
            self.each_pool(now, moves::end_holds);
            self.overrides.retain(|order| !order.is_over(now));
            self.put_orders(now);
            self.select(now);
            self.unsettled = true;
        }
        due
    }

    fn put_orders(&mut self, now: Timestamp) {
        for (pool, node, what) in orders::apply(&self.overrides, &self.loaded, &mut self.pools, now)
        {
            let pool = &self.loaded.pools[pool];
            self.journal.ordered(pool, &node, what, now);
        }
        self.orders_change = orders::next_change(&self.overrides, &self.pools, now);
    }

    /// Orders outlive the nodes that they mean: one that is away for a while comes back drained.
    pub fn warn_of_strangers(&mut self) {
        for order in &self.overrides {
            if orders::meant(order, &self.loaded).is_empty() {
                let (word, target, author) = (order.order.as_str(), &order.target, &order.author);
                let text = format!(
                    "the order {word} {target} of {author} means no member now; it is kept until \
                     `tiovivo release {target}`"
                );
                self.journal.note(true, text);
            }
        }
    }

    /// Keeps everything, and says why.
    pub fn refuse(&mut self, faults: Vec<String>, now: Timestamp) {
        let text = format!("the reload is refused, nothing changes: {}", faults.join("; "));
        self.journal.note(true, text);
        self.refused = Some(Refused { at: explain::time(now), faults });
    }

    pub fn take_news(&mut self) -> Vec<News> {
        self.journal.take_news()
    }

    /// The changes of standing since the last call.
    pub fn take_turns(&mut self) -> Vec<Turn> {
        self.journal.take_turns()
    }

    /// What a restart is to remember.
    pub fn kept(&self) -> Vec<KeptPool> {
        let pools = self.loaded.pools.iter().zip(&self.pools);
        pools.map(|(pool, state)| kept(pool, state)).collect()
    }

    fn find_places(&mut self) {
        self.places.clear();
        for (pool, state) in self.pools.iter().enumerate() {
            for (member, MemberState { check, deep, .. }) in state.members.iter().enumerate() {
                for (index, target) in check.targets().enumerate() {
                    self.places.insert(target, Place { pool, member, check: Some(index) });
                }
                if let Some(deep) = deep {
                    self.places.insert(deep.target, Place { pool, member, check: None });
                }
            }
        }
    }

    fn each_pool(
        &mut self,
        now: Timestamp,
        change: impl Fn(&Pool, &mut PoolState, Timestamp) -> Vec<Move>,
    ) {
        for index in 0..self.pools.len() {
            let moves = change(&self.loaded.pools[index], &mut self.pools[index], now);
            self.journal.moved(&self.loaded.pools[index], moves, now);
        }
    }

    /// Decides all answers anew. Whether one of them changed.
    fn select(&mut self, now: Timestamp) -> bool {
        self.each_pool(now, |pool, state, _| moves::release_holds(pool, state));
        let pools = &self.loaded.pools;
        let mut steps = vec![];
        let mut taken = vec![];
        for (index, (pool, state)) in pools.iter().zip(&mut self.pools).enumerate() {
            steps.extend(slow_start::step(pool, state, now));
            let serving = state.serving();
            taken.extend(charge::settle(pool, state, &serving).map(|taken| (index, taken)));
            selection::remember(pool, &serving, &mut state.last_enough);
        }
        let health: Vec<PoolHealth> = pools.iter().zip(&self.pools).map(health).collect();
        let ids = (0..pools.len()).map(|index| PoolId(index as u32));
        let answers: Vec<PoolInput> = ids
            .map(|id| {
                let selection = select(pools, &health, id);
                let ttl = self.ttl(id, &selection);
                PoolInput { selection, ttl }
            })
            .collect();
        let changed = answers != self.answers;
        self.answers = answers;
        let members = self.pools.iter().flat_map(|pool| &pool.members);
        let holds = members.filter_map(|member| member.falls.held_until());
        let doubts = pools.iter().zip(&self.pools);
        let doubts = doubts.filter(|(_, state)| state.suspicion.since().is_some());
        let doubts = doubts.filter_map(|(pool, state)| state.suspicion.due(&common::rule(pool)?));
        self.due = holds.chain(doubts).chain(self.orders_change).chain(steps).min();
        for (index, Taken { old, new, what }) in taken {
            self.journal.pool(&self.loaded.pools[index], true, what, Some((old, new)), now);
        }
        for index in 0..self.answers.len() {
            self.tell_shortage(index, now);
        }
        changed
    }

    /// Halved while a member of the pool, or of the one that stands in for it, is not settled: an
    /// answer should not outlive the next possible change.
    fn ttl(&self, id: PoolId, selection: &Selection) -> u32 {
        let configured = self.loaded.pools[id.index()].ttl;
        let settled =
            |id: PoolId| self.pools[id.index()].members.iter().all(MemberState::is_settled);
        let mut others = selection.each().map(|all| all.pool).filter(|pool| *pool != id);
        if settled(id) && others.all(settled) {
            configured
        } else {
            (configured / 2).max(TTL_FLOOR).min(configured)
        }
    }

    /// A line when a pool becomes short, and one when that is over.
    fn tell_shortage(&mut self, index: usize, now: Timestamp) {
        let selection = &self.answers[index].selection;
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

fn health((pool, state): (&Pool, &PoolState)) -> PoolHealth {
    let members = || state.members.iter();
    let shares = match pool.answers_several() {
        true => members().map(MemberState::share).collect(),
        // What one takes of the others' part is no news.
        false => members().map(|_| Share::FULL).collect(),
    };
    let withheld = members().map(MemberState::withheld).collect();
    let (last_enough, in_charge) = (state.last_enough.clone(), state.in_charge);
    PoolHealth { standings: state.standings(), withheld, shares, last_enough, in_charge }
}

fn kept(pool: &Pool, state: &PoolState) -> KeptPool {
    let member = |index: &usize| Some(pool.membership.get(*index)?.node.to_string());
    let members = pool.membership.iter().zip(&state.members).filter_map(|(member, state)| {
        let memory = state.check.memory()?;
        let serving = memory.standing == Standing::Serving;
        let (node, falls) = (member.node.to_string(), state.falls.clone());
        Some(KeptMember { node, serving, since: memory.since, falls })
    });
    let Families { v4, v6 } = &state.last_enough;
    KeptPool {
        name: pool.name.to_string(),
        last_enough: v4.iter().filter_map(member).collect(),
        last_enough6: (v4 != v6).then(|| v6.iter().filter_map(member).collect()),
        in_charge: charge::nodes(pool, state),
        members: members.collect(),
    }
}
