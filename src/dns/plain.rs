//! Answers nearly every query, on a fast path: a plain question for a name that exists.
//!
//! | plain | otherwise `respond::respond_fully` |
//! |---|---|
//! | opcode QUERY, one question, class IN, a data type below 128 | anything else |
//! | then nothing, or OPT of version 0 without options | cookies, NSID, other records |
//! | a name that exists | names that a wildcard covers, NXDOMAIN |
//! | an outcome of one step, without an error | aliases, referrals, a client that may not ask |
//!
//! What this saves: the length of the message tells where the name ends, so the labels need no
//! walk. A name that equals one of ours in any letter case is well-formed, and so is the message
//! around it.
//! Both paths write the same octets; a fuzz test compares them.

use std::ops::RangeInclusive;

use crate::dns::exchange::{Client, Reply};
use crate::dns::query::{Edns, ONE_QUESTION, OPT_LEN, WITH_ADDITIONAL};
use crate::dns::records::{QuestionSpan, write_records};
use crate::dns::reply;
use crate::rcode::Rcode;
use crate::snapshot::Snapshot;
use crate::snapshot::message::HEADER;
use crate::zone::rtype;

/// Types of zone data (RFC 6895 §3.1). There are more above 256.
const DATA_TYPES: RangeInclusive<u16> = 1..=127;

/// Answers a plain query. `None` when the query is not plain; then the content of `out` is unused.
#[inline(always)]
pub fn respond(
    snapshot: &Snapshot,
    message: &[u8],
    client: &Client,
    turn: u64,
    out: &mut [u8],
) -> Option<Reply> {
    let header: &[u8; HEADER] = message.first_chunk()?;
    let [_, _, flags, _, counts @ ..] = *header;
    let (head, edns) = match u64::from_be_bytes(counts) {
        ONE_QUESTION => (message, None),
        WITH_ADDITIONAL => {
            let (head, opt) = message.split_last_chunk::<OPT_LEN>()?;
            (head, Some(Edns::plain(opt)?))
        }
        _ => return None,
    };
    let (name, fixed) = head.get(HEADER..)?.split_last_chunk::<4>()?;
    let [type_high, type_low, 0, 1] = *fixed else { return None };
    let qtype = u16::from_be_bytes([type_high, type_low]);
    if flags & 0xf8 != 0 || !DATA_TYPES.contains(&qtype) || qtype == rtype::OPT {
        return None;
    }
    let outcome = snapshot.statics.zones.look_up_sent(name, qtype)?;
    let opt_len = if edns.is_some() { OPT_LEN } else { 0 };
    let limit =
        reply::limit(client.transport, edns.as_ref()).min(out.len()).checked_sub(opt_len)?;
    let question = QuestionSpan { end: head.len(), qtype };
    out.get_mut(..head.len())?.copy_from_slice(head);
    let out_records = out.get_mut(..limit)?;
    let sections = write_records(snapshot, outcome, question, client, turn, out_records).ok()?;
    if sections.rcode != Rcode::NOERROR {
        return None;
    }
    let len = reply::write_plain_frame(out, flags, &sections, edns.as_ref())?;
    Some(Reply::Send { len, qtype })
}
