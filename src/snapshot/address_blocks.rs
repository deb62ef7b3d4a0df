//! Writes the addresses of one family into answers: some or all members, in an order of their own.
//!
//! Each member has a block: a record with its address, or the bare address. All blocks have equal
//! length. The row is all of them, one after another.
//!
//! | members, parts | order |
//! |---|---|
//! | all of them, equal parts | the row, from another start each turn |
//! | a sticky row | the order of the client's network |
//! | some, spread over domains | drawn so that different domains come first |
//! | a row both sticky and spread | the order of the network, different domains first |
//! | some, or unequal parts | drawn one by one, each with the chance of its part |
//!
//! The row is stored twice in succession, so writing it from any start is one copy.

use std::net::IpAddr;

use crate::snapshot::drawing::PartLine;
use crate::snapshot::rotation::{Draw, place};
use crate::snapshot::spread::{Domains, SpreadDraw};
use crate::snapshot::sticky::Ranking;

/// Maximum number of addresses of one family in an answer.
pub const MAX_ANSWERS: usize = 256;

/// The blocks of one pool and family, with what decides their order.
#[derive(Debug, PartialEq, Eq)]
pub struct AddressBlocks {
    /// `count` blocks, twice.
    row: Box<[u8]>,
    line: PartLine,
    ranking: Option<Ranking>,
    /// The domains of members, when answers are spread over them.
    domains: Option<Domains>,
    /// Whether an answer with all members is one copy.
    is_plain: bool,
    count: usize,
    block: usize,
}

/// A member's properties that decide its place in answers.
#[derive(Debug, Clone, Copy)]
pub struct MemberPart {
    /// Its part of the first places, 1 to 10,000 relative to the other members.
    pub part: u32,
    /// The key of its name, when each client network has its own order.
    pub key: Option<u64>,
    /// Its failure domain, when answers are spread over domains.
    pub domain: Option<u32>,
}

/// What decides the blocks of one answer, and their order.
#[derive(Debug, Clone, Copy)]
pub struct OrderInput {
    /// Maximum number of blocks.
    pub max: usize,
    /// The turn of the query, for the rotation.
    pub turn: u64,
    /// Address of the client, for sticky orders.
    pub client: IpAddr,
}

/// The error for an answer that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoesNotFit;

impl AddressBlocks {
    /// Each block is `head` followed by an address.
    pub fn new<const N: usize>(
        head: &[u8],
        members: impl Iterator<Item = ([u8; N], MemberPart)>,
    ) -> AddressBlocks {
        let mut members: Vec<([u8; N], MemberPart)> = members.collect();
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
        let (count, line) = (parts.len(), PartLine::new(&parts));
        let ranking = (!keys.is_empty()).then(|| Ranking::new(keys, parts));
        let domains = Domains::new(&numbers);
        let is_plain = line.is_even() && ranking.is_none() && domains.is_none();
        AddressBlocks { row: row.into(), line, ranking, domains, is_plain, count, block }
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
    pub fn write(&self, pick: OrderInput, room: &mut [u8]) -> Result<(u16, usize), DoesNotFit> {
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

    /// Fills `room`. A small answer needs only a small array on the stack.
    #[inline(never)]
    fn write_some(&self, pick: OrderInput, room: &mut [u8]) {
        const FEW: usize = 16;
        match room.len() <= FEW * self.block {
            true => self.write_chosen::<FEW>(pick, room),
            false => self.write_chosen::<MAX_ANSWERS>(pick, room),
        }
    }

    fn write_chosen<const MOST: usize>(&self, pick: OrderInput, room: &mut [u8]) {
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
                let mut left = SpreadDraw::<MOST>::new(&self.line, domains);
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

    fn seat(part: u32) -> MemberPart {
        MemberPart { part, key: None, domain: None }
    }

    fn pick(max: usize, turn: u64) -> OrderInput {
        OrderInput { max, turn, client: IpAddr::from([192, 0, 2, 1]) }
    }

    /// How often each of some members is at each place.
    fn places(parts: &[u32], max: usize, turns: u64) -> Vec<Vec<u32>> {
        let members = parts.iter().zip(0..).map(|(part, index)| ([index], seat(*part)));
        let family = AddressBlocks::new::<1>(&[], members);
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
            AddressBlocks::new::<1>(b"x", members.into_iter())
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
        let family = AddressBlocks::new::<1>(b"x", [([1], seat(1)), ([2], seat(2))].into_iter());
        assert_eq!(family.write(pick(2, 0), &mut [0; 3]), Err(DoesNotFit));
    }
}
