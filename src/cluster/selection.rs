//! Which members of a pool are answered, and why.
//!
//! | serving members | `order` | answered |
//! |---|---|---|
//! | `min_serving` or more | rotate, weighted, sticky | all that serve |
//! | `min_serving` or more | failover | the first that serves |
//! | `min_serving` or more in a tier | failover with tiers | those of one tier, see [`failover`] |
//! | fewer | any | what `when_short` says; of that, failover takes the first, or the first tier |
//!
//! Of what `all` and `last_known` say, only those are taken that the operator holds back least: a
//! drained member is answered when nobody else is left, and one that is forced down when not even
//! a drained one is. Only `none` empties a pool.
//!
//! Pure: the same pools and standings give the same selection on every server.

use crate::cluster::failover;
use crate::cluster::operator::Withheld;
use crate::cluster::pool::{Order, Pool, PoolId, WhenShort};
use crate::cluster::standing::Standing;

/// How much of its full part a member takes in the answers, in percent: 1 to 100. Less than 100
/// while it starts slowly, or says that it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u8);

impl Share {
    pub const FULL: Share = Share(100);

    /// The nearest that there is.
    pub const fn percent(percent: u8) -> Share {
        match percent {
            0 => Share(1),
            1..=100 => Share(percent),
            _ => Share::FULL,
        }
    }

    /// That part of this part.
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
    /// The pool that the members belong to: another one when a fallback pool stands in.
    pub pool: PoolId,
    /// Indices of members of that pool, ascending.
    pub members: Vec<usize>,
    /// One for each of `members`. Full while the pool is short: nobody is spared then.
    pub shares: Vec<Share>,
    pub cause: Cause,
}

/// Why these members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Enough members serve.
    Enough,
    /// `serving` is below `min_serving`; this was done about it.
    Short { serving: usize, rule: WhenShort },
}

/// Standing and memory of one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolHealth {
    /// One for each member, in the pool's order.
    pub standings: Vec<Standing>,
    /// What the operator holds back, in the pool's order; empty when nothing is.
    pub withheld: Vec<Withheld>,
    /// One for each member, in the pool's order.
    pub shares: Vec<Share>,
    /// The serving members of the last time that there were enough.
    pub last_enough: Vec<usize>,
    /// The tier that has been answered so far, of a pool that stays with it.
    pub in_charge: Option<usize>,
}

/// `health` has one entry for each of `pools`.
pub fn select(pools: &[Pool], health: &[PoolHealth], id: PoolId) -> Selection {
    let pool = &pools[id.index()];
    let own = &health[id.index()];
    let serving = serving(&own.standings);
    if is_enough(pool, &serving) {
        let members = ordered(pool, serving, own.in_charge);
        let share = |member: &usize| own.shares.get(*member).copied().unwrap_or(Share::FULL);
        let shares = members.iter().map(share).collect();
        return Selection { pool: id, members, shares, cause: Cause::Enough };
    }
    let cause = Cause::Short { serving: serving.len(), rule: pool.when_short };
    let all = || own.least_withheld((0..own.standings.len()).collect());
    let members = match pool.when_short {
        WhenShort::All => all(),
        WhenShort::LastKnown => own.last_known().unwrap_or_else(all),
        WhenShort::None => vec![],
        WhenShort::Pool(fallback) => {
            return Selection { cause, ..select(pools, health, fallback) };
        }
    };
    let members = ordered(pool, members, own.in_charge);
    Selection { pool: id, shares: vec![Share::FULL; members.len()], members, cause }
}

/// Whether so many serve that `when_short` has nothing to say.
pub fn is_enough(pool: &Pool, serving: &[usize]) -> bool {
    match pool.tiers.are_written() {
        true => failover::tier(pool, serving, None).is_some(),
        false => serving.len() >= pool.min_serving,
    }
}

impl PoolHealth {
    /// Of members with these standings, with nothing beside and no memory.
    pub fn of(standings: Vec<Standing>) -> PoolHealth {
        PoolHealth {
            withheld: vec![],
            shares: vec![Share::FULL; standings.len()],
            last_enough: (0..standings.len()).collect(),
            standings,
            in_charge: None,
        }
    }

    /// Those of the last time that there were enough, and whom nobody holds back.
    fn last_known(&self) -> Option<Vec<usize>> {
        let free = |index: &usize| self.withheld(*index) == Withheld::No;
        let known: Vec<usize> = self.last_enough.iter().copied().filter(free).collect();
        (!known.is_empty()).then_some(known)
    }

    fn least_withheld(&self, mut members: Vec<usize>) -> Vec<usize> {
        let least = members.iter().map(|index| self.withheld(*index)).min().unwrap_or_default();
        members.retain(|index| self.withheld(*index) == least);
        members
    }

    fn withheld(&self, index: usize) -> Withheld {
        self.withheld.get(index).copied().unwrap_or_default()
    }
}

/// Indices of the members that serve.
pub fn serving(standings: &[Standing]) -> Vec<usize> {
    let serves = |&(_, standing): &(usize, &Standing)| *standing == Standing::Serving;
    standings.iter().enumerate().filter(serves).map(|(index, _)| index).collect()
}

fn ordered(pool: &Pool, members: Vec<usize>, in_charge: Option<usize>) -> Vec<usize> {
    match pool.order {
        Order::Rotate | Order::Weighted | Order::Sticky => members,
        Order::Failover => failover::answered(pool, members, in_charge),
    }
}
