//! One query, one reply, and everything that a reply must be whatever was asked.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hickory_proto::op::Message;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use tiovivo::dns::exchange::{Client, Reply as Sent, Transport};
use tiovivo::dns::query::{Query, QueryFault};
use tiovivo::dns::reply::{UDP_LIMIT, opt_len};
use tiovivo::dns::respond::{respond, respond_fully};
use tiovivo::rcode::Rcode;
use tiovivo::snapshot::Snapshot;
use tiovivo::zone::lookup::Outcome;
use tiovivo::zone::lower::LowerName;
use tiovivo::zone::rrset::RrsetView;

use super::wire::{AA, AD, CD, HEADER, QR, RA, RD, Reply, Rrset, TC, Z, rtype};

/// Octets of a reply of a stream at most.
pub const STREAM_ROOM: usize = 65535;
/// Without EDNS (RFC 1035 §4.2.1).
const PLAIN_LIMIT: usize = 512;
const CLASS_CH: u16 = 3;
/// Octets of the longest record of class CH.
const CHAOS_RECORD: usize = 13 + 255;
const BADVERS: u16 = 16;
const BADCOOKIE: u16 = 23;
const NSID: u16 = 3;
const COOKIE: u16 = 10;
const TCP_KEEPALIVE: u16 = 11;
const PADDING: u16 = 12;
const EXTENDED_ERROR: u16 = 15;
/// RFC 8467 §4.1.
const BLOCK: usize = 468;

/// What came back.
pub struct Answer {
    pub octets: Vec<u8>,
    pub reply: Reply,
}

/// Asks, and holds the reply against every rule that does not depend on the question. `room` is
/// what the transport has for the reply. `None` when the query was dropped.
pub fn ask(
    snapshot: &Snapshot,
    query: &[u8],
    client: &Client,
    turn: u64,
    room: usize,
) -> Option<Answer> {
    let mut out = vec![0xa5; room];
    let mut name = LowerName::default();
    let parsed = Query::parse(query, &mut name);
    let (len, qtype) = match respond(snapshot, query, client, turn, &mut out) {
        Sent::Send { len, qtype } => (len, qtype),
        Sent::Drop => {
            let is_answerable = !matches!(parsed, Err(QueryFault::Drop));
            assert!(!is_answerable || room < HEADER, "an answerable query was dropped");
            return None;
        }
    };
    assert!(len <= room, "a reply beyond its room");
    out.truncate(len);
    let octets = &out[..];
    let reply = Reply::parse(octets).unwrap_or_else(|fault| panic!("{fault}: {octets:x?}"));
    assert_eq!(octets[..2], query[..2], "the id");
    assert!(reply.has(QR), "no response");
    assert_eq!(octets[2] & 0x79, query[2] & 0x79, "opcode and RD");
    let mut used = used(octets, turn, room);
    let again = respond(snapshot, query, client, turn, &mut used);
    assert_eq!((again, &used[..len]), (Sent::Send { len, qtype }, octets), "in a used buffer");
    let again = respond_fully(snapshot, query, client, turn, &mut used);
    assert_eq!((again, &used[..len]), (Sent::Send { len, qtype }, octets), "by the full path");
    let again = respond(snapshot, octets, client, turn, &mut used);
    assert_eq!(again, Sent::Drop, "a reply is answered: servers could keep each other busy");
    match parsed {
        Err(QueryFault::Drop) => panic!("a message that must be dropped is answered"),
        Err(QueryFault::Rcode(rcode)) => {
            assert_eq!(qtype, 0);
            refused(query, rcode.0, &reply);
        }
        Ok(parsed) if len == HEADER => {
            let identity = &snapshot.statics.identity;
            let chaos = if parsed.qclass == CLASS_CH { CHAOS_RECORD } else { 0 };
            let needed = parsed.head.len() + opt_len(&parsed, identity, client) + chaos;
            assert!(room < needed, "no question in a reply with room for it");
            assert_eq!(octets[3], Rcode::SERVFAIL.header_bits());
        }
        Ok(parsed) => {
            assert_eq!(qtype, parsed.qtype);
            answered(snapshot, &parsed, client, octets, &reply);
        }
    }
    Some(Answer { octets: out, reply })
}

