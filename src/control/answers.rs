//! What each pool is to answer, and when time alone makes that another answer.

use std::collections::BTreeSet;

use crate::clock::Moment;
use crate::cluster::families::Family;
use crate::cluster::pool::{Pool, PoolId};
use crate::cluster::selection::{self, PoolHealth, Selection, Share, select};
use crate::control::active_tier::{self, TierChange};
use crate::control::member::MemberState;
use crate::control::outage::evidence;
use crate::control::pool::PoolState;
use crate::control::served_config::ServedConfig;
use crate::pace;
use crate::snapshot::PoolInput;

/// No answer's TTL is shortened below this (seconds).
const TTL_FLOOR: u32 = 5;

/// Some of the pools, by their indices.
pub type PoolSet = BTreeSet<usize>;

/// Of all pools, in their order.
#[derive(Debug, Default)]
pub struct Answers {
    inputs: Vec<PoolInput>,
    /// What they were selected by.
    health: Vec<PoolHealth>,
    dues: Vec<Option<Moment>>,
}

/// What became of the answers.
#[derive(Debug, Default)]
pub struct AnswerChanges {
    /// Those that may have changed.
    pub affected: PoolSet,
    pub changed: PoolSet,
    /// PoolSet where another tier took charge.
    pub taken: Vec<(usize, TierChange)>,
}

impl Answers {
    pub fn inputs(&self) -> &[PoolInput] {
        &self.inputs
    }

    /// Decides those of `pools` anew, and of the pools that they stand in for: the first time of
    /// all of them.
    pub fn decide(
        &mut self,
        pools: &PoolSet,
        loaded: &ServedConfig,
        states: &mut [PoolState],
        now: Moment,
    ) -> AnswerChanges {
        let affected = loaded.fallbacks.answered_from(pools.iter().copied());
        let mut decided = AnswerChanges { affected, ..AnswerChanges::default() };
        for &index in pools {
            let (pool, state) = (&loaded.pools[index], &mut states[index]);
            pace::did(state.members.len());
            let step = state.step_slow_start(pool, now);
            for &family in pool.decisions() {
                let serving = state.serving(pool, family);
                let taken = active_tier::commit(pool, family, &mut state.active_tier, &serving);
                decided.taken.extend(taken.map(|taken| (index, taken)));
                selection::remember(pool, family, &serving, &mut state.last_enough);
            }
            put(&mut self.dues, index, due(pool, state, step));
            put(&mut self.health, index, health(pool, state));
        }
        for &index in &decided.affected {
            pace::did(states[index].members.len());
            let id = PoolId(index as u32);
            let selection = select(&loaded.pools, &self.health, id);
            let ttl = ttl(id, &selection, loaded.pools[index].ttl, states);
            if put(&mut self.inputs, index, PoolInput { selection, ttl }) {
                decided.changed.insert(index);
            }
        }
        decided
    }

    /// When time alone changes something in one of them.
    pub fn due(&self) -> Option<Moment> {
        self.dues.iter().flatten().min().copied()
    }

    /// Those in which it has.
    pub fn overdue(&self, now: Moment) -> PoolSet {
        let dues = self.dues.iter().enumerate();
        let over = dues.filter(|(_, at)| at.is_some_and(|at| at <= now));
        over.map(|(index, _)| index).collect()
    }
}

/// Whether that is new. The first time all are put, in their order.
fn put<T: PartialEq>(list: &mut Vec<T>, index: usize, new: T) -> bool {
    match list.get_mut(index) {
        Some(old) if *old == new => return false,
        Some(old) => *old = new,
        None => list.push(new),
    }
    true
}

/// `step` is when the part of one of its members grows next.
fn due(pool: &Pool, state: &PoolState, step: Option<Moment>) -> Option<Moment> {
    let verdicts = state.members.iter().flat_map(MemberState::verdicts);
    let holds = verdicts.filter_map(|(_, verdict)| verdict.falls.held_until());
    let rule = evidence::rule(pool);
    let doubts = pool
        .verdicts()
        .iter()
        .filter_map(|family| rule.as_ref().and_then(|rule| state.outage.of(*family).due(rule)));
    holds.chain(doubts).chain(step).min()
}

/// By what the pool is answered.
pub fn health(pool: &Pool, state: &PoolState) -> PoolHealth {
    let of = |family: Option<Family>| {
        let members = || state.members.iter();
        let shares = match pool.answers_several() {
            true => members().map(|member| member.of(family).share()).collect(),
            // What one takes of the others' part is no news.
            false => members().map(|_| Share::FULL).collect(),
        };
        PoolHealth {
            standings: state.standings(family),
            withheld: members().map(MemberState::withheld).collect(),
            shares,
            last_enough: state.last_enough.clone(),
            active_tier: *state.active_tier.of(family),
            v6: None,
        }
    };
    match pool.verdicts() {
        [v4, v6] => PoolHealth { v6: Some(Box::new(of(*v6))), ..of(*v4) },
        _ => of(None),
    }
}

/// Halved while a member of the pool, or of the one that stands in for it, is not settled: an
/// answer should not outlive the next possible change.
fn ttl(id: PoolId, selection: &Selection, configured: u32, states: &[PoolState]) -> u32 {
    let settled = |id: PoolId| states[id.index()].members.iter().all(MemberState::is_stable);
    let mut others = selection.each().map(|all| all.pool).filter(|pool| *pool != id);
    if settled(id) && others.all(settled) {
        configured
    } else {
        (configured / 2).max(TTL_FLOOR).min(configured)
    }
}
