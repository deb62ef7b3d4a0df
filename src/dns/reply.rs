//! The frame around the records of a reply: header, question, OPT.

use crate::dns::explain::Reason;
use crate::dns::options;
use crate::dns::query::{Edns, NOTIMP, OPT_LEN, Query, Remains};
use crate::dns::respond::Client;
use crate::snapshot::identity::Identity;
use crate::snapshot::message::HEADER;

/// What we say of ourselves in OPT: no UDP message of ours is larger (RFC 9715).
pub const UDP_LIMIT: usize = 1232;
/// The limit without EDNS (RFC 1035 §4.2.1).
const PLAIN_LIMIT: usize = 512;
/// Longest NSID that is configured.
pub const MAX_NSID: usize = 255;

/// In the third octet of a header.
const OPCODE: u8 = 0x78;

pub const NOERROR: u8 = 0;
pub const SERVFAIL: u8 = 2;
pub const NXDOMAIN: u8 = 3;
pub const YXDOMAIN: u8 = 6;
pub const BADVERS: u8 = 16;
pub const BADCOOKIE: u8 = 23;

/// What stands between question and OPT, already written into the reply's buffer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Body {
    /// End of the last record.
    pub len: usize,
    pub answer: u16,
    pub authority: u16,
    pub additional: u16,
    pub rcode: u8,
    pub authoritative: bool,
    pub truncated: bool,
}

/// How a message reaches us decides how long the reply may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Datagram,
    /// Anything with its own framing and retransmission.
    Stream,
    /// The same inside TLS or QUIC, where the length is all that others see: it may be padded.
    Encrypted,
}

/// Octets that the reply may have.
#[inline]
pub fn limit(transport: Transport, edns: Option<&Edns<'_>>) -> usize {
    match (transport, edns) {
        (Transport::Stream | Transport::Encrypted, _) => usize::from(u16::MAX),
        (Transport::Datagram, None) => PLAIN_LIMIT,
        (Transport::Datagram, Some(edns)) => usize::from(edns.size).clamp(PLAIN_LIMIT, UDP_LIMIT),
    }
}

/// Octets that OPT will take: reserved before any record is written.
#[inline]
pub fn opt_len(query: &Query<'_>, identity: &Identity, client: &Client) -> usize {
    match &query.edns {
        None => 0,
        Some(edns) if edns.options.is_empty() => OPT_LEN,
        Some(edns) => OPT_LEN + options::len(edns.options, identity, client),
    }
}

/// Header and OPT around `body`; returns the length of the reply. RD comes back as it was sent;
/// RA, AD and CD are 0 in an authoritative answer (RFC 4035 §3.1.6).
#[inline]
pub fn frame(
    out: &mut [u8],
    query: &Query<'_>,
    body: &Body,
    identity: &Identity,
    client: &Client,
    reason: Option<Reason>,
) -> Option<usize> {
    let mut additional = body.additional;
    let mut len = body.len;
    if let Some(edns) = &query.edns {
        len = write_opt(out, len, edns, body.rcode)?;
        if !edns.options.is_empty() || reason.is_some() {
            let limit = limit(client.transport, Some(edns)).min(out.len());
            let out = out.get_mut(..limit.max(len))?;
            len = options::write(out, len, edns.options, identity, client, reason);
        }
        additional += 1;
    }
    let header = out.first_chunk_mut::<HEADER>()?;
    header[2] = 0x80
        | header[2] & 1
        | if body.authoritative { 4 } else { 0 }
        | if body.truncated { 2 } else { 0 };
    header[3] = body.rcode & 15;
    header[4..6].copy_from_slice(&[0, 1]);
    header[6..8].copy_from_slice(&body.answer.to_be_bytes());
    header[8..10].copy_from_slice(&body.authority.to_be_bytes());
    header[10..12].copy_from_slice(&additional.to_be_bytes());
    Some(len)
}

