//! Holds the current answers of one pool, ready to be copied into replies.
//!
//! The owner of each record is a pointer to the question, so one rendering serves every name of the
//! pool.

use std::net::IpAddr;

use crate::cluster::member::{Addresses, Member};
use crate::cluster::networks::Networks;
use crate::cluster::pool::{Membership, Order, Pool, Spread};
use crate::cluster::selection::{Selection, Share};
use crate::snapshot::address_blocks::{
    AddressBlocks, DoesNotFit, MAX_ANSWERS, MemberPart, OrderInput,
};
use crate::snapshot::https::Https;
use crate::snapshot::sticky;
use crate::zone::rrset::RR_HEAD;
use crate::zone::rtype;

/// The answers of one pool to questions for A, AAAA and HTTPS.
#[derive(Debug, PartialEq, Eq)]
pub struct PoolAnswer {
    /// The networks of clients that may ask. `None` for everyone.
    clients: Option<Networks>,
    a: AddressBlocks,
    aaaa: AddressBlocks,
    /// `None` when the pool publishes no HTTPS record.
    https: Option<Https>,
    max_answers: usize,
}

impl PoolAnswer {
    /// `selection` names members of one of `pools`: of `pool` itself, or of the pool that it falls
    /// back on. For AAAA questions and IPv6 hints these may be other members.
    pub fn new(pool: &Pool, pools: &[Pool], selection: &Selection, ttl: u32) -> PoolAnswer {
        let of = |selection: &Selection| chosen(pool, &pools[selection.pool.index()], selection);
        let (chosen, chosen6) = (of(selection), selection.v6.as_deref().map(of));
        let chosen6 = chosen6.as_ref().unwrap_or(&chosen);
        let v4 = || chosen.iter().filter_map(|(at, seat)| Some((at.v4()?.octets(), *seat)));
        let v6 = || chosen6.iter().filter_map(|(at, seat)| Some((at.v6()?.octets(), *seat)));
        let https = pool.https.as_deref().map(|alpn| Https::new(alpn, ttl, v4(), v6()));
        let clients = match &pool.membership {
            Membership::Everyone(_) => None,
            Membership::Only { clients, .. } => Some(clients.clone()),
        };
        PoolAnswer {
            clients,
            a: AddressBlocks::new(&head(rtype::A, ttl, 4), v4()),
            aaaa: AddressBlocks::new(&head(rtype::AAAA, ttl, 16), v6()),
            https,
            max_answers: pool.max_answers.min(MAX_ANSWERS),
        }
    }

    /// Whether the pool refuses this client. A question for an HTTPS record is not refused when the
    /// pool publishes none: it is answered as for any other name without such a record.
    #[inline]
    pub fn refuses(&self, client: IpAddr, qtype: u16) -> bool {
        self.clients.as_ref().is_some_and(|clients| {
            !clients.contains(client) && (qtype != rtype::HTTPS || self.https.is_some())
        })
    }

    /// Writes the records of `qtype` (A, AAAA, HTTPS, or ANY for the first family with addresses)
    /// to the start of `room` and returns their number and length. 0 records when the pool has
    /// none.
    #[inline(always)]
    pub fn write(
        &self,
        qtype: u16,
        turn: u64,
        client: IpAddr,
        room: &mut [u8],
    ) -> Result<(u16, usize), DoesNotFit> {
        let pick = OrderInput { max: self.max_answers, turn, client };
        let family = match qtype {
            rtype::A => &self.a,
            rtype::AAAA => &self.aaaa,
            rtype::HTTPS => {
                return self.https.as_ref().map_or(Ok((0, 0)), |https| https.write(pick, room));
            }
            _ if self.a.is_empty() => &self.aaaa,
            _ => &self.a,
        };
        family.write(pick, room)
    }

    /// The number of records of `qtype` in an answer.
    pub fn count(&self, qtype: u16) -> usize {
        let family = if qtype == rtype::AAAA { &self.aaaa } else { &self.a };
        family.len().min(self.max_answers)
    }
}

/// The selected members of `source`, as far as `pool` may answer them. This is the mother guard
/// again: only addresses that are public by their type get into a pool that everyone may ask. A
/// restricted pool as fallback of a public pool, which `config` refuses, adds nothing.
fn chosen(pool: &Pool, source: &Pool, selection: &Selection) -> Vec<(Addresses, MemberPart)> {
    let order = (pool.order, source.spread.as_ref());
    match (&pool.membership, &source.membership) {
        (Membership::Everyone(_), Membership::Only { .. }) => vec![],
        (_, Membership::Everyone(all)) => pick(order, all, selection, |m| *m.addresses.get()),
        (Membership::Only { .. }, Membership::Only { members: all, .. }) => {
            pick(order, all, selection, |m| m.addresses)
        }
    }
}

/// The selected members, each with its part of the first places: its share, multiplied by its
/// weight if the order uses weights.
fn pick<A>(
    (order, spread): (Order, Option<&Spread>),
    all: &[Member<A>],
    selection: &Selection,
    addresses: impl Fn(&Member<A>) -> Addresses,
) -> Vec<(Addresses, MemberPart)> {
    let selected = selection.members.iter().zip(&selection.shares);
    let seat = |(index, share): (&usize, &Share)| {
        let member = all.get(*index)?;
        // A member of weight 0 is answered when it is forced up, or when no other member is left.
        let weight = match order {
            Order::Weighted | Order::Sticky => u32::from(member.weight.max(1)),
            Order::Rotate | Order::Failover => 1,
        };
        let key = (order == Order::Sticky).then(|| sticky::key(member.node.as_str()));
        let domain = spread.and_then(|spread| spread.domains.get(*index).copied());
        Some((addresses(member), MemberPart { part: weight * u32::from(share.get()), key, domain }))
    };
    selected.filter_map(seat).collect()
}

/// The head of a record, up to its RDATA. Its owner is a pointer to the question.
fn head(rtype: u16, ttl: u32, rdata_len: u8) -> [u8; RR_HEAD] {
    let ([high, low], [a, b, c, d]) = (rtype.to_be_bytes(), ttl.to_be_bytes());
    [0xc0, 12, high, low, 0, 1, a, b, c, d, 0, rdata_len]
}
