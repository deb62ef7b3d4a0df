//! Decides which members each pool answers and with which TTL, and when time alone changes that.

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

/// Lowest TTL to which an answer is shortened, in seconds.
const TTL_FLOOR: u32 = 5;

/// A set of pools, by index.
pub type PoolSet = BTreeSet<usize>;

/// The answers of all pools. Each list is indexed by `PoolId`.
#[derive(Debug, Default)]
pub struct Answers {
    /// The selection and the TTL of each pool, for the snapshot.
    inputs: Vec<PoolInput>,
    /// The health of each pool at its latest decision.
    health: Vec<PoolHealth>,
    /// When time alone next changes the answer of each pool.
    dues: Vec<Option<Moment>>,
}

/// The result of [`Answers::decide`].
#[derive(Debug, Default)]
pub struct AnswerChanges {
    /// Pools that were selected again.
    pub affected: PoolSet,
    /// Pools whose answer changed.
    pub changed: PoolSet,
    /// Pools in which another tier became active.
    pub tiers: Vec<(usize, TierChange)>,
}

impl Answers {
    pub fn inputs(&self) -> &[PoolInput] {
        &self.inputs
    }

    /// Decides the answers of `pools`, and of the pools that may fall back to one of them. The
    /// first call must name all pools.
    pub fn decide(
        &mut self,
        pools: &PoolSet,
        config: &ServedConfig,
        states: &mut [PoolState],
        now: Moment,
    ) -> AnswerChanges {
        let affected = config.dependents.with_dependents(pools.iter().copied());
        let mut decided = AnswerChanges { affected, ..AnswerChanges::default() };
        for &index in pools {
            let (pool, state) = (&config.pools[index], &mut states[index]);
            pace::yield_after(state.members.len());
            let step = state.step_slow_start(pool, now);
            for &family in pool.decisions() {
                let serving = state.serving(pool, family);
                let tier = active_tier::commit(pool, family, &mut state.active_tier, &serving);
                decided.tiers.extend(tier.map(|change| (index, change)));
                selection::remember(pool, family, &serving, &mut state.last_enough);
            }
            put(&mut self.dues, index, due(pool, state, step));
            put(&mut self.health, index, health(pool, state));
        }
        for &index in &decided.affected {
            pace::yield_after(states[index].members.len());
            let id = PoolId(index as u32);
            let selection = select(&config.pools, &self.health, id);
            let ttl = ttl(id, &selection, config.pools[index].ttl, states);
            if put(&mut self.inputs, index, PoolInput { selection, ttl }) {
                decided.changed.insert(index);
            }
        }
        decided
    }

    /// When time alone next changes an answer.
    pub fn due(&self) -> Option<Moment> {
        self.dues.iter().flatten().min().copied()
    }

    /// The pools whose time has come.
    pub fn overdue(&self, now: Moment) -> PoolSet {
        let dues = self.dues.iter().enumerate();
        let over = dues.filter(|(_, at)| at.is_some_and(|at| at <= now));
        over.map(|(index, _)| index).collect()
    }
}

/// Puts `new` at `index`. Returns whether it differs from what was there. The first call for each
/// index comes in ascending order.
fn put<T: PartialEq>(list: &mut Vec<T>, index: usize, new: T) -> bool {
    match list.get_mut(index) {
        Some(old) if *old == new => return false,
        Some(old) => *old = new,
        None => list.push(new),
    }
    true
}

/// When time alone next changes the answer of the pool; `step` is when a share next grows.
fn due(pool: &Pool, state: &PoolState, step: Option<Moment>) -> Option<Moment> {
    let verdicts = state.members.iter().flat_map(MemberState::verdicts);
    let holds = verdicts.filter_map(|(_, verdict)| verdict.falls.held_until());
    let rule = evidence::rule(pool);
    let outages = pool
        .verdicts()
        .iter()
        .filter_map(|family| rule.as_ref().and_then(|rule| state.outage.of(*family).due(rule)));
    holds.chain(outages).chain(step).min()
}

/// The health of a pool: the input of its selection.
pub fn health(pool: &Pool, state: &PoolState) -> PoolHealth {
    let of = |family: Option<Family>| {
        let members = || state.members.iter();
        let shares = match pool.answers_several() {
            true => members().map(|member| member.of(family).share()).collect(),
            // Only one member is answered, whatever its share.
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

/// The TTL of an answer, in seconds: half of the configured one while a member of the pool, or of
/// its fallback if that is answered, is not stable. So resolvers notice the next change sooner.
fn ttl(id: PoolId, selection: &Selection, configured: u32, states: &[PoolState]) -> u32 {
    let is_stable = |id: PoolId| states[id.index()].members.iter().all(MemberState::is_stable);
    let mut others = selection.each().map(|all| all.pool).filter(|pool| *pool != id);
    if is_stable(id) && others.all(is_stable) {
        configured
    } else {
        (configured / 2).max(TTL_FLOOR).min(configured)
    }
}
