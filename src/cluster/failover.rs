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

use std::ops::Range;

use crate::cluster::families::Family;
use crate::cluster::pool::Pool;

/// How the members of a pool are divided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tiers {
    /// Where each tier ends among the members, ascending. Empty: each member is its own tier.
    ends: Vec<usize>,
}

impl Tiers {
    /// Of tiers with so many members each, at least one, one behind the other.
    pub fn of(sizes: impl IntoIterator<Item = usize>) -> Tiers {
        let mut end = 0;
        let end = |size| {
            end += size;
            end
        };
        Tiers { ends: sizes.into_iter().map(end).collect() }
    }

    pub fn are_written(&self) -> bool {
        !self.ends.is_empty()
    }

    /// Members of the smallest one; `None` when they are not written.
    pub fn smallest(&self) -> Option<usize> {
        (0..self.ends.len()).map(|tier| self.members(tier).len()).min()
    }

    /// The tier of a member, counted from 0.
    pub fn of_member(&self, member: usize) -> usize {
        match self.are_written() {
            true => self.ends.partition_point(|end| *end <= member),
            false => member,
        }
    }

    /// The members of a tier.
    pub fn members(&self, tier: usize) -> Range<usize> {
        if !self.are_written() {
            return tier..tier + 1;
        }
        let end = |tier: usize| self.ends.get(tier).copied().unwrap_or_default();
        tier.checked_sub(1).map_or(0, end)..end(tier)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_know_their_tier_and_tiers_their_members() {
        let tiers = Tiers::of([2, 1, 3]);
        let of: Vec<usize> = (0..6).map(|member| tiers.of_member(member)).collect();
        assert_eq!(of, [0, 0, 1, 2, 2, 2]);
        assert_eq!([0, 1, 2].map(|tier| tiers.members(tier)), [0..2, 2..3, 3..6]);
        let each = Tiers::default();
        assert_eq!((each.of_member(4), each.members(4)), (4, 4..5));
    }
}
