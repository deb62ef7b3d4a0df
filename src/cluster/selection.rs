//! Selects the members of a pool that are answered, and states the cause.
//!
//! | serving members | `order` | answered |
//! |---|---|---|
//! | `min_serving` or more | rotate, weighted, sticky | all that serve |
//! | `min_serving` or more | failover | the first that serves |
//! | `min_serving` or more in a tier | failover with tiers | those of one tier, see [`failover`] |
//! | fewer | any | what `when_short` selects; with failover the first of these, or the first tier |
//!
//! In a pool that is decided for each address family (see [`crate::cluster::families`]), each
//! decision uses the members with an address of the family, and their verdicts in it.
//!
//! | no member serves in a family, but enough serve in both together | answered |
//! |---|---|
//! | no member with an address of it serves in the other family | NODATA: clients use the other |
//! | members with an address of it serve in the other family | what `when_short` selects of them |
//!
//! If config.yaml has a `min_serving` for each family, these numbers alone decide. A fallback pool
//! without an address of a family does not stand in for that family: then all members of the short
//! pool are answered.
//!
//! Of the members that `all` and `last_known` select, only those are answered that the operator
//! withholds least: a drained member when no other is left, and a member that is forced down when
//! no drained member is left. Only `none` empties a pool.
//!
//! These functions are pure: the same pools and standings give the same selection on every server.

use crate::cluster::failover;
use crate::cluster::families::{Families, Family};
use crate::cluster::operator::Withholding;
use crate::cluster::pool::{Order, Pool, PoolId, WhenShort};
use crate::cluster::standing::Standing;

/// The share of its full part that a member takes in the answers, in percent: 1 to 100. It is below
/// 100 while the member starts slowly or reports load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u8);

impl Share {
    pub const FULL: Share = Share(100);

    /// The nearest share to that percentage.
    pub const fn percent(percent: u8) -> Share {
        match percent {
            0 => Share(1),
            1..=100 => Share(percent),
            _ => Share::FULL,
        }
    }

    /// The product of two shares.
    pub const fn times(self, other: Share) -> Share {
        Share::percent(((self.0 as u16 * other.0 as u16 + 50) / 100) as u8)
    }

    pub const fn get(self) -> u8 {
        self.0
    }
}

/// The answered members of one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The pool of the members: another pool while a fallback stands in.
    pub pool: PoolId,
    /// Indices of members of that pool, ascending.
    pub members: Vec<usize>,
    /// The share of each of `members`; full while the pool is short, as no member can be spared.
    pub shares: Vec<Share>,
    pub cause: Cause,
    /// The selection for AAAA if the families are decided apart; the other fields are then for A.
    /// `None` if one decision is for both.
    pub v6: Option<Box<Selection>>,
}

/// Why these members are selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Enough members serve.
    Enough,
    /// Only `serving` members serve, fewer than `min_serving`; `rule` decided.
    Short { serving: usize, rule: WhenShort },
}

/// The health of one pool, from which its selection follows, in both address families or in IPv4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolHealth {
    /// One for each member, in the pool's order.
    pub standings: Vec<Standing>,
    /// How strongly each member is withheld, in the pool's order; empty when none is.
    pub withheld: Vec<Withholding>,
    /// One for each member, in the pool's order.
    pub shares: Vec<Share>,
    /// The members that served when at least `min_serving` last did; equal for both families unless
    /// they are counted apart.
    pub last_enough: Families<Vec<usize>>,
    /// The active tier of a pool with `stay`; `None` in others.
    pub active_tier: Option<usize>,
    /// The health in IPv6, if members have a verdict for it; the other fields are then for IPv4.
    pub v6: Option<Box<PoolHealth>>,
}

/// Selects the answered members of a pool. `health` has one entry for each of `pools`.
pub fn select(pools: &[Pool], health: &[PoolHealth], id: PoolId) -> Selection {
    let decide = |family| decide(pools, health, id, family);
    match pools[id.index()].decisions() {
        [v4, v6] => Selection { v6: Some(Box::new(decide(*v6))), ..decide(*v4) },
        _ => decide(None),
    }
}

/// The selection for all members, or for those of a family.
fn decide(pools: &[Pool], health: &[PoolHealth], id: PoolId, family: Option<Family>) -> Selection {
    let pool = &pools[id.index()];
    let own = health[id.index()].in_family(family);
    let of = |members| pool.with_family(family, members);
    let serving = of(serving(&own.standings));
    let alive = alive(pool, &health[id.index()], family);
    let is_enough = match &alive {
        Some(alive) => serving.len() >= pool.min_serving.min(alive.len()),
        None => is_enough(pool, family, &serving),
    };
    if is_enough {
        let members = ordered(pool, family, serving, own.active_tier);
        let share = |member: &usize| own.shares.get(*member).copied().unwrap_or(Share::FULL);
        let shares = members.iter().map(share).collect();
        return Selection { pool: id, members, shares, cause: Cause::Enough, v6: None };
    }
    let cause = Cause::Short { serving: serving.len(), rule: pool.when_short };
    let everyone = || (0..own.standings.len()).collect();
    let all = || own.least_withheld(alive.clone().unwrap_or_else(|| of(everyone())));
    let members = match pool.when_short {
        WhenShort::All => all(),
        WhenShort::LastKnown => own.last_known(family).unwrap_or_else(all),
        WhenShort::None => vec![],
        WhenShort::Pool(fallback) => {
            let stand_in = select(pools, health, fallback).stand_in(family, cause);
            if family.is_none() || pools[stand_in.pool.index()].count(family) > 0 {
                return stand_in;
            }
            all()
        }
    };
    let members = ordered(pool, family, members, own.active_tier);
    Selection { pool: id, shares: vec![Share::FULL; members.len()], members, cause, v6: None }
}

