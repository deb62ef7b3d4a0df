//! Who is in charge of a pool with `stay`, and what is told when that changes.
//!
//! A change lasts until the tier in charge falls or is drained: a reload and a restart know it by
//! the names of its nodes.

use crate::cluster::failover;
use crate::cluster::families::Family;
use crate::cluster::pool::Pool;
use crate::control::explain;
use crate::control::roster::PoolState;

/// Another tier took charge.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    pub old: &'static str,
    pub new: &'static str,
    /// One sentence.
    pub what: String,
}

/// Lets the tier that is to be answered take charge, when these members serve. That a pool is
/// answered for the first time is no change.
pub fn settle(
    pool: &Pool,
    family: Option<Family>,
    state: &mut PoolState,
    serving: &[usize],
) -> Option<Taken> {
    let in_charge = state.in_charge.of_mut(family);
    let before = *in_charge;
    *in_charge = failover::charge(pool, family, serving, before);
    let now = *in_charge;
    if family.is_none() {
        state.in_charge.v6 = now;
    }
    let (old, new) = before.zip(now).filter(|(old, new)| old != new)?;
    let what = explain::charge(pool, family, old, new);
    Some(Taken { old: rank(old), new: rank(new), what })
}

fn rank(tier: usize) -> &'static str {
    if tier == 0 { "primary" } else { "reserve" }
}

/// The nodes of the tier in charge.
pub fn nodes(pool: &Pool, state: &PoolState, family: Option<Family>) -> Vec<String> {
    let members =
        state.in_charge.of(family).map(|tier| pool.tiers.members(tier)).unwrap_or_default();
    members.filter_map(|index| Some(pool.membership.get(index)?.node.to_string())).collect()
}

/// The tier that these nodes mean now: that of the first one which is still a member.
pub fn recall(pool: &Pool, nodes: &[String]) -> Option<usize> {
    let place = |node: &String| pool.membership.iter().position(|m| m.node.as_str() == node);
    nodes.iter().find_map(place).map(|member| pool.tiers.of_member(member))
}
