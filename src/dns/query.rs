//! Reads a query (RFC 1035 §4.1, RFC 6891).
//!
//! | message | result |
//! |---|---|
//! | shorter than a header, or QR set | dropped: a reply could loop |
//! | opcode other than QUERY | NOTIMP; NOTIFY REFUSED |
//! | QDCOUNT other than 1 (RFC 9619) | FORMERR |
//! | answer records, or authority records without IXFR | FORMERR |
//! | two OPT records, or an OPT not at the root (RFC 6891 §6.1.1) | FORMERR |
//! | cut off, or octets behind the last record | FORMERR |

use crate::rcode::Rcode;
use crate::snapshot::message::HEADER;
use crate::zone::lower::LowerName;
use crate::zone::name::{MAX_LABEL, MAX_NAME};
use crate::zone::rtype;

/// Octets of type, class, TTL and RDLENGTH, behind the owner.
const RECORD_FIXED: usize = 10;
/// Octets of an OPT record without options.
pub const OPT_LEN: usize = 11;

/// A well-formed query.
#[derive(Debug)]
pub struct Query<'q> {
    /// Header and question as they came: the reply begins with them.
    pub head: &'q [u8],
    pub qtype: u16,
    pub qclass: u16,
    pub edns: Option<Edns<'q>>,
}

/// The content of an OPT record (RFC 6891 §6.1.2).
#[derive(Debug, Clone, Copy, Default)]
pub struct Edns<'q> {
    /// The UDP payload size of the client.
    pub size: u16,
    pub version: u8,
    pub dnssec_ok: bool,
    pub options: &'q [u8],
}

impl Edns<'static> {
    /// Reads an OPT record of version 0 without options; `None` for any other.
    #[inline]
    pub fn plain(opt: &[u8; OPT_LEN]) -> Option<Edns<'static>> {
        let [0, 0, 41, size_high, size_low, 0, 0, flags, _, 0, 0] = *opt else { return None };
        let size = u16::from_be_bytes([size_high, size_low]);
        Some(Edns { size, version: 0, dnssec_ok: flags & 0x80 != 0, options: &[] })
    }
}

/// Why there is no query to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryFault {
    /// No reply is sent.
    Drop,
    /// A reply with this rcode and the [`ReadablePart`].
    Rcode(Rcode),
}

impl<'q> Query<'q> {
    /// Reads `message` and puts the name of its question into `name`. The common forms are read
    /// here, all others by `other_sections`.
    #[inline]
    pub fn parse(message: &'q [u8], name: &mut LowerName) -> Result<Query<'q>, QueryFault> {
        let header: &[u8; HEADER] = message.first_chunk().ok_or(QueryFault::Drop)?;
        let [_, _, flags, _, counts @ ..] = *header;
        let counts = u64::from_be_bytes(counts);
        if flags & 0xf8 != 0 || counts >> 48 != 1 {
            return Err(Query::not_a_query(flags));
        }
        let name_end = question_name(message).ok_or(FORMAT)?;
        let (head, rest) = message.split_at_checked(name_end + 4).ok_or(FORMAT)?;
        let (wire, fixed) = head.split_at_checked(name_end).ok_or(FORMAT)?;
        let fixed: &[u8; 4] = fixed.first_chunk().ok_or(FORMAT)?;
        name.set(wire.get(HEADER..).unwrap_or_default()).ok_or(FORMAT)?;
        let qtype = u16::from_be_bytes([fixed[0], fixed[1]]);
        let qclass = u16::from_be_bytes([fixed[2], fixed[3]]);
        let edns = match (counts, rest) {
            (ONE_QUESTION, []) => None,
            (WITH_ADDITIONAL, rest) => match rest.as_array().and_then(Edns::plain) {
                None => other_sections(rest, counts, qtype)?,
                edns => edns,
            },
            _ => other_sections(rest, counts, qtype)?,
        };
        Ok(Query { head, qtype, qclass, edns })
    }

    #[cold]
    fn not_a_query(flags: u8) -> QueryFault {
        match (flags & 0x80, flags >> 3 & 15) {
            (0, 0) => FORMAT,
            (0, OPCODE_NOTIFY) => QueryFault::Rcode(Rcode::REFUSED),
            (0, _) => QueryFault::Rcode(Rcode::NOTIMP),
            _ => QueryFault::Drop,
        }
    }

    /// Octets of the question's name.
    #[inline]
    pub fn name_len(&self) -> usize {
        self.head.len() - HEADER - 4
    }
}

/// QDCOUNT 1 and nothing else, as the last eight octets of the header.
pub const ONE_QUESTION: u64 = 1 << 48;
/// QDCOUNT 1 and ARCOUNT 1.
pub const WITH_ADDITIONAL: u64 = 1 << 48 | 1;
const OPCODE_NOTIFY: u8 = 4;
pub const CLASS_IN: u16 = 1;
const FORMAT: QueryFault = QueryFault::Rcode(Rcode::FORMERR);

/// Offset of the octet behind the question's name. A compression pointer is refused: no name
/// precedes it.
#[inline]
fn question_name(message: &[u8]) -> Option<usize> {
    let mut at = HEADER;
    loop {
        let label = usize::from(*message.get(at)?);
        at += 1 + label;
        if label == 0 {
            return (at - HEADER <= MAX_NAME).then_some(at);
        }
        if label > MAX_LABEL {
            return None;
        }
    }
}

/// Reads the sections behind the question. Only the OPT record of the additional section matters.
#[cold]
fn other_sections(
    mut rest: &[u8],
    counts: u64,
    qtype: u16,
) -> Result<Option<Edns<'_>>, QueryFault> {
    let [answer, authority, additional] = [counts >> 32, counts >> 16, counts].map(|c| c as u16);
    if answer != 0 || (authority != 0 && qtype != rtype::IXFR) {
        return Err(FORMAT);
    }
    for _ in 0..authority {
        rest = record(rest).ok_or(FORMAT)?.rest;
    }
    let mut edns = None;
    for _ in 0..additional {
        let record = record(rest).ok_or(FORMAT)?;
        rest = record.rest;
        if record.rtype == rtype::OPT {
            if edns.is_some() || !record.is_root {
                return Err(FORMAT);
            }
            edns = Some(record.edns().ok_or(FORMAT)?);
        }
    }
    if rest.is_empty() { Ok(edns) } else { Err(FORMAT) }
}

