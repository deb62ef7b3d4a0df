//! Answers a query, for every transport: its octets and a snapshot in, the reply's octets out.
//!
//! Takes no lock, allocates nothing, awaits nothing and cannot panic: every access that depends on
//! the query is checked. The look-up yields an outcome, the outcome fixes each section, and only
//! then are octets written.
//!
//! | outcome | AA | rcode | answer | authority |
//! |---|---|---|---|---|
//! | a pool's name, A, AAAA or HTTPS | 1 | NOERROR | its members | |
//! | a pool's name, from a client that may not ask | 0 | REFUSED | | |
//! | data | 1 | NOERROR | the RRset | |
//! | no data of that type | 1 | NOERROR | | SOA |
//! | no such name | 1 | NXDOMAIN | | SOA |
//! | aliases, referrals | [`crate::dns::chain`] | | | |
//! | outside our zones, a transfer | 0 | REFUSED | | |
//! | another class | [`crate::dns::chaos`] | | | |
//! | does not fit | 1 | NOERROR, TC | | |

use crate::dns::chain;
use crate::dns::chaos;
use crate::dns::exchange::{Client, Reply};
use crate::dns::explain;
use crate::dns::options;
use crate::dns::plain;
use crate::dns::query::{self, CLASS_IN, Query, QueryFault};
use crate::dns::records::{NeedsChain, QuestionSpan, Sections, write_records};
use crate::dns::reply;
use crate::rcode::Rcode;
use crate::snapshot::Snapshot;
use crate::zone::lower::LowerName;
use crate::zone::rtype;

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
        None => respond_fully(snapshot, query, client, turn, out),
    }
}

/// As [`respond`], without the fast path for plain queries. Public so that a test can compare the
/// two paths.
#[inline(never)]
pub fn respond_fully(
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
            let len = answer(snapshot, &query, &name, client, turn, out).and_then(|sections| {
                let reason = explain::reason(snapshot, &query, &name, sections.rcode);
                reply::write_frame(out, &query, &sections, identity, client, reason)
            });
            match len {
                Some(len) => Reply::Send { len, qtype: query.qtype },
                None => fail(out, query.head),
            }
        }
        Err(QueryFault::Drop) => Reply::Drop,
        Err(QueryFault::Rcode(rcode)) => reject(snapshot, query, client, rcode, out),
    }
}

/// Answers a message that is no query. A message without a question may ask for a cookie.
#[cold]
fn reject(
    snapshot: &Snapshot,
    message: &[u8],
    client: &Client,
    rcode: Rcode,
    out: &mut [u8],
) -> Reply {
    let identity = &snapshot.statics.identity;
    let cookie = query::without_question(message)
        .and_then(|edns| reply::write_cookie(out, message, &edns, identity, client));
    let error = cookie.or_else(|| {
        let part = query::readable_part(message)?;
        reply::write_error(out, message, &part, rcode, identity, client)
    });
    match error.or_else(|| reply::write_header(out, message, rcode)) {
        Some(len) => Reply::Send { len, qtype: 0 },
        None => Reply::Drop,
    }
}

/// Replies SERVFAIL when `out` is too short for the header and the question.
#[cold]
fn fail(out: &mut [u8], query: &[u8]) -> Reply {
    match reply::write_header(out, query, Rcode::SERVFAIL) {
        Some(len) => Reply::Send { len, qtype: 0 },
        None => Reply::Drop,
    }
}

/// Writes the question and the records. `None` when the question does not fit.
#[inline]
fn answer(
    snapshot: &Snapshot,
    query: &Query<'_>,
    name: &LowerName,
    client: &Client,
    turn: u64,
    out: &mut [u8],
) -> Option<Sections> {
    let start = query.head.len();
    out.get_mut(..start)?.copy_from_slice(query.head);
    let empty = Sections { len: start, ..Sections::default() };
    if let Some(rcode) = refusal(query, client) {
        return Some(Sections { rcode, ..empty });
    }
    let limit = reply::limit(client.transport, query.edns.as_ref()).min(out.len());
    let limit = limit.checked_sub(reply::opt_len(query, &snapshot.statics.identity, client))?;
    let out = out.get_mut(..limit)?;
    if query.qclass != CLASS_IN {
        return chaos::answer(&snapshot.statics.identity, query, name, out);
    }
    let question = QuestionSpan { end: start, qtype: query.qtype };
    let outcome = snapshot.statics.zones.look_up(name.as_slice(), query.qtype);
    match write_records(snapshot, outcome, question, client, turn, out) {
        Ok(sections) => Some(sections),
        Err(NeedsChain) => Some(chain::follow(snapshot, outcome, query, name, client, turn, out)),
    }
}

/// The rcode of a query that is refused without looking into the zones.
#[inline]
fn refusal(query: &Query<'_>, client: &Client) -> Option<Rcode> {
    if let Some(edns) = &query.edns {
        if edns.version != 0 {
            // RFC 6891 §6.1.3.
            return Some(Rcode::BADVERS);
        }
        if !edns.options.is_empty() && options::is_malformed(edns.options, client) {
            return Some(Rcode::FORMERR);
        }
    }
    if query.qclass != CLASS_IN {
        return None;
    }
    match query.qtype {
        rtype::AXFR | rtype::IXFR => Some(Rcode::REFUSED),
        rtype::ANY => None,
        qtype if rtype::is_meta(qtype) => Some(Rcode::NOTIMP),
        _ => None,
    }
}
