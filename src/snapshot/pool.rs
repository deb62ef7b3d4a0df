//! What one pool answers now, ready to be copied.
//!
//! Records have a pointer to the question as owner, so one rendering serves every name of the pool.
//! The row stands twice behind itself: any rotation is one copy.

use std::net::IpAddr;

use crate::cluster::member::{Addresses, Member};
use crate::cluster::networks::Networks;
use crate::cluster::pool::{Membership, Order, Pool};
use crate::snapshot::rotation::{Draw, place};
use crate::zone::rtype;
use crate::zone::store::RR_HEAD;

/// Octets of an A record whose owner is a pointer.
const A_BLOCK: usize = RR_HEAD + 4;
/// Octets of an AAAA record whose owner is a pointer.
const AAAA_BLOCK: usize = RR_HEAD + 16;
/// Most members of a pool, and of an answer.
pub const MAX_MEMBERS: usize = 256;

#[derive(Debug, PartialEq, Eq)]
pub struct PoolAnswer {
    /// Who may ask; `None` is everyone.
    clients: Option<Networks>,
    a: Family,
    aaaa: Family,
    max_answers: usize,
    weighted: bool,
}

/// The records of one address family.
#[derive(Debug, PartialEq, Eq)]
struct Family {
    /// `count` records, twice.
    row: Box<[u8]>,
    weights: Box<[u8]>,
    count: usize,
    block: usize,
}

/// The answer does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoesNotFit;

impl PoolAnswer {
    /// `members` are members of `source`: of `pool` itself, or of the pool that stands in for it.
    ///
    /// The mother guard, once more: for a pool that everyone may ask only addresses that are
    /// public by their type get in. A restricted pool standing in for a public one, which `config`
    /// refuses, would add nothing.
    pub fn new(pool: &Pool, source: &Pool, members: &[usize], ttl: u32) -> PoolAnswer {
        let (clients, chosen) = match (&pool.membership, &source.membership) {
            (Membership::Everyone(_), Membership::Everyone(all)) => {
                (None, pick(all, members, |m| *m.addresses.get()))
            }
            (Membership::Everyone(_), Membership::Only { .. }) => (None, vec![]),
            (Membership::Only { clients, .. }, Membership::Everyone(all)) => {
                (Some(clients), pick(all, members, |m| *m.addresses.get()))
            }
            (Membership::Only { clients, .. }, Membership::Only { members: all, .. }) => {
                (Some(clients), pick(all, members, |m| m.addresses))
            }
        };
        let a =
            chosen.iter().filter_map(|(address, weight)| Some((address.v4()?.octets(), *weight)));
        let aaaa =
            chosen.iter().filter_map(|(address, weight)| Some((address.v6()?.octets(), *weight)));
        PoolAnswer {
            clients: clients.cloned(),
            a: Family::new(rtype::A, ttl, a),
            aaaa: Family::new(rtype::AAAA, ttl, aaaa),
            max_answers: pool.max_answers.min(MAX_MEMBERS),
            weighted: pool.order == Order::Weighted,
        }
    }

    #[inline]
    pub fn admits(&self, client: IpAddr) -> bool {
        self.clients.as_ref().is_none_or(|clients| clients.contains(client))
    }

    /// Writes the records of `qtype` (A, AAAA, or ANY for the family that there is) to the start of
    /// `room` and returns their number and length. 0 records: the pool has none of that family.
    #[inline]
    pub fn write(
        &self,
        qtype: u16,
        turn: u64,
        room: &mut [u8],
    ) -> Result<(u16, usize), DoesNotFit> {
        let family = match qtype {
            rtype::AAAA => &self.aaaa,
            rtype::ANY if self.a.count == 0 => &self.aaaa,
            _ => &self.a,
        };
        let count = family.count.min(self.max_answers);
        let len = count * family.block;
        let room = room.get_mut(..len).ok_or(DoesNotFit)?;
        if self.weighted {
            family.write_weighted(count, turn, room);
        } else if count < family.count {
            family.write_subset(count, turn, room);
        } else {
            let start = place(turn, family.count) * family.block;
            room.copy_from_slice(family.row.get(start..start + len).ok_or(DoesNotFit)?);
        }
        Ok((count as u16, len))
    }

    /// How many records of `qtype` an answer has.
    pub fn count(&self, qtype: u16) -> usize {
        let family = if qtype == rtype::AAAA { &self.aaaa } else { &self.a };
        family.count.min(self.max_answers)
    }
}

fn pick<A>(
    all: &[Member<A>],
    members: &[usize],
    addresses: impl Fn(&Member<A>) -> Addresses,
) -> Vec<(Addresses, u8)> {
    let members = members.iter().filter_map(|index| all.get(*index));
    members.take(MAX_MEMBERS).map(|member| (addresses(member), member.weight)).collect()
}

impl Family {
    fn new<const N: usize>(
        rtype: u16,
        ttl: u32,
        members: impl Iterator<Item = ([u8; N], u8)>,
    ) -> Family {
        let mut row = vec![];
        let mut weights = vec![];
        for (address, weight) in members {
            row.extend_from_slice(&[0xc0, 12]);
            row.extend_from_slice(&rtype.to_be_bytes());
            row.extend_from_slice(&[0, 1]);
            row.extend_from_slice(&ttl.to_be_bytes());
            row.extend_from_slice(&(N as u16).to_be_bytes());
            row.extend_from_slice(&address);
            weights.push(weight.max(1));
        }
        row.extend_from_within(..);
        let block = if rtype == rtype::A { A_BLOCK } else { AAAA_BLOCK };
        Family { row: row.into(), count: weights.len(), weights: weights.into(), block }
    }

    /// Any `count` of the members, each equally likely, in any order (Fisher-Yates, cut short).
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
