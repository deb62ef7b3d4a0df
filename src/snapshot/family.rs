//! Blocks of equal length, one a member, of which an answer takes some in an order of its own:
//! whole records of an address family, or bare addresses.
//!
//! | members, parts | order |
//! |---|---|
//! | all of them, equal parts | the row from another place each turn |
//! | some, or unequal parts | drawn one after the other, with the chances of who is left |
//!
//! The row stands twice behind itself: any rotation is one copy.

use crate::snapshot::drawing::Line;
use crate::snapshot::pool::MAX_ANSWERS;
use crate::snapshot::rotation::{Draw, place};

#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// `count` blocks, twice.
    row: Box<[u8]>,
    line: Line,
    count: usize,
    block: usize,
}

/// Which blocks this time.
#[derive(Debug, Clone, Copy)]
pub struct Pick {
    /// At most so many.
    pub max: usize,
    pub turn: u64,
}

/// The answer does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoesNotFit;

impl Family {
    /// Each block is `head` and an address; beside each address its part of the first places.
    pub fn new<const N: usize>(
        head: &[u8],
        members: impl Iterator<Item = ([u8; N], u32)>,
    ) -> Family {
        let mut row = vec![];
        let mut parts = vec![];
        for (address, part) in members {
            row.extend_from_slice(head);
            row.extend_from_slice(&address);
            parts.push(part);
        }
        row.extend_from_within(..);
        let block = head.len() + N;
        Family { row: row.into(), count: parts.len(), line: Line::new(&parts), block }
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
    #[inline]
    pub fn write(&self, pick: Pick, room: &mut [u8]) -> Result<(u16, usize), DoesNotFit> {
        let count = self.count.min(pick.max);
        let len = count * self.block;
        let room = room.get_mut(..len).ok_or(DoesNotFit)?;
        if count < self.count || !self.line.is_even() {
            self.write_some(pick.turn, room);
        } else {
            let start = place(pick.turn, self.count) * self.block;
            room.copy_from_slice(self.row.get(start..start + len).ok_or(DoesNotFit)?);
        }
        Ok((count as u16, len))
    }

    /// As many as `room` has place for. Few need no room for many.
    #[inline(never)]
    fn write_some(&self, turn: u64, room: &mut [u8]) {
        const FEW: usize = 16;
        match room.len() <= FEW * self.block {
            true => self.write_drawn::<FEW>(turn, room),
            false => self.write_drawn::<MAX_ANSWERS>(turn, room),
        }
    }

    fn write_drawn<const MOST: usize>(&self, turn: u64, room: &mut [u8]) {
        let mut draw = Draw::new(turn);
        let mut left = self.line.all::<MOST>();
        for to in room.chunks_exact_mut(self.block) {
            let member = left.take(draw.below(left.len()));
            self.copy(member, to);
        }
    }

    fn copy(&self, member: usize, to: &mut [u8]) {
        if let Some(from) = self.row.get(member * self.block..(member + 1) * self.block) {
            to.copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of some members is at each place.
    fn places(parts: &[u32], max: usize, turns: u64) -> Vec<Vec<u32>> {
        let members = parts.iter().zip(0..).map(|(part, index)| ([index], *part));
        let family = Family::new::<1>(&[], members);
        let mut places = vec![vec![0; parts.len()]; max];
        for turn in 0..turns {
            let mut room = [0; 256];
            let (count, len) = family.write(Pick { max, turn }, &mut room).unwrap();
            assert_eq!((usize::from(count), len), (max, max));
            for (place, member) in places.iter_mut().zip(&room[..len]) {
                place[usize::from(*member)] += 1;
            }
        }
        places
    }

    #[test]
    fn a_quarter_of_a_share_is_first_a_quarter_as_often() {
        let first = &places(&[100, 25, 100, 100], 4, 13_000)[0];
        assert!(first.iter().zip([4000, 1000, 4000, 4000]).all(|(n, fair)| n.abs_diff(fair) < 10));
    }

    #[test]
    fn equal_parts_are_the_row_from_another_place() {
        let row = |part| Family::new::<1>(b"x", [[1], [2], [3]].into_iter().map(|a| (a, part)));
        assert_eq!(row(25), row(1));
        let mut room = [0; 6];
        row(25).write(Pick { max: 8, turn: 0 }, &mut room).unwrap();
        assert_eq!(&room, b"x\x01x\x02x\x03");
    }

    #[test]
    fn some_of_many_are_evenly_chosen() {
        for place in places(&[1; 200], 3, 200_000) {
            assert!(place.iter().all(|n| (850..1150).contains(n)), "{place:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let family = Family::new::<1>(b"x", [([1], 1), ([2], 2)].into_iter());
        assert_eq!(family.write(Pick { max: 2, turn: 0 }, &mut [0; 3]), Err(DoesNotFit));
    }
}
