//! Blocks of equal length, one a member, of which an answer takes some in an order of its own:
//! whole records of an address family, or bare addresses.
//!
//! | members, parts | order |
//! |---|---|
//! | all of them, equal parts | the row from another place each turn |
//! | a row that is sticky | that of the client's network |
//! | some that are spread over domains | drawn so that different domains come first |
//! | a row that is sticky and spread | that of the client's network, different domains first |
//! | some, or unequal parts | drawn one after the other, with the chances of who is left |
//!
//! The row stands twice behind itself: any rotation is one copy.

use std::net::IpAddr;

use crate::snapshot::drawing::Line;
use crate::snapshot::rotation::{Draw, place};
use crate::snapshot::spread::{Domains, Spread};
use crate::snapshot::sticky::Ranking;

/// Maximum number of addresses of one family in an answer.
pub const MAX_ANSWERS: usize = 256;

#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// `count` blocks, twice.
    row: Box<[u8]>,
    line: Line,
    ranking: Option<Ranking>,
    /// Where the members of a domain stand together.
    domains: Option<Domains>,
    /// Whether all of the members are answered by one copy.
    is_plain: bool,
    count: usize,
    block: usize,
}

/// A member's place among the others.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    /// Its part of the first places, 1 to 10,000.
    pub part: u32,
    /// Which it is, where each client network has an order of its own.
    pub key: Option<u64>,
    /// Its failure domain, where those are to differ in an answer.
    pub domain: Option<u32>,
}

/// Which blocks this time.
#[derive(Debug, Clone, Copy)]
pub struct Pick {
    /// At most so many.
    pub max: usize,
    pub turn: u64,
    /// Who asks.
    pub client: IpAddr,
}

/// The answer does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoesNotFit;

impl Family {
    /// Each block is `head` and an address; beside each address its member's seat.
    pub fn new<const N: usize>(
        head: &[u8],
        members: impl Iterator<Item = ([u8; N], Seat)>,
    ) -> Family {
        let mut members: Vec<([u8; N], Seat)> = members.collect();
        members.sort_by_key(|(_, seat)| seat.domain);
        let numbers: Vec<u32> = members.iter().filter_map(|(_, seat)| seat.domain).collect();
        let mut row = vec![];
        let mut parts = vec![];
        let mut keys = vec![];
        for (address, seat) in members {
            row.extend_from_slice(head);
            row.extend_from_slice(&address);
            parts.push(seat.part);
            keys.extend(seat.key);
        }
        row.extend_from_within(..);
        let block = head.len() + N;
        let (count, line) = (parts.len(), Line::new(&parts));
        let ranking = (!keys.is_empty()).then(|| Ranking::new(keys, parts));
        let domains = Domains::new(&numbers);
        let is_plain = line.is_even() && ranking.is_none() && domains.is_none();
        Family { row: row.into(), line, ranking, domains, is_plain, count, block }
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
        if count < self.count || !self.is_plain {
            self.write_some(pick, room);
        } else {
            let start = place(pick.turn, self.count) * self.block;
            room.copy_from_slice(self.row.get(start..start + len).ok_or(DoesNotFit)?);
        }
        Ok((count as u16, len))
    }

    /// As many as `room` has place for. Few need no room for many.
    #[inline(never)]
    fn write_some(&self, pick: Pick, room: &mut [u8]) {
        const FEW: usize = 16;
        match room.len() <= FEW * self.block {
            true => self.write_chosen::<FEW>(pick, room),
            false => self.write_chosen::<MAX_ANSWERS>(pick, room),
        }
    }

    fn write_chosen<const MOST: usize>(&self, pick: Pick, room: &mut [u8]) {
        let count = room.len() / self.block;
        let rooms = room.chunks_exact_mut(self.block);
        let mut draw = Draw::new(pick.turn);
        match (&self.ranking, &self.domains) {
            (Some(ranking), None) => {
                for (member, to) in ranking.first::<MOST>(pick.client, count).zip(rooms) {
                    self.copy(member, to);
                }
            }
            (Some(ranking), Some(domains)) => {
                let first = ranking.spread::<MOST>(pick.client, count, domains);
                for (member, to) in first.zip(rooms) {
                    self.copy(member, to);
                }
            }
            (None, None) => {
                let mut left = self.line.all::<MOST>();
                for to in rooms {
                    let member = left.take(draw.below(left.len()));
                    self.copy(member, to);
                }
            }
            (None, Some(domains)) => {
                let mut left = Spread::<MOST>::new(&self.line, domains);
                for to in rooms {
                    self.copy(left.next(&mut draw), to);
                }
            }
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

    fn seat(part: u32) -> Seat {
        Seat { part, key: None, domain: None }
    }

    fn pick(max: usize, turn: u64) -> Pick {
        Pick { max, turn, client: IpAddr::from([192, 0, 2, 1]) }
    }

    /// How often each of some members is at each place.
    fn places(parts: &[u32], max: usize, turns: u64) -> Vec<Vec<u32>> {
        let members = parts.iter().zip(0..).map(|(part, index)| ([index], seat(*part)));
        let family = Family::new::<1>(&[], members);
        let mut places = vec![vec![0; parts.len()]; max];
        for turn in 0..turns {
            let mut room = [0; 256];
            let (count, len) = family.write(pick(max, turn), &mut room).unwrap();
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
        let row = |part| {
            let members = [[1], [2], [3]].map(|address| (address, seat(part)));
            Family::new::<1>(b"x", members.into_iter())
        };
        assert_eq!(row(25), row(1));
        let mut room = [0; 6];
        row(25).write(pick(8, 0), &mut room).unwrap();
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
        let family = Family::new::<1>(b"x", [([1], seat(1)), ([2], seat(2))].into_iter());
        assert_eq!(family.write(pick(2, 0), &mut [0; 3]), Err(DoesNotFit));
    }
}
