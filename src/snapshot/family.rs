//! Blocks of equal length, one a member, of which an answer takes some in an order of its own:
//! whole records of an address family, or bare addresses.
//!
//! The row stands twice behind itself: any rotation is one copy.

use crate::snapshot::pool::MAX_MEMBERS;
use crate::snapshot::rotation::{Draw, place};

#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// `count` blocks, twice.
    row: Box<[u8]>,
    weights: Box<[u8]>,
    count: usize,
    block: usize,
}

/// Which blocks this time.
#[derive(Debug, Clone, Copy)]
pub struct Pick {
    /// At most so many.
    pub max: usize,
    pub weighted: bool,
    pub turn: u64,
}

/// The answer does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoesNotFit;

impl Family {
    /// Each block is `head` and an address; beside each address its weight.
    pub fn new<const N: usize>(
        head: &[u8],
        members: impl Iterator<Item = ([u8; N], u8)>,
    ) -> Family {
        let mut row = vec![];
        let mut weights = vec![];
        for (address, weight) in members {
            row.extend_from_slice(head);
            row.extend_from_slice(&address);
            weights.push(weight.max(1));
        }
        row.extend_from_within(..);
        let block = head.len() + N;
        Family { row: row.into(), count: weights.len(), weights: weights.into(), block }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Writes blocks to the start of `room` and returns their number and length.
    #[inline(always)]
    pub fn write(&self, pick: Pick, room: &mut [u8]) -> Result<(u16, usize), DoesNotFit> {
        let count = self.count.min(pick.max);
        let len = count * self.block;
        let room = room.get_mut(..len).ok_or(DoesNotFit)?;
        if pick.weighted {
            self.write_weighted(count, pick.turn, room);
        } else if count < self.count {
            self.write_subset(count, pick.turn, room);
        } else {
            let start = place(pick.turn, self.count) * self.block;
            room.copy_from_slice(self.row.get(start..start + len).ok_or(DoesNotFit)?);
        }
        Ok((count as u16, len))
    }

    /// Any `count` of the members, each equally likely, in any order (Fisher-Yates, cut short).
    #[inline(never)]
    fn write_subset(&self, count: usize, turn: u64, room: &mut [u8]) {
        let mut order: [u8; MAX_MEMBERS] = std::array::from_fn(|index| index as u8);
        let mut draw = Draw::new(turn);
        for (done, to) in room.chunks_exact_mut(self.block).enumerate().take(count) {
            let other = done + draw.below((self.count - done) as u32) as usize;
            order.swap(done, other);
            self.copy(usize::from(order[done]), to);
        }
    }

    /// Without replacement, each time with the chances of what is left.
    #[inline(never)]
    fn write_weighted(&self, count: usize, turn: u64, room: &mut [u8]) {
        let mut weights = [0u8; MAX_MEMBERS];
        weights[..self.count].copy_from_slice(&self.weights);
        let mut total: u32 = self.weights.iter().map(|w| u32::from(*w)).sum();
        let mut draw = Draw::new(turn);
        for to in room.chunks_exact_mut(self.block).take(count) {
            let mut drawn = draw.below(total);
            let chosen = weights[..self.count].iter().position(|weight| {
                let weight = u32::from(*weight);
                let hit = drawn < weight;
                drawn = drawn.wrapping_sub(weight);
                hit
            });
            let chosen = chosen.unwrap_or(0);
            total -= u32::from(std::mem::take(&mut weights[chosen]));
            self.copy(chosen, to);
        }
    }

    fn copy(&self, member: usize, to: &mut [u8]) {
        if let Some(from) = self.row.get(member * self.block..(member + 1) * self.block) {
            to.copy_from_slice(from);
        }
    }
}
