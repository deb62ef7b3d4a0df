//! Writes the frame around the records of a reply: header, question, OPT.

use crate::dns::exchange::{Client, Transport};
use crate::dns::explain::Reason;
use crate::dns::options;
use crate::dns::query::{Edns, OPT_LEN, Query, ReadablePart};
use crate::dns::records::Sections;
use crate::rcode::Rcode;
use crate::snapshot::identity::Identity;
use crate::snapshot::message::HEADER;

/// The UDP size in our OPT records: no datagram of ours has more octets (RFC 9715).
pub const UDP_LIMIT: usize = 1232;
/// The maximum octets of a datagram without EDNS (RFC 1035 §4.2.1).
const PLAIN_LIMIT: usize = 512;
/// Octets of the longest NSID that can be configured.
pub const MAX_NSID: usize = 255;

/// The bits of the opcode in the third octet of a header.
const OPCODE: u8 = 0x78;

/// The maximum length of the reply in octets.
#[inline]
pub fn limit(transport: Transport, edns: Option<&Edns<'_>>) -> usize {
    match (transport, edns) {
        (Transport::Stream | Transport::Encrypted, _) => usize::from(u16::MAX),
        (Transport::Datagram, None) => PLAIN_LIMIT,
        (Transport::Datagram, Some(edns)) => usize::from(edns.size).clamp(PLAIN_LIMIT, UDP_LIMIT),
    }
}

/// Octets of the reply's OPT record, reserved before any record is written.
#[inline]
pub fn opt_len(query: &Query<'_>, identity: &Identity, client: &Client) -> usize {
    match &query.edns {
        None => 0,
        Some(edns) if edns.options.is_empty() => OPT_LEN,
        Some(edns) => OPT_LEN + options::len(edns.options, identity, client),
    }
}

/// Writes the header and the OPT record around `sections`; returns the length of the reply. RD is
/// copied from the query; RA, AD and CD are 0 in an authoritative answer (RFC 4035 §3.1.6).
#[inline]
pub fn write_frame(
    out: &mut [u8],
    query: &Query<'_>,
    sections: &Sections,
    identity: &Identity,
    client: &Client,
    reason: Option<Reason>,
) -> Option<usize> {
    let mut additional = sections.additional;
    let mut len = sections.len;
    if let Some(edns) = &query.edns {
        len = write_opt(out, len, edns, sections.rcode)?;
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
        | if sections.authoritative { 4 } else { 0 }
        | if sections.truncated { 2 } else { 0 };
    header[3] = sections.rcode.header_bits();
    header[4..6].copy_from_slice(&[0, 1]);
    header[6..8].copy_from_slice(&sections.answer.to_be_bytes());
    header[8..10].copy_from_slice(&sections.authority.to_be_bytes());
    header[10..12].copy_from_slice(&additional.to_be_bytes());
    Some(len)
}

/// As [`write_frame`], for NOERROR and without EDNS options. `flags` is the third octet of the
/// query.
#[inline(always)]
pub fn write_plain_frame(
    out: &mut [u8],
    flags: u8,
    sections: &Sections,
    edns: Option<&Edns<'_>>,
) -> Option<usize> {
    let mut len = sections.len;
    if let Some(edns) = edns {
        len = write_opt(out, len, edns, Rcode::NOERROR)?;
    }
    let truncated = if sections.truncated { 2 } else { 0 };
    let [answer, authority] = [sections.answer.to_be_bytes(), sections.authority.to_be_bytes()];
    let header = out.first_chunk_mut::<HEADER>()?;
    header[2..].copy_from_slice(&[
        0x84 | flags & 1 | truncated,
        Rcode::NOERROR.header_bits(),
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
fn write_opt(out: &mut [u8], at: usize, edns: &Edns<'_>, rcode: Rcode) -> Option<usize> {
    let [size_high, size_low] = (UDP_LIMIT as u16).to_be_bytes();
    let flags = if edns.dnssec_ok { 0x80 } else { 0 };
    let opt = [0, 0, 41, size_high, size_low, rcode.opt_bits(), 0, flags, 0, 0, 0];
    out.get_mut(at..at + OPT_LEN)?.copy_from_slice(&opt);
    Some(at + OPT_LEN)
}

/// Writes the reply to a query without a question that asks for a cookie (RFC 7873 §5.4): BADCOOKIE
/// when its server cookie is wrong, NOERROR when it is right or absent. `None` for other messages.
#[cold]
pub fn write_cookie(
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
    let rcode = if is_right { Rcode::NOERROR } else { Rcode::BADCOOKIE };
    write_header(out, message, rcode)?;
    out.get_mut(11..HEADER)?.copy_from_slice(&[1]);
    let len = write_opt(out, HEADER, edns, rcode)?;
    Some(options::write(out, len, edns.options, identity, client, None))
}

/// Writes the reply to a message that is no valid query: the part that can be repeated, with the
/// opcode of the message.
#[cold]
pub fn write_error(
    out: &mut [u8],
    message: &[u8],
    part: &ReadablePart<'_>,
    rcode: Rcode,
    identity: &Identity,
    client: &Client,
) -> Option<usize> {
    let ReadablePart { head, edns } = *part;
    // RFC 6891 §6.1.3: a wrong version outweighs any other fault.
    let rcode = if edns.is_some_and(|edns| edns.version != 0) { Rcode::BADVERS } else { rcode };
    let reason = (rcode == Rcode::NOTIMP).then_some(Reason::NotSupported);
    let start = head.len();
    out.get_mut(..start)?.copy_from_slice(head);
    let sections = Sections { len: start, rcode, ..Sections::default() };
    let query = Query { head, qtype: 0, qclass: 0, edns };
    let len = write_frame(out, &query, &sections, identity, client, reason)?;
    let header = out.first_chunk_mut::<HEADER>()?;
    header[2] |= message.get(2)? & OPCODE;
    if start == HEADER {
        header[4..6].copy_from_slice(&[0, 0]);
    }
    Some(len)
}

/// Writes a header alone, for a message without a readable question.
pub fn write_header(out: &mut [u8], message: &[u8], rcode: Rcode) -> Option<usize> {
    let sent = message.first_chunk::<HEADER>()?;
    let header = out.first_chunk_mut::<HEADER>()?;
    *header =
        [sent[0], sent[1], 0x80 | sent[2] & 0x79, rcode.header_bits(), 0, 0, 0, 0, 0, 0, 0, 0];
    Some(HEADER)
}
