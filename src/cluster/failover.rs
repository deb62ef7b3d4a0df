//! Failover: the members of a pool in tiers, one of which is answered.
//!
//! | `tiers:` | a tier is | and suffices while |
//! |---|---|---|
//! | written | a list of members | `min_serving` of them serve |
//! | not written | one member | it serves |
//!
//! | `stay` | answered |
//! |---|---|
//! | no | the first tier that suffices |
//! | yes | the tier in charge while it suffices; then the first one that does, which takes charge |
//!
//! In a family a tier suffices with fewer, where fewer of its members have an address of it.
//!
//! Who is in charge is remembered by whoever decides, and handed in: nothing here has a memory.

use crate::cluster::families::Family;
use crate::cluster::pool::Pool;

/// The tier that is to be answered when these members can be, ascending; `None` when none
/// suffices. `active_tier` is the one that has been answered so far, of a pool that stays with it.
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

/// So many of a tier suffice; at least 1.
fn least(pool: &Pool, family: Option<Family>, tier: usize) -> usize {
    if !pool.tiers.are_written() {
        return 1;
    }
    let Some(_) = family else { return pool.min_serving };
    let members = pool.tiers.members(tier).filter(|member| pool.is_in(*member, family));
    pool.min_serving.min(members.count()).max(1)
}

/// The tier in charge when these members serve; while none suffices, the one that was.
pub fn active_tier(
    pool: &Pool,
    family: Option<Family>,
    serving: &[usize],
    before: Option<usize>,
) -> Option<usize> {
    tier(pool, family, serving, before).or(before).filter(|_| pool.stay)
}

/// Of these members those of the tier that is to be answered; when none suffices, of the first that
/// is there.
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
