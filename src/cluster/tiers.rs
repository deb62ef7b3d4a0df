//! How the members of a failover pool are divided into tiers.

use std::ops::Range;

/// The tiers of a pool, in the order of its members.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tiers {
    /// For each tier the index after its last member, ascending. Empty when each member is a tier
    /// of its own.
    ends: Vec<usize>,
}

impl Tiers {
    /// Tiers of these sizes, each at least 1, in the order of the members.
    pub fn of(sizes: impl IntoIterator<Item = usize>) -> Tiers {
        let mut end = 0;
        let end = |size| {
            end += size;
            end
        };
        Tiers { ends: sizes.into_iter().map(end).collect() }
    }

    /// Whether config.yaml has `tiers:`.
    pub fn are_written(&self) -> bool {
        !self.ends.is_empty()
    }

    /// The size of the smallest tier; `None` when tiers are not written.
    pub fn smallest(&self) -> Option<usize> {
        (0..self.ends.len()).map(|tier| self.members(tier).len()).min()
    }

    /// The index of a member's tier.
    pub fn of_member(&self, member: usize) -> usize {
        match self.are_written() {
            true => self.ends.partition_point(|end| *end <= member),
            false => member,
        }
    }

    /// The indices of a tier's members.
    pub fn members(&self, tier: usize) -> Range<usize> {
        if !self.are_written() {
            return tier..tier + 1;
        }
        let end = |tier: usize| self.ends.get(tier).copied().unwrap_or_default();
        tier.checked_sub(1).map_or(0, end)..end(tier)
    }
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
