//! Sentences about the tiers of a failover pool.

use crate::cluster::families::Family;
use crate::cluster::pool::Pool;

/// Another tier became active in a pool with `stay`.
pub fn change(pool: &Pool, family: Option<Family>, old: usize, new: usize) -> String {
    let (old, new) = (name(pool, old), name(pool, new));
    let of = family.map(|family| format!(" of the {} answers", family.as_str()));
    format!("{new} takes charge{} from {old}, and stays", of.unwrap_or_default())
}

/// The name of a tier: its only member, or its number.
pub fn name(pool: &Pool, tier: usize) -> String {
    let member = pool.membership.get(tier).filter(|_| !pool.tiers.are_written());
    member.map_or_else(|| format!("tier {}", tier + 1), |member| member.node.to_string())
}