/// As [`frame`], where neither an option nor an rcode has to be told.
#[inline(always)]
pub fn plain_frame(
    out: &mut [u8],
    flags: u8,
    body: &Body,
    edns: Option<&Edns<'_>>,
) -> Option<usize> {
    let mut len = body.len;
    if let Some(edns) = edns {
        len = write_opt(out, len, edns, NOERROR)?;
    }
    let truncated = if body.truncated { 2 } else { 0 };
    let [answer, authority] = [body.answer.to_be_bytes(), body.authority.to_be_bytes()];
    let header = out.first_chunk_mut::<HEADER>()?;
    header[2..].copy_from_slice(&[
        0x84 | flags & 1 | truncated,
        NOERROR,
        0,
        1,
        answer[0],
        answer[1],
        authority[0],
        authority[1],
        0,
        u8::from(edns.is_some()),
    ]);
    Some(len)
}

#[inline(always)]
fn write_opt(out: &mut [u8], at: usize, edns: &Edns<'_>, rcode: u8) -> Option<usize> {
    let [size_high, size_low] = (UDP_LIMIT as u16).to_be_bytes();
    let flags = if edns.dnssec_ok { 0x80 } else { 0 };
    let opt = [0, 0, 41, size_high, size_low, rcode >> 4, 0, flags, 0, 0, 0];
    out.get_mut(at..at + OPT_LEN)?.copy_from_slice(&opt);
    Some(at + OPT_LEN)
}

/// The reply to a query without a question, if that asks for a cookie (RFC 7873 §5.4). It is told
/// whether the one that it shows is right.
#[cold]
pub fn cookie(
    out: &mut [u8],
    message: &[u8],
    edns: &Edns<'_>,
    identity: &Identity,
    client: &Client,
) -> Option<usize> {
    let cookie = options::cookie(edns.options, client)?;
    identity.cookies.first()?;
    if edns.version != 0 {
        return None;
    }
    let is_right =
        cookie.server.is_empty() || cookie.is_valid(&identity.cookies, client.address, client.now);
    let rcode = if is_right { NOERROR } else { BADCOOKIE };
    bare(out, message, rcode & 15)?;
    out.get_mut(11..HEADER)?.copy_from_slice(&[1]);
    let len = write_opt(out, HEADER, edns, rcode)?;
    Some(options::write(out, len, edns.options, identity, client, None))
}

/// The reply to a message that is no query: what remains of it, with its opcode.
#[cold]
pub fn refuse(
    out: &mut [u8],
    message: &[u8],
    remains: &Remains<'_>,
    rcode: u8,
    identity: &Identity,
    client: &Client,
) -> Option<usize> {
    let Remains { head, edns } = *remains;
    // RFC 6891 §6.1.3: the version goes first.
    let rcode = if edns.is_some_and(|edns| edns.version != 0) { BADVERS } else { rcode };
    let reason = (rcode == NOTIMP).then_some(Reason::NotSupported);
    let start = head.len();
    out.get_mut(..start)?.copy_from_slice(head);
    let body = Body { len: start, rcode, ..Body::default() };
    let query = Query { head, qtype: 0, qclass: 0, edns };
    let len = frame(out, &query, &body, identity, client, reason)?;
    let header = out.first_chunk_mut::<HEADER>()?;
    header[2] |= message.get(2)? & OPCODE;
    if start == HEADER {
        header[4..6].copy_from_slice(&[0, 0]);
    }
    Some(len)
}

/// A bare header: for what could not be read as far as its question.
pub fn bare(out: &mut [u8], message: &[u8], rcode: u8) -> Option<usize> {
    let asked = message.first_chunk::<HEADER>()?;
    let header = out.first_chunk_mut::<HEADER>()?;
    *header = [asked[0], asked[1], 0x80 | asked[2] & 0x79, rcode, 0, 0, 0, 0, 0, 0, 0, 0];
    Some(HEADER)
}
