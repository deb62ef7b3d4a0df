//! Writes the records of a reply, between its question and its OPT record.
//!
//! An outcome of the look-up that needs more than one step is left to [`crate::dns::chain`].

use crate::dns::exchange::Client;
use crate::rcode::Rcode;
use crate::snapshot::Snapshot;
use crate::snapshot::message::HEADER;
use crate::snapshot::pool::PoolAnswer;
use crate::snapshot::rotation::place;
use crate::snapshot::statics::POOL_NEGATIVE_TTL;
use crate::zone::lookup::Outcome;
use crate::zone::store::ZoneId;

/// The three record sections, already written to the buffer of the reply.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sections {
    /// Octets of the message up to the end of the last record.
    pub len: usize,
    /// Number of records in the answer section.
    pub answer: u16,
    pub authority: u16,
    pub additional: u16,
    pub rcode: Rcode,
    pub authoritative: bool,
    pub truncated: bool,
}

/// The parts of the question on which the records depend.
#[derive(Debug, Clone, Copy)]
pub(super) struct QuestionSpan {
    /// Octets of the message up to the end of the question.
    pub end: usize,
    pub qtype: u16,
}

impl QuestionSpan {
    #[inline]
    fn name_len(self) -> usize {
        self.end.saturating_sub(HEADER + 4)
    }
}

/// The error for an outcome that is an alias, a redirection or a referral.
#[derive(Debug)]
pub(super) struct NeedsChain;

/// Writes the records of `outcome` behind the question. `out` is as long as the message may be
/// without its OPT record.
#[inline(always)]
pub(super) fn write_records(
    snapshot: &Snapshot,
    outcome: Outcome<'_>,
    question: QuestionSpan,
    client: &Client,
    turn: u64,
    out: &mut [u8],
) -> Result<Sections, NeedsChain> {
    let empty = Sections { len: question.end, ..Sections::default() };
    let authoritative = Sections { authoritative: true, ..empty };
    Ok(match outcome {
        Outcome::Slot { zone, slot } => match snapshot.pool(slot) {
            Some(pool) => {
                write_pool(snapshot, pool, zone, question, client, turn, out, authoritative)
            }
            None => Sections { rcode: Rcode::SERVFAIL, ..empty },
        },
        Outcome::Data { rrset, own } => {
            let count = rrset.count();
            let first = place(turn, usize::from(count));
            match rrset.write(own, first, out.get_mut(question.end..).unwrap_or_default()) {
                Some(len) => Sections { len: question.end + len, answer: count, ..authoritative },
                None => Sections { truncated: true, ..authoritative },
            }
        }
        Outcome::NoData { zone, is_slot } => {
            let cap = is_slot.then_some(POOL_NEGATIVE_TTL);
            write_negative(snapshot, zone, cap, question, out, authoritative)
        }
        Outcome::NxDomain { zone } => {
            let denied = Sections { rcode: Rcode::NXDOMAIN, ..authoritative };
            write_negative(snapshot, zone, None, question, out, denied)
        }
        Outcome::NotOurs => Sections { rcode: Rcode::REFUSED, ..empty },
        Outcome::Alias { .. } | Outcome::Redirect { .. } | Outcome::Referral { .. } => {
            return Err(NeedsChain);
        }
    })
}

#[expect(clippy::too_many_arguments, reason = "inlined into its one caller, which has them all")]
#[inline(always)]
fn write_pool(
    snapshot: &Snapshot,
    pool: &PoolAnswer,
    zone: ZoneId,
    question: QuestionSpan,
    client: &Client,
    turn: u64,
    out: &mut [u8],
    authoritative: Sections,
) -> Sections {
    let QuestionSpan { end: start, qtype } = question;
    if pool.refuses(client.address, qtype) {
        return Sections { rcode: Rcode::REFUSED, authoritative: false, ..authoritative };
    }
    let room = out.get_mut(start..).unwrap_or_default();
    match pool.write(qtype, turn, client.address, room) {
        Ok((0, _)) => {
            write_negative(snapshot, zone, Some(POOL_NEGATIVE_TTL), question, out, authoritative)
        }
        Ok((answer, len)) => Sections { len: start + len, answer, ..authoritative },
        Err(_) => Sections { truncated: true, ..authoritative },
    }
}

/// Writes the SOA in the authority section, with the TTL of negative answers (RFC 2308 §3), at most
/// `ttl_cap`.
#[inline]
fn write_negative(
    snapshot: &Snapshot,
    zone: ZoneId,
    ttl_cap: Option<u32>,
    question: QuestionSpan,
    out: &mut [u8],
    sections: Sections,
) -> Sections {
    let start = question.end;
    let room = out.get_mut(start..).unwrap_or_default();
    match snapshot.statics.negative(zone).write(question.name_len(), ttl_cap, room) {
        Some(len) => Sections { len: start + len, authority: 1, ..sections },
        None => Sections { truncated: true, ..sections },
    }
}