/// The members with an address of the family that serve in either family, if enough members of the
/// pool serve in both families together. `None` if too few serve, if each family has its own
/// `min_serving`, or if one decision is for both families.
fn alive(pool: &Pool, health: &PoolHealth, family: Option<Family>) -> Option<Vec<usize>> {
    let family = family.filter(|_| pool.families.is_none())?;
    let mut alive = serving(&health.standings);
    let v6 = health.v6.as_deref().map(|v6| serving(&v6.standings));
    alive.extend(v6.into_iter().flatten());
    alive.sort_unstable();
    alive.dedup();
    is_enough(pool, None, &alive).then(|| pool.with_family(Some(family), alive))
}

impl Selection {
    /// The selection for a family.
    pub fn of(&self, family: Family) -> &Selection {
        match family {
            Family::V4 => self,
            Family::V6 => self.v6.as_deref().unwrap_or(self),
        }
    }

    /// The one selection for both families, or the two selections of the families.
    pub fn each(&self) -> impl Iterator<Item = &Selection> {
        std::iter::once(self).chain(self.v6.as_deref())
    }

    /// Whether too few members serve, in a family at least.
    pub fn is_short(&self) -> bool {
        self.each().any(|selection| matches!(selection.cause, Cause::Short { .. }))
    }

    /// Whether the member of `pool` is answered in a family at least.
    pub fn has(&self, pool: PoolId, member: usize) -> bool {
        let is_in = |members: &[usize]| members.binary_search(&member).is_ok();
        self.each().any(|selection| selection.pool == pool && is_in(&selection.members))
    }

    /// Whether the member of `pool` is answered in `family`.
    pub fn has_in(&self, family: Family, pool: PoolId, member: usize) -> bool {
        let of = self.of(family);
        of.pool == pool && of.members.binary_search(&member).is_ok()
    }

    /// This selection of a fallback pool, or its part for a family, with the cause of the pool that
    /// is short.
    fn stand_in(self, family: Option<Family>, cause: Cause) -> Selection {
        let v6 = self.v6.map(|v6| Selection { cause, ..*v6 });
        match (family, v6) {
            (Some(Family::V6), Some(v6)) => v6,
            (None, Some(v6)) => Selection { cause, v6: Some(Box::new(v6)), ..self },
            (Some(_), _) | (None, None) => Selection { cause, v6: None, ..self },
        }
    }
}

/// Whether enough members serve, so that `when_short` does not apply. For a family, `serving` are
/// members with an address of it.
pub fn is_enough(pool: &Pool, family: Option<Family>, serving: &[usize]) -> bool {
    let least = pool.least(family);
    match pool.tiers.are_written() && least > 0 {
        true => failover::tier(pool, family, serving, None).is_some(),
        false => serving.len() >= least,
    }
}

impl PoolHealth {
    /// The health of members with these standings, at their full shares and without overrides.
    pub fn of(standings: Vec<Standing>) -> PoolHealth {
        let all: Vec<usize> = (0..standings.len()).collect();
        PoolHealth {
            withheld: vec![],
            shares: vec![Share::FULL; standings.len()],
            last_enough: Families { v4: all.clone(), v6: all },
            standings,
            active_tier: None,
            v6: None,
        }
    }

    fn in_family(&self, family: Option<Family>) -> &PoolHealth {
        let v6 = self.v6.as_deref().filter(|_| family == Some(Family::V6));
        v6.unwrap_or(self)
    }

    /// The members of `last_enough` that the operator does not withhold; `None` if there are none.
    fn last_known(&self, family: Option<Family>) -> Option<Vec<usize>> {
        let last = self.last_enough.of(family);
        let free = |index: &usize| self.withheld(*index) == Withholding::No;
        let known: Vec<usize> = last.iter().copied().filter(free).collect();
        (!known.is_empty()).then_some(known)
    }

    fn least_withheld(&self, mut members: Vec<usize>) -> Vec<usize> {
        let least = members.iter().map(|index| self.withheld(*index)).min().unwrap_or_default();
        members.retain(|index| self.withheld(*index) == least);
        members
    }

    fn withheld(&self, index: usize) -> Withholding {
        self.withheld.get(index).copied().unwrap_or_default()
    }
}

/// Stores the serving members in `last_enough` if they are enough. For a family, `serving` are
/// members with an address of it.
pub fn remember(
    pool: &Pool,
    family: Option<Family>,
    serving: &[usize],
    last_enough: &mut Families<Vec<usize>>,
) {
    if serving.is_empty() || !is_enough(pool, family, serving) {
        return;
    }
    *last_enough.of_mut(family) = serving.to_vec();
    if family.is_none() {
        last_enough.v6 = serving.to_vec();
    }
}

/// Indices of the members that serve.
pub fn serving(standings: &[Standing]) -> Vec<usize> {
    let serves = |&(_, standing): &(usize, &Standing)| *standing == Standing::Serving;
    standings.iter().enumerate().filter(serves).map(|(index, _)| index).collect()
}

fn ordered(
    pool: &Pool,
    family: Option<Family>,
    members: Vec<usize>,
    active_tier: Option<usize>,
) -> Vec<usize> {
    match pool.order {
        Order::Rotate | Order::Weighted | Order::Sticky => members,
        Order::Failover => failover::answered(pool, family, members, active_tier),
    }
}
