//! Decides which tier of a pool with `stay` is active.
//!
//! The active tier stays until it falls or is drained. After a reload or a restart it is found
//! again by the names of its nodes.

use crate::cluster::failover;
use crate::cluster::families::{Families, Family};
use crate::cluster::pool::Pool;
use crate::control::change_feed::Condition;
use crate::control::explain::tier;

/// Another tier became active.
#[derive(Debug, PartialEq, Eq)]
pub struct TierChange {
    pub old: Condition,
    pub new: Condition,
    /// One sentence.
    pub what: String,
}

/// Decides which tier is active while the members `serving` serve. Returns the change; `None` also
/// if no tier was active before.
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
    Some(TierChange { old: condition(old), new: condition(new), what })
}

fn condition(tier: usize) -> Condition {
    if tier == 0 { Condition::Primary } else { Condition::Reserve }
}

/// The nodes of the active tier; none while no tier is active.
pub fn nodes(pool: &Pool, active: Option<usize>) -> Vec<String> {
    let members = active.map(|tier| pool.tiers.members(tier)).unwrap_or_default();
    members.filter_map(|index| Some(pool.membership.get(index)?.node.to_string())).collect()
}

/// The tier of the first of `nodes` that is still a member; `None` if none is.
pub fn find(pool: &Pool, nodes: &[String]) -> Option<usize> {
    let place = |node: &String| pool.membership.iter().position(|m| m.node.as_str() == node);
    nodes.iter().find_map(place).map(|member| pool.tiers.of_member(member))
}
