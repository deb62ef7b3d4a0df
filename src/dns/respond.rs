//! One function for every transport: a query's bytes and a snapshot in, the reply's bytes out.
//!
//! Takes no lock, allocates nothing, awaits nothing and cannot panic: every access that depends on
//! the query is checked. First what, then how: the look-up yields an outcome, the outcome fixes
//! each section, only then are bytes written.
//!
//! | outcome | AA | rcode | answer | authority |
//! |---|---|---|---|---|
//! | a pool's name, A, AAAA or HTTPS | 1 | NOERROR | its members | |
//! | the same, from a client that may not ask | 0 | REFUSED | | |
//! | data | 1 | NOERROR | the RRset | |
//! | no data of that type | 1 | NOERROR | | SOA |
//! | no such name | 1 | NXDOMAIN | | SOA |
//! | aliases, referrals | [`crate::dns::chain`] | | | |
//! | outside our zones, a transfer | 0 | REFUSED | | |
//! | another class | [`crate::dns::chaos`] | | | |
//! | does not fit | 1 | NOERROR, TC | | |

use std::net::IpAddr;

use crate::dns::chain;
use crate::dns::chaos;
use crate::dns::explain;
use crate::dns::options;
use crate::dns::plain;
use crate::dns::query::{self, CLASS_IN, FORMERR, NOTIMP, Query, REFUSED, Unanswerable};
use crate::dns::reply::{self, BADVERS, Body, NOERROR, NXDOMAIN, SERVFAIL, Transport};
use crate::snapshot::Snapshot;
use crate::snapshot::message::HEADER;
use crate::snapshot::pool::PoolAnswer;
use crate::snapshot::rotation::place;
use crate::snapshot::statics::POOL_NEGATIVE_TTL;
use crate::zone::lookup::Outcome;
use crate::zone::lower::LowerName;
use crate::zone::rtype;
use crate::zone::store::ZoneId;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    pub address: IpAddr,
    pub transport: Transport,
    /// How long the connection may idle, in units of 100 ms, where a client can be told by an
    /// option (RFC 7828): DNS over TCP and over TLS.
    pub idle: Option<u16>,
    /// Unix seconds, for cookies.
    pub now: u32,
}

/// What goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Send {
        len: usize,
        /// Of the question; 0 when there was none to read.
        qtype: u16,
    },
    Drop,
}

/// Writes the reply to `query` into `out`, which should have 65535 octets for a stream and
/// [`reply::UDP_LIMIT`] for datagrams. `turn` differs from query to query and decides the rotation.
#[inline(always)]
pub fn respond(
    snapshot: &Snapshot,
    query: &[u8],
    client: &Client,
    turn: u64,
    out: &mut [u8],
) -> Reply {
    match plain::respond(snapshot, query, client, turn, out) {
        Some(reply) => reply,
        None => whole(snapshot, query, client, turn, out),
    }
}

/// As [`respond`], by the way that every question can go. Public so that a test can hold the short
/// way against it.
#[inline(never)]
pub fn whole(
    snapshot: &Snapshot,
    query: &[u8],
    client: &Client,
    turn: u64,
    out: &mut [u8],
) -> Reply {
    let mut name = LowerName::default();
    match Query::parse(query, &mut name) {
        Ok(query) => {
            let identity = &snapshot.statics.identity;
            let len = answer(snapshot, &query, &name, client, turn, out).and_then(|body| {
                let reason = explain::reason(snapshot, &query, &name, body.rcode);
                reply::frame(out, &query, &body, identity, client, reason)
            });
            match len {
                Some(len) => Reply::Send { len, qtype: query.qtype },
                None => failed(out, query.head),
            }
        }
        Err(Unanswerable::Drop) => Reply::Drop,
        Err(Unanswerable::Rcode(rcode)) => unreadable(snapshot, query, client, rcode, out),
    }
}

/// A message that is no query. One without a question may want a cookie.
#[cold]
fn unreadable(
    snapshot: &Snapshot,
    message: &[u8],
    client: &Client,
    rcode: u8,
    out: &mut [u8],
) -> Reply {
    let cookie = query::without_question(message)
        .and_then(|edns| reply::cookie(out, message, &edns, &snapshot.statics.identity, client));
    let refused = cookie.or_else(|| {
        let remains = query::remains(message)?;
        reply::refuse(out, message, &remains, rcode, &snapshot.statics.identity, client)
    });
    match refused.or_else(|| reply::bare(out, message, rcode)) {
        Some(len) => Reply::Send { len, qtype: 0 },
        None => Reply::Drop,
    }
}

/// Only a buffer too small for a header and a question gets here.
#[cold]
fn failed(out: &mut [u8], query: &[u8]) -> Reply {
    match reply::bare(out, query, SERVFAIL) {
        Some(len) => Reply::Send { len, qtype: 0 },
        None => Reply::Drop,
    }
}