/// To a message that is no query: its question where there is one, OPT where it has one.
fn refused(query: &[u8], rcode: u16, reply: &Reply) {
    let question = &reply.question;
    assert!(question.is_empty() || query[4..6] == [0, 1], "a question that nobody asked");
    assert_eq!(query.get(HEADER..HEADER + question.len()), Some(&question[..]), "the question");
    let sections = [&reply.answer, &reply.authority, &reply.additional];
    assert!(sections.iter().all(|section| section.is_empty()), "records");
    let is_about_cookies = query[4..6] == [0, 0] && [0, BADCOOKIE].contains(&reply.rcode);
    match &reply.opt {
        Some(opt) => {
            assert_eq!((opt.version, usize::from(opt.size)), (0, UDP_LIMIT));
            assert!(reply.rcode == rcode || reply.rcode == BADVERS || is_about_cookies);
        }
        None => assert_eq!(reply.rcode, rcode),
    }
}

/// A buffer with messages in it that look much like the next one.
fn used(message: &[u8], turn: u64, room: usize) -> Vec<u8> {
    let mut used = message.repeat(room.div_ceil(message.len()));
    used.rotate_left(turn as usize % 16 % message.len());
    used.truncate(room);
    used
}

/// Of a query with a question.
fn answered(snapshot: &Snapshot, query: &Query<'_>, client: &Client, octets: &[u8], reply: &Reply) {
    assert_eq!(octets.get(HEADER..query.head.len()), query.head.get(HEADER..), "the question");
    let limit = match (client.transport, &query.edns) {
        (Transport::Stream | Transport::Encrypted, _) => STREAM_ROOM,
        (Transport::Datagram, None) => PLAIN_LIMIT,
        (Transport::Datagram, Some(edns)) => usize::from(edns.size).clamp(PLAIN_LIMIT, UDP_LIMIT),
    };
    assert!(octets.len() <= limit, "{} octets, allowed are {limit}", octets.len());
    assert!(![RA, Z, AD, CD].iter().any(|flag| reply.has(*flag)), "a flag that is not ours");
    assert_eq!(reply.opt.is_some(), query.edns.is_some(), "OPT comes with OPT");
    if let (Some(opt), Some(edns)) = (&reply.opt, &query.edns) {
        assert_eq!((opt.version, usize::from(opt.size)), (0, UDP_LIMIT));
        assert_eq!(opt.flags, if edns.dnssec_ok { 0x8000 } else { 0 }, "DO and nothing else");
        assert_eq!(reply.rcode == 16, edns.version != 0, "BADVERS");
    }
    options(query, client, reply, octets.len());
    assert!([0, 1, 3, 4, 5, 6, 16].contains(&reply.rcode), "rcode {}", reply.rcode);
    let sections = [&reply.answer, &reply.authority, &reply.additional];
    let is_empty = sections.iter().all(|section| section.is_empty());
    match reply.rcode {
        1 | 4 | 16 => assert!(is_empty && !reply.has(AA) && !reply.has(TC)),
        0 | 3 if !reply.has(TC) => assert!(!is_empty, "an answer of nothing, without a reason"),
        _ => {}
    }
    if query.qclass == CLASS_CH {
        let records = (reply.answer.len(), reply.authority.len(), reply.additional.len());
        assert!(is_empty || records == (1, 0, 0), "records of class CH");
        return;
    }
    sections.into_iter().flatten().for_each(|set| is_whole(snapshot, set));
}