/// EDNS of a query without a question, with which a client asks for a cookie (RFC 7873 §5.4).
#[cold]
pub fn without_question(message: &[u8]) -> Option<Edns<'_>> {
    let (header, rest) = message.split_first_chunk::<HEADER>()?;
    let [_, _, flags, _, counts @ ..] = *header;
    let counts = u64::from_be_bytes(counts);
    if flags & 0xf8 != 0 || counts >> 48 != 0 {
        return None;
    }
    other_sections(rest, counts, 0).ok()?
}

/// The part of a message that a reply can repeat, although the message is no valid query.
#[derive(Debug)]
pub struct ReadablePart<'q> {
    /// Header and question, or the header alone where there is not exactly one whole question.
    pub head: &'q [u8],
    /// The OPT record of the additional section; `None` when there is none or more than one.
    pub edns: Option<Edns<'q>>,
}

/// The part of `message` that an error reply repeats. The reply to a message with OPT has OPT, too
/// (RFC 6891 §7). `None` when the message is shorter than a header.
#[cold]
pub fn readable_part(message: &[u8]) -> Option<ReadablePart<'_>> {
    let (header, _) = message.split_first_chunk::<HEADER>()?;
    let [_, _, _, _, counts @ ..] = *header;
    let counts = u64::from_be_bytes(counts);
    let end = match counts >> 48 {
        0 => Some(HEADER),
        1 => question_name(message).map(|end| end + 4),
        _ => None,
    };
    let Some((head, rest)) = end.and_then(|end| message.split_at_checked(end)) else {
        return Some(ReadablePart { head: header, edns: None });
    };
    Some(ReadablePart { head, edns: only_opt(rest, counts) })
}

fn only_opt(mut rest: &[u8], counts: u64) -> Option<Edns<'_>> {
    let [answer, authority, additional] = [counts >> 32, counts >> 16, counts].map(|c| c as u16);
    for _ in 0..u32::from(answer) + u32::from(authority) {
        rest = record(rest)?.rest;
    }
    let mut edns = None;
    for _ in 0..additional {
        let record = record(rest)?;
        rest = record.rest;
        if record.rtype == rtype::OPT {
            if edns.is_some() || !record.is_root {
                return None;
            }
            edns = Some(record.edns()?);
        }
    }
    edns
}

struct Record<'q> {
    is_root: bool,
    rtype: u16,
    class: u16,
    ttl: [u8; 4],
    rdata: &'q [u8],
    rest: &'q [u8],
}

fn record(message: &[u8]) -> Option<Record<'_>> {
    let mut at = 0;
    loop {
        let label = *message.get(at)?;
        match label {
            0 => at += 1,
            0xc0.. => at += 2,
            1..=63 => {
                at += 1 + usize::from(label);
                continue;
            }
            _ => return None,
        }
        break;
    }
    let fixed: &[u8; RECORD_FIXED] = message.get(at..)?.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
    let (rdata, rest) = message.get(at + RECORD_FIXED..)?.split_at_checked(length)?;
    Some(Record {
        is_root: at == 1,
        rtype: u16::from_be_bytes([fixed[0], fixed[1]]),
        class: u16::from_be_bytes([fixed[2], fixed[3]]),
        ttl: [fixed[4], fixed[5], fixed[6], fixed[7]],
        rdata,
        rest,
    })
}

impl<'q> Record<'q> {
    /// Reads the fields as those of OPT (RFC 6891 §6.1.2); `None` when the options are not a
    /// sequence of code, length and value.
    fn edns(&self) -> Option<Edns<'q>> {
        let whole = options(self.rdata).try_fold(0, |sum, option| Some(sum + 4 + option?.1.len()));
        (whole? == self.rdata.len()).then_some(Edns {
            size: self.class,
            version: self.ttl[1],
            dnssec_ok: self.ttl[2] & 0x80 != 0,
            options: self.rdata,
        })
    }
}

