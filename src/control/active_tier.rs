//! Who is in charge of a pool with `stay`, and what is told when that changes.
//!
//! A change lasts until the tier in charge falls or is drained: a reload and a restart know it by
//! the names of its nodes.

use crate::cluster::failover;
use crate::cluster::families::{Families, Family};
use crate::cluster::pool::Pool;
use crate::control::explain::tier;

/// Another tier took charge.
#[derive(Debug, PartialEq, Eq)]
pub struct TierChange {
    pub old: &'static str,
    pub new: &'static str,
    /// One sentence.
    pub what: String,
}

/// Lets the tier that is to be answered take charge, when these members serve. That a pool is
/// answered for the first time is no change.
pub fn commit(
    pool: &Pool,
    family: Option<Family>,
    active: &mut Families<Option<usize>>,
    serving: &[usize],
) -> Option<TierChange> {
    let before = *active.of(family);
    let now = failover::active_tier(pool, family, serving, before);
    *active.of_mut(family) = now;
    if family.is_none() {
        active.v6 = now;
    }
    let (old, new) = before.zip(now).filter(|(old, new)| old != new)?;
    let what = tier::change(pool, family, old, new);
    Some(TierChange { old: rank(old), new: rank(new), what })
}

fn rank(tier: usize) -> &'static str {
    if tier == 0 { "primary" } else { "reserve" }
}

/// The nodes of the tier in charge.
pub fn nodes(pool: &Pool, active: Option<usize>) -> Vec<String> {
    let members = active.map(|tier| pool.tiers.members(tier)).unwrap_or_default();
    members.filter_map(|index| Some(pool.membership.get(index)?.node.to_string())).collect()
}

/// The tier that these nodes mean now: that of the first one which is still a member.
pub fn recall(pool: &Pool, nodes: &[String]) -> Option<usize> {
    let place = |node: &String| pool.membership.iter().position(|m| m.node.as_str() == node);
    nodes.iter().find_map(place).map(|member| pool.tiers.of_member(member))
}