/// Each once, to whom they are of use; a cookie is told only with the client's own in front.
fn options(query: &Query<'_>, client: &Client, reply: &Reply, len: usize) {
    let Some(opt) = &reply.opt else { return };
    let asked = |code| {
        let options = query.edns.as_ref().map(|edns| edns.options).unwrap_or_default();
        let mut values = tiovivo::dns::query::options(options).flatten();
        values.find(|option| option.0 == code).map(|option| option.1)
    };
    let mut seen = BTreeSet::new();
    for (code, value) in &opt.options {
        assert!(seen.insert(code), "option {code} twice");
        match *code {
            NSID => assert!(asked(NSID).is_some()),
            COOKIE => {
                assert_eq!(value.len(), 24);
                assert_eq!(asked(COOKIE).and_then(|asked| asked.get(..8)), value.get(..8));
            }
            TCP_KEEPALIVE => {
                assert!(client.transport == Transport::Stream && asked(TCP_KEEPALIVE).is_some());
            }
            PADDING => {
                assert!(client.transport == Transport::Encrypted && asked(PADDING).is_some());
                assert!(len.is_multiple_of(BLOCK) || len == STREAM_ROOM, "{len} octets, padded");
            }
            EXTENDED_ERROR => assert!(value.len() >= 2 && [4, 5].contains(&reply.rcode)),
            _ => panic!("option {code}"),
        }
    }
}

/// An RRset is there with all of its records or not at all, truncated or not.
fn is_whole(snapshot: &Snapshot, set: &Rrset) {
    let zones = &snapshot.statics.zones;
    let owner = set.owner.to_lower();
    let stored = match zones.look_up(&owner, set.rtype) {
        Outcome::Data { rrset, .. } => Some(rrset),
        Outcome::Slot { slot, .. } => {
            let pool = snapshot.pool(slot).expect("the pool of a slot");
            let count = if set.rtype == rtype::HTTPS { 1 } else { pool.count(set.rtype) };
            assert_eq!(set.rdata.len(), count, "{} of a pool", set.owner);
            return;
        }
        Outcome::Redirect { .. } if set.rtype == rtype::CNAME => {
            assert_eq!(set.rdata.len(), 1, "CNAMEs of {}, from a DNAME", set.owner);
            return;
        }
        _ => zones.find(&owner).and_then(|node| zones.rrset(node, set.rtype)),
    };
    let Some(stored) = stored else {
        panic!("{} TYPE{} is in no zone", set.owner, set.rtype);
    };
    let sent: BTreeSet<Vec<u8>> = set.rdata.iter().map(|r| r.to_ascii_lowercase()).collect();
    assert_eq!(sent, lower(&stored), "{} TYPE{}", set.owner, set.rtype);
}

/// Letter case is compression's to change in some types; nothing else hangs on it here.
fn lower(rrset: &RrsetView<'_>) -> BTreeSet<Vec<u8>> {
    rrset.rdatas().map(<[u8]>::to_ascii_lowercase).collect()
}

/// As hickory-proto reads it, to the last octet.
pub fn is_read_by_others(Answer { octets, reply }: &Answer) {
    let mut decoder = BinDecoder::new(octets);
    let message = Message::read(&mut decoder).unwrap_or_else(|e| panic!("{e}: {octets:x?}"));
    assert!(decoder.is_empty(), "octets behind the message");
    let records = |sets: &[Rrset]| sets.iter().map(|set| set.rdata.len()).sum::<usize>();
    assert_eq!(message.answers.len(), records(&reply.answer));
    assert_eq!(message.authorities.len(), records(&reply.authority));
    assert_eq!(message.additionals.len(), records(&reply.additional));
}

/// None of the `guarded` addresses is told: as an address, or as a hint (RFC 9460 §7.3).
pub fn tells_none_of(reply: &Reply, guarded: &BTreeSet<IpAddr>) {
    for set in [&reply.answer, &reply.authority, &reply.additional].into_iter().flatten() {
        for address in guarded {
            let octets = match address {
                IpAddr::V4(v4) => v4.octets().to_vec(),
                IpAddr::V6(v6) => v6.octets().to_vec(),
            };
            let is_told = |rdata: &Vec<u8>| match set.rtype {
                rtype::A | rtype::AAAA => *rdata == octets,
                rtype::SVCB | rtype::HTTPS => rdata.windows(octets.len()).any(|w| w == octets),
                _ => false,
            };
            assert!(!set.rdata.iter().any(is_told), "{} tells {address}", set.owner);
        }
    }
}

const _: () = assert!(RD == 0x0100, "opcode and RD are 0x79 of the third octet");
