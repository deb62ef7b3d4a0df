//! The answers of a snapshot, read from the octets that would be sent.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::dns::exchange::{Client, Reply, Transport};
use crate::dns::query::CLASS_IN;
use crate::dns::respond::respond;
use crate::rcode::Rcode;
use crate::snapshot::Snapshot;
use crate::zone::name::Name;
use crate::zone::rtype;

/// Room for any reply over TCP.
const ROOM: usize = 65_535;
const HEADER: usize = 12;
const QUESTION_TAIL: usize = 4;
/// A pointer to the question, type, class, TTL and length.
const RECORD_HEAD: usize = 12;
/// Questions for a name, to count which address comes first how often.
const LEAST_TURNS: u64 = 200;
/// Questions for each address when an answer has only some of them, to see all.
const TURNS_EACH: u64 = 20;
/// More addresses than this are counted instead of listed; the log lines name the changes.
const LISTED: usize = 16;

/// One answer, with its addresses in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SimulatedAnswer {
    pub is_refused: bool,
    /// Seconds.
    pub ttl: u32,
    pub addresses: Vec<IpAddr>,
}

/// The answers of a name in both families, over many questions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameAnswers {
    pub is_refused: bool,
    pub ttl: u32,
    /// In ascending order, each with the percentage of answers of its family that it comes first
    /// in.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Most addresses of a family in one answer.
    pub most: usize,
}

/// Asks questions; owns the buffer of replies.
#[derive(Debug)]
pub struct Asker {
    room: Vec<u8>,
}

impl Default for Asker {
    fn default() -> Asker {
        Asker { room: vec![0; ROOM] }
    }
}

impl Asker {
    pub fn ask(
        &mut self,
        snapshot: &Snapshot,
        name: &Name,
        rtype: u16,
        from: IpAddr,
        turn: u64,
    ) -> SimulatedAnswer {
        let query = query(name, rtype);
        let client = Client { address: from, transport: Transport::Stream, idle: None, now: 0 };
        match respond(snapshot, &query, &client, turn, &mut self.room) {
            Reply::Send { len, .. } => {
                read(self.room.get(..len).unwrap_or_default(), query.len()).unwrap_or_default()
            }
            Reply::Drop => SimulatedAnswer::default(),
        }
    }

    pub fn survey(&mut self, snapshot: &Snapshot, name: &Name, from: IpAddr) -> NameAnswers {
        let mut answered = NameAnswers::default();
        for rtype in [rtype::A, rtype::AAAA] {
            let mut firsts: BTreeMap<IpAddr, u64> = BTreeMap::new();
            let mut turn = 0;
            while turn < LEAST_TURNS.max(TURNS_EACH * firsts.len() as u64) {
                let answer = self.ask(snapshot, name, rtype, from, turn);
                answered.is_refused |= answer.is_refused;
                answered.ttl = answered.ttl.max(answer.ttl);
                answered.most = answered.most.max(answer.addresses.len());
                for (place, address) in answer.addresses.into_iter().enumerate() {
                    *firsts.entry(address).or_default() += u64::from(place == 0);
                }
                turn += 1;
            }
            let percent = |firsts: u64| (firsts * 100 / turn) as u8;
            answered.addresses.extend(firsts.into_iter().map(|(at, n)| (at, percent(n))));
        }
        answered
    }
}

fn query(name: &Name, rtype: u16) -> Vec<u8> {
    let mut query = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend_from_slice(name.as_wire());
    query.extend_from_slice(&rtype.to_be_bytes());
    query.extend_from_slice(&CLASS_IN.to_be_bytes());
    query
}

/// The answer section of a reply whose question ends at `start`: pools have no aliases, so each
/// record's owner is a pointer.
fn read(reply: &[u8], start: usize) -> Option<SimulatedAnswer> {
    debug_assert!(start >= HEADER + 1 + QUESTION_TAIL, "a query has a question");
    let count = u16::from_be_bytes([*reply.get(6)?, *reply.get(7)?]);
    let is_refused = Rcode::from_header(*reply.get(3)?) == Rcode::REFUSED;
    let mut answer = SimulatedAnswer { is_refused, ..SimulatedAnswer::default() };
    let mut at = start;
    for _ in 0..count {
        let head: &[u8; RECORD_HEAD] = reply.get(at..at + RECORD_HEAD)?.try_into().ok()?;
        let [_, _, high, low, _, _, ttl @ .., len_high, len_low] = head;
        answer.ttl = u32::from_be_bytes(*ttl);
        let end = at + RECORD_HEAD + usize::from(u16::from_be_bytes([*len_high, *len_low]));
        let rdata = reply.get(at + RECORD_HEAD..end)?;
        match u16::from_be_bytes([*high, *low]) {
            rtype::A => answer.addresses.push(Ipv4Addr::from(*rdata.first_chunk()?).into()),
            rtype::AAAA => answer.addresses.push(Ipv6Addr::from(*rdata.first_chunk()?).into()),
            _ => {}
        }
        at = end;
    }
    Some(answer)
}

impl SimulatedAnswer {
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl.into())
    }
}

impl NameAnswers {
    /// `192.0.2.18 192.0.2.19`. An address that comes first more or less often than the others has
    /// the percentage beside it: `192.0.2.18 ×10%`.
    pub fn shown(&self) -> String {
        if self.is_refused {
            return "REFUSED".into();
        }
        if self.addresses.is_empty() {
            return "NODATA".into();
        }
        let shown = self.addresses.iter().map(|(address, share)| {
            let family = self.addresses.iter().filter(|(at, _)| at.is_ipv4() == address.is_ipv4());
            let fair = 100 / family.count().max(1);
            // A difference of two percent is rounding.
            match usize::from(*share).abs_diff(fair) > 2 {
                true => format!("{address} ×{share}%"),
                false => address.to_string(),
            }
        });
        let all = shown.collect::<Vec<_>>().join(" ");
        let count = self.addresses.len();
        let all = if count > LISTED { format!("{count} addresses") } else { all };
        let v4 = self.addresses.iter().filter(|(address, _)| address.is_ipv4()).count();
        match v4.max(count - v4) > self.most {
            true => format!("{} of {all}", self.most),
            false => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(addresses: &[(&str, u8)], most: usize) -> String {
        let addresses = addresses.iter().map(|(at, share)| (at.parse().unwrap(), *share));
        NameAnswers { is_refused: false, ttl: 30, addresses: addresses.collect(), most }.shown()
    }

    #[test]
    fn even_shares_are_not_told() {
        assert_eq!(answered(&[("192.0.2.1", 49), ("192.0.2.2", 51)], 2), "192.0.2.1 192.0.2.2");
        assert_eq!(
            answered(&[("192.0.2.1", 80), ("192.0.2.2", 20)], 2),
            "192.0.2.1 ×80% 192.0.2.2 ×20%"
        );
        assert_eq!(
            answered(&[("192.0.2.1", 50), ("192.0.2.2", 50)], 1),
            "1 of 192.0.2.1 192.0.2.2"
        );
        assert_eq!(
            answered(&[("192.0.2.1", 100), ("2001:db8::1", 100)], 1),
            "192.0.2.1 2001:db8::1"
        );
        assert_eq!(answered(&[], 0), "NODATA");
    }
}
