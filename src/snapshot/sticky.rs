//! Chooses the members for a client network: the same members each time, on every server.
//!
//! Rendezvous hashing: network and member are hashed to a score, and the members are ordered by
//! their scores. When a member leaves, only the networks that had it move, each to its own next
//! member; when it comes back, they return. Nothing is stored and nothing is random: all servers
//! with the same members give the same answers.
//!
//! With unequal parts the score is u^(1/part), compared by its logarithm: a member with a quarter
//! of the part is first for a quarter as many networks, and no network moves between two other
//! members.
//!
//! The network is that of the query's source address, which is the resolver's. Client subnets in
//! queries (RFC 7871) are ignored.

use std::net::IpAddr;
use std::ops::Range;

use siphasher::sip::SipHasher24;

use crate::snapshot::rotation::mix;
use crate::snapshot::spread::Domains;

/// Host bits of an IPv6 address behind its /56, which is what one customer gets.
const V6_HOST_BITS: u32 = 128 - 56;
/// Host bits of an IPv4 address behind its /24.
const V4_HOST_BITS: u32 = 8;

/// The keys and parts of all members, from which scores are computed.
#[derive(Debug, PartialEq, Eq)]
pub struct Ranking {
    keys: Box<[u64]>,
    /// Empty when all parts are equal.
    parts: Box<[u32]>,
}

/// A member's key: the SipHash-2-4 of its name under a fixed key, equal on every server.
pub fn key(name: &str) -> u64 {
    SipHasher24::new().hash(name.as_bytes())
}

/// The network that a client belongs to: its /24 or /56.
fn network(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(v4) => u64::from(v4.to_bits() >> V4_HOST_BITS),
        IpAddr::V6(v6) => (v6.to_bits() >> V6_HOST_BITS) as u64 | 1 << 63,
    }
}

impl Ranking {
    /// `keys` and `parts` have one entry for each member.
    pub fn new(keys: Vec<u64>, parts: Vec<u32>) -> Ranking {
        let is_even = parts.iter().all(|part| parts.first() == Some(part));
        let parts = if is_even { vec![] } else { parts };
        Ranking { keys: keys.into(), parts: parts.into() }
    }

    /// The first `count` members for a client; `count` is `MOST` at most.
    pub fn first<const MOST: usize>(
        &self,
        client: IpAddr,
        count: usize,
    ) -> impl Iterator<Item = usize> + use<MOST> {
        let mut best = TopScores::<u64, MOST>::new(count);
        self.offer(client, 0..self.keys.len(), &mut best);
        best.members()
    }

    /// As [`Ranking::first`], with different domains first: the best member of each domain, then
    /// the second of each, and so on, each time in the order of their scores.
    pub fn spread<const MOST: usize>(
        &self,
        client: IpAddr,
        count: usize,
        domains: &Domains,
    ) -> impl Iterator<Item = usize> + use<MOST> {
        let mut best = TopScores::<(u16, u64), MOST>::new(count);
        for domain in domains.iter() {
            let mut own = TopScores::<u64, MOST>::new(count);
            self.offer(client, domain, &mut own);
            for (place, (score, member)) in (0u16..).zip(own.best.iter().take(own.len)) {
                best.offer((u16::MAX - place, *score), *member);
            }
        }
        best.members()
    }

    #[inline]
    fn offer<const MOST: usize>(
        &self,
        client: IpAddr,
        members: Range<usize>,
        best: &mut TopScores<u64, MOST>,
    ) {
        let client = mix(network(client));
        for member in members {
            let Some(key) = self.keys.get(member) else { return };
            best.offer(self.score(member, mix(client ^ key)), member as u16);
        }
    }

    /// The member with the greatest score is first.
    #[inline]
    fn score(&self, member: usize, number: u64) -> u64 {
        match self.parts.get(member) {
            None => number,
            Some(part) => u64::MAX - (minus_log2(number) << PART_BITS) / u64::from(*part).max(1),
        }
    }
}

/// The members with the greatest scores, in descending order.
struct TopScores<S, const MOST: usize> {
    best: [(S, u16); MOST],
    len: usize,
    /// Maximum number of members; at most `MOST`.
    count: usize,
}

impl<S: Copy + Default + Ord, const MOST: usize> TopScores<S, MOST> {
    #[inline]
    fn new(count: usize) -> TopScores<S, MOST> {
        TopScores { best: [(S::default(), 0); MOST], len: 0, count }
    }

    #[inline]
    fn offer(&mut self, score: S, member: u16) {
        // With many members, most have a lower score than the last in the list.
        let mut at = match self.best.get(self.count.wrapping_sub(1)) {
            Some((last, _)) if self.len == self.count && *last >= score => return,
            _ => self.len.min(self.count.wrapping_sub(1)),
        };
        while let Some(before) = at.checked_sub(1)
            && let Some(&(other, behind)) = self.best.get(before)
            && other < score
            && let Some(to) = self.best.get_mut(at)
        {
            *to = (other, behind);
            at = before;
        }
        if let Some(to) = self.best.get_mut(at) {
            *to = (score, member);
            self.len = self.count.min(self.len + 1);
        }
    }

    fn members(self) -> impl Iterator<Item = usize> + use<S, MOST> {
        self.best.into_iter().take(self.len).map(|(_, member)| usize::from(member))
    }
}