/// Code and value of each option. An option that is cut off is `None`, and the last item.
pub fn options(mut rdata: &[u8]) -> impl Iterator<Item = Option<(u16, &[u8])>> {
    std::iter::from_fn(move || {
        if rdata.is_empty() {
            return None;
        }
        let option = rdata.first_chunk::<4>().and_then(|head| {
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let (value, rest) = rdata.get(4..)?.split_at_checked(length)?;
            Some((u16::from_be_bytes([head[0], head[1]]), value, rest))
        });
        rdata = option.map_or(&[], |(_, _, rest)| rest);
        Some(option.map(|(code, value, _)| (code, value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(counts: [u8; 4], behind_header: &[u8]) -> Vec<u8> {
        let [qd, an, ns, ar] = counts;
        [&[7, 7, 1, 0, 0, qd, 0, an, 0, ns, 0, ar], behind_header].concat()
    }

    fn parse(message: &[u8]) -> Result<(Query<'_>, Vec<u8>), QueryFault> {
        let mut name = LowerName::default();
        let query = Query::parse(message, &mut name)?;
        Ok((query, name.as_slice().to_vec()))
    }

    const QUESTION: &[u8] = b"\x03wWw\x09MiDominio\x03com\0\0\x01\0\x01";
    const OPT: &[u8] = b"\0\0\x29\x10\0\0\0\x80\0\0\0";

    #[test]
    fn edns_is_read_wherever_it_stands() {
        let other = b"\0\0\x01\0\x01\0\0\0\0\0\x01z";
        for (count, additional) in [
            (1, OPT.to_vec()),
            (2, [OPT, other].concat()),
            (2, [other, OPT].concat()),
            (1, b"\0\0\x29\x10\0\0\0\x80\0\0\x04\0\x03\0\0".to_vec()),
        ] {
            let message = query([1, 0, 0, count], &[QUESTION, &additional].concat());
            let edns = parse(&message).unwrap().0.edns.unwrap();
            assert_eq!((edns.size, edns.version, edns.dnssec_ok), (4096, 0, true));
        }
    }

    #[test]
    fn what_is_malformed_gets_a_format_error() {
        let formerr = |counts, behind: &[&[u8]]| {
            let message = query(counts, &behind.concat());
            assert_eq!(parse(&message).err(), Some(FORMAT), "{counts:?} {behind:?}");
        };
        formerr([0, 0, 0, 0], &[]);
        formerr([2, 0, 0, 0], &[QUESTION, QUESTION]);
        formerr([1, 0, 0, 0], &[&QUESTION[..9]]);
        formerr([1, 0, 0, 0], &[b"\xc0\x0c\0\x01\0\x01"]);
        formerr([1, 0, 0, 0], &[QUESTION, b"x"]);
        formerr([1, 1, 0, 0], &[QUESTION, OPT]);
        formerr([1, 0, 1, 0], &[QUESTION, OPT]);
        formerr([1, 0, 0, 2], &[QUESTION, OPT, OPT]);
        formerr([1, 0, 0, 1], &[QUESTION, b"\x01x", OPT]);
        formerr([1, 0, 0, 1], &[QUESTION, &OPT[..10]]);
        formerr([1, 0, 0, 1], &[QUESTION, b"\0\0\x29\x10\0\0\0\0\0\0\x03\0\x03\0"]);
    }

    #[test]
    fn opt_and_question_remain_of_what_is_no_query() {
        let readable = |counts, behind: &[&[u8]]| {
            let message = query(counts, &behind.concat());
            let part = readable_part(&message).unwrap();
            (part.head.len(), part.edns.map(|edns| edns.size))
        };
        let whole = HEADER + QUESTION.len();
        let other: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x01z";
        assert_eq!(readable([1, 0, 0, 1], &[QUESTION, OPT]), (whole, Some(4096)));
        assert_eq!(readable([1, 1, 1, 1], &[QUESTION, other, other, OPT]), (whole, Some(4096)));
        assert_eq!(readable([0, 0, 0, 1], &[OPT]), (HEADER, Some(4096)));
        assert_eq!(readable([1, 0, 0, 1], &[QUESTION, OPT, b"x"]), (whole, Some(4096)));
        assert_eq!(readable([1, 0, 0, 2], &[QUESTION, OPT, OPT]), (whole, None));
        assert_eq!(readable([1, 1, 0, 0], &[QUESTION, OPT]), (whole, None));
        assert_eq!(readable([1, 0, 0, 1], &[QUESTION, &OPT[..9]]), (whole, None));
        assert_eq!(readable([2, 0, 0, 1], &[QUESTION, QUESTION, OPT]), (HEADER, None));
        assert_eq!(readable([1, 0, 0, 1], &[&QUESTION[..9]]), (HEADER, None));
    }

    #[test]
    fn what_could_loop_is_dropped() {
        assert_eq!(parse(&[0; 11]).err(), Some(QueryFault::Drop));
        let mut response = query([1, 0, 0, 0], QUESTION);
        response[2] |= 0x80;
        assert_eq!(parse(&response).err(), Some(QueryFault::Drop));
    }
}
