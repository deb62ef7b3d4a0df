//! Failover: chooses which tier of a pool is answered.
//!
//! | `tiers:` | a tier is | and suffices while |
//! |---|---|---|
//! | written | a list of members | `min_serving` of them serve |
//! | not written | one member | it serves |
//!
//! | `stay` | answered |
//! |---|---|
//! | no | the first tier that suffices |
//! | yes | the active tier while it suffices; then the first tier that suffices becomes active |
//!
//! If fewer members of a tier than `min_serving` have an address of a family, the tier suffices in
//! that family while all of these serve.
//!
//! The caller keeps the active tier and passes it in: these functions have no state.

use crate::cluster::families::Family;
use crate::cluster::pool::Pool;

/// The tier to answer while `members`, ascending indices, serve; `None` when no tier suffices.
/// `active_tier` is the tier answered so far, in a pool with `stay`.
pub fn tier(
    pool: &Pool,
    family: Option<Family>,
    members: &[usize],
    active_tier: Option<usize>,
) -> Option<usize> {
    let of = |member: &usize| pool.tiers.of_member(*member);
    let suffices = |tier: usize, serving: usize| serving >= least(pool, family, tier);
    let stays = |tier: &usize| suffices(*tier, members.iter().filter(|m| of(m) == *tier).count());
    let mut tiers = members.chunk_by(|a, b| of(a) == of(b));
    let first = || {
        let tier = |members: &[usize]| members.first().map(of);
        tiers.find_map(|members| tier(members).filter(|tier| suffices(*tier, members.len())))
    };
    active_tier.filter(|_| pool.stay).filter(stays).or_else(first)
}

/// How many members of a tier suffice; at least 1.
fn least(pool: &Pool, family: Option<Family>, tier: usize) -> usize {
    if !pool.tiers.are_written() {
        return 1;
    }
    let Some(_) = family else { return pool.min_serving };
    let members = pool.tiers.members(tier).filter(|member| pool.is_in(*member, family));
    pool.min_serving.min(members.count()).max(1)
}

/// The active tier while these members serve. While no tier suffices, the tier before stays active.
pub fn active_tier(
    pool: &Pool,
    family: Option<Family>,
    serving: &[usize],
    before: Option<usize>,
) -> Option<usize> {
    tier(pool, family, serving, before).or(before).filter(|_| pool.stay)
}

/// The members of the tier to answer; when no tier suffices, those of the first tier that has any
/// of `members`.
pub fn answered(
    pool: &Pool,
    family: Option<Family>,
    mut members: Vec<usize>,
    active_tier: Option<usize>,
) -> Vec<usize> {
    let first = || members.first().map(|member| pool.tiers.of_member(*member));
    let tier = tier(pool, family, &members, active_tier).or_else(first);
    members.retain(|member| Some(pool.tiers.of_member(*member)) == tier);
    members
}