/// The records, written behind the question. `None` when not even the question fits.
#[inline]
fn answer(
    snapshot: &Snapshot,
    query: &Query<'_>,
    name: &LowerName,
    client: &Client,
    turn: u64,
    out: &mut [u8],
) -> Option<Body> {
    let start = query.head.len();
    out.get_mut(..start)?.copy_from_slice(query.head);
    let empty = Body { len: start, ..Body::default() };
    if let Some(rcode) = refusal(query, client) {
        return Some(Body { rcode, ..empty });
    }
    let limit = reply::limit(client.transport, query.edns.as_ref()).min(out.len());
    let limit = limit.checked_sub(reply::opt_len(query, &snapshot.statics.identity, client))?;
    let out = out.get_mut(..limit)?;
    if query.qclass != CLASS_IN {
        return chaos::answer(&snapshot.statics.identity, query, name, out);
    }
    let asked = Asked { end: start, qtype: query.qtype };
    let outcome = snapshot.statics.zones.look_up(name.as_slice(), query.qtype);
    match records(snapshot, outcome, asked, client, turn, out) {
        Ok(body) => Some(body),
        Err(Longer) => Some(chain::follow(snapshot, outcome, query, name, client, turn, out)),
    }
}

/// The question, as far as the records behind it depend on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Where it ends in the message.
    pub end: usize,
    pub qtype: u16,
}

impl Asked {
    #[inline]
    fn name_len(self) -> usize {
        self.end.saturating_sub(HEADER + 4)
    }
}

/// The answer takes more than one step: [`chain`].
#[derive(Debug)]
pub(super) struct Longer;

/// Writes the records of an outcome behind the question. `out` is as long as the message may be
/// without its OPT.
#[inline(always)]
pub(super) fn records(
    snapshot: &Snapshot,
    outcome: Outcome<'_>,
    asked: Asked,
    client: &Client,
    turn: u64,
    out: &mut [u8],
) -> Result<Body, Longer> {
    let empty = Body { len: asked.end, ..Body::default() };
    let authoritative = Body { authoritative: true, ..empty };
    Ok(match outcome {
        Outcome::Slot { zone, slot } => match snapshot.pool(slot) {
            Some(pool) => pooled(snapshot, pool, zone, asked, client, turn, out, authoritative),
            None => Body { rcode: SERVFAIL, ..empty },
        },
        Outcome::Data { rrset, own } => {
            let count = rrset.count();
            let first = place(turn, usize::from(count));
            match rrset.write(own, first, out.get_mut(asked.end..).unwrap_or_default()) {
                Some(len) => Body { len: asked.end + len, answer: count, ..authoritative },
                None => Body { truncated: true, ..authoritative },
            }
        }
        Outcome::NoData { zone, is_slot } => {
            let cap = is_slot.then_some(POOL_NEGATIVE_TTL);
            negative(snapshot, zone, cap, asked, out, authoritative)
        }
        Outcome::NxDomain { zone } => {
            negative(snapshot, zone, None, asked, out, Body { rcode: NXDOMAIN, ..authoritative })
        }
        Outcome::NotOurs => Body { rcode: REFUSED, ..empty },
        Outcome::Alias { .. } | Outcome::Redirect { .. } | Outcome::Referral { .. } => {
            return Err(Longer);
        }
    })
}

/// Questions that no zone answers.
#[inline]
fn refusal(query: &Query<'_>, client: &Client) -> Option<u8> {
    if let Some(edns) = &query.edns {
        if edns.version != 0 {
            // RFC 6891 §6.1.3.
            return Some(BADVERS);
        }
        if !edns.options.is_empty() && options::is_malformed(edns.options, client) {
            return Some(FORMERR);
        }
    }
    if query.qclass != CLASS_IN {
        return None;
    }
    match query.qtype {
        rtype::AXFR | rtype::IXFR => Some(REFUSED),
        rtype::ANY => None,
        qtype if rtype::is_meta(qtype) => Some(NOTIMP),
        _ => None,
    }
}

#[expect(clippy::too_many_arguments, reason = "inlined into its one caller, which has them all")]
#[inline(always)]
fn pooled(
    snapshot: &Snapshot,
    pool: &PoolAnswer,
    zone: ZoneId,
    asked: Asked,
    client: &Client,
    turn: u64,
    out: &mut [u8],
    authoritative: Body,
) -> Body {
    let Asked { end: start, qtype } = asked;
    if pool.refuses(client.address, qtype) {
        return Body { rcode: REFUSED, authoritative: false, ..authoritative };
    }
    let room = out.get_mut(start..).unwrap_or_default();
    match pool.write(qtype, turn, client.address, room) {
        Ok((0, _)) => negative(snapshot, zone, Some(POOL_NEGATIVE_TTL), asked, out, authoritative),
        Ok((answer, len)) => Body { len: start + len, answer, ..authoritative },
        Err(_) => Body { truncated: true, ..authoritative },
    }
}

/// The SOA in the authority section, with the TTL that negative answers have (RFC 2308 §3).
#[inline]
fn negative(
    snapshot: &Snapshot,
    zone: ZoneId,
    ttl_cap: Option<u32>,
    asked: Asked,
    out: &mut [u8],
    body: Body,
) -> Body {
    let start = asked.end;
    let room = out.get_mut(start..).unwrap_or_default();
    match snapshot.statics.negative(zone).write(asked.name_len(), ttl_cap, room) {
        Some(len) => Body { len: start + len, authority: 1, ..body },
        None => Body { truncated: true, ..body },
    }
}

const _: () = assert!(NOERROR == 0, "Body::default() means success");