/// Fraction bits of the quotient: together with its 37 bits they fit into 64.
const PART_BITS: u32 = 24;
/// The unit of logarithms.
const ONE: u64 = 1 << 32;
/// log2(1 + i/256).
const LOG2: [u64; 257] = {
    let mut table = [0; 257];
    let mut index = 0;
    while index < 257 {
        table[index] = log2(256 + index as u64);
        index += 1;
    }
    table
};

/// log2 of `numerator`/256, which is 1 to 2, by squaring: one bit a step.
const fn log2(numerator: u64) -> u64 {
    const UNIT: u32 = 62;
    let mut value = (numerator as u128) << (UNIT - 8);
    if numerator >= 512 {
        return ONE;
    }
    let mut result = 0;
    let mut bit = ONE >> 1;
    while bit > 0 {
        value = (value * value) >> UNIT;
        if value >> UNIT >= 2 {
            value >>= 1;
            result |= bit;
        }
        bit >>= 1;
    }
    result
}

/// -log2 of a number between 0 and 1, given as 64 bits behind the point, of which 32 count. In
/// whole numbers, as the last bits of floating point logarithms differ from machine to machine.
fn minus_log2(number: u64) -> u64 {
    let number = (number >> 32) + 1;
    let whole = number.ilog2();
    let fraction = (number << (32 - whole)) - ONE;
    let index = (fraction >> 24) as usize;
    let (low, high) = (LOG2[index & 255], LOG2[(index & 255) + 1]);
    let between = ((high - low) * (fraction & 0xff_ffff)) >> 24;
    32 * ONE - (u64::from(whole) * ONE + low + between)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const NETWORKS: u32 = 40_000;

    fn ranking(members: &[(usize, u32)]) -> Ranking {
        let key = |(member, _): &(usize, u32)| key(&format!("server-{member}"));
        Ranking::new(
            members.iter().map(key).collect(),
            members.iter().map(|(_, part)| *part).collect(),
        )
    }

    /// The number of the first member for each network.
    fn firsts(members: &[(usize, u32)]) -> Vec<usize> {
        let ranking = ranking(members);
        let client = |network: u32| IpAddr::V4(Ipv4Addr::from_bits(network << 8 | 7));
        let first = |network| ranking.first::<16>(client(network), 1).next().unwrap();
        (0..NETWORKS).map(|network| members[first(network)].0).collect()
    }

    fn all(parts: [u32; 8]) -> Vec<(usize, u32)> {
        parts.into_iter().enumerate().collect()
    }

    #[test]
    fn only_the_networks_of_what_left_move() {
        let before = firsts(&all([100; 8]));
        for gone in [vec![3], vec![0, 7], vec![1, 2, 5]] {
            let mut left = all([100; 8]);
            left.retain(|(member, _)| !gone.contains(member));
            let moved = before.iter().zip(firsts(&left)).filter(|(before, after)| *before != after);
            let moved: Vec<usize> = moved.map(|(before, _)| *before).collect();
            assert!(moved.iter().all(|before| gone.contains(before)));
            let fair = NETWORKS as usize * gone.len() / 8;
            assert!(moved.len().abs_diff(fair) < fair / 20, "{} of {fair}", moved.len());
        }
    }

    #[test]
    fn a_quarter_of_a_part_is_a_quarter_of_the_networks_and_moves_nobody_else() {
        let before = firsts(&all([100; 8]));
        let after = firsts(&all([100, 100, 25, 100, 100, 100, 100, 100]));
        let count = after.iter().filter(|member| **member == 2).count();
        let fair = NETWORKS as usize * 25 / 725;
        assert!(count.abs_diff(fair) < fair / 10, "{count} of {fair}");
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after);
        assert!(moved.map(|(before, _)| *before).all(|before| before == 2));
    }

    #[test]
    fn every_member_has_equally_many_networks() {
        let firsts = firsts(&all([1; 8]));
        for member in 0..8 {
            let count = firsts.iter().filter(|first| **first == member).count();
            assert!((4_750..5_250).contains(&count), "{member}: {count}");
        }
    }

    #[test]
    fn all_members_follow_each_other_once() {
        let ranking = ranking(&all([1, 2, 3, 4, 5, 6, 7, 8]));
        for client in ["192.0.2.1", "2001:db8::1"] {
            let mut order: Vec<usize> = ranking.first::<16>(client.parse().unwrap(), 8).collect();
            let three: Vec<usize> = ranking.first::<16>(client.parse().unwrap(), 3).collect();
            assert_eq!(three, order[..3]);
            order.sort_unstable();
            assert_eq!(order, (0..8).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_network_is_a_24_or_a_56() {
        let of = |client: &str| network(client.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.254"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.9"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:0:ab00::1"), of("2001:db8:0:abff:1::"));
        assert_ne!(of("2001:db8:0:ab00::1"), of("2001:db8:0:ac00::1"));
        assert_ne!(of("::1"), network(Ipv6Addr::from_bits(1 << 72).into()));
    }

    #[test]
    fn logarithms_are_near_enough() {
        for number in [1u64 << 32, 1 << 50, 1 << 62, 0x8000_0000_0000_0000, 0xc123_4567_89ab_cdef] {
            let exact = -(((number >> 32) + 1) as f64 / ONE as f64).log2();
            let got = minus_log2(number) as f64 / ONE as f64;
            assert!((got - exact).abs() < 4e-6, "{number:x}: {got} for {exact}");
        }
        assert_eq!(minus_log2(u64::MAX), 0);
    }
}
