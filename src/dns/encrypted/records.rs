//! Parses this server's own replies: into hickory's records, and for how long they may be cached.
//!
//! hickory-server sends typed records only. RDATA must not change, so it is passed as that of an
//! unknown type (RFC 3597), not decoded and encoded. Only the types whose names
//! [`crate::snapshot::message`] compresses are decoded: their pointers mean nothing in another
//! message. OPT is passed as one more record, with its upper rcode bits, payload size, DO and
//! options.

use hickory_server::proto::op::{MessageType, Metadata, OpCode, ResponseCode};
use hickory_server::proto::rr::rdata::NULL;
use hickory_server::proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_server::proto::serialize::binary::{BinDecodable, BinDecoder, DecodeError, Restrict};

use crate::dns::options::PADDING;
use crate::dns::query::options;
use crate::snapshot::message::{HEADER, has_compressible_names};

/// Octets of type, class, TTL and RDLENGTH, behind the owner.
const RECORD_FIXED: usize = 10;
/// Octets that a message can have.
const MAX_MESSAGE: usize = u16::MAX as usize;

/// A reply in hickory's types.
#[derive(Debug)]
pub struct ParsedReply {
    pub metadata: Metadata,
    /// Number of questions: 0 or 1.
    pub questions: u16,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    pub additionals: Vec<Record>,
}

impl ParsedReply {
    /// Parses a reply of this server. An error would be a bug.
    pub fn read(reply: &[u8]) -> Result<ParsedReply, DecodeError> {
        let mut decoder = BinDecoder::new(reply);
        let mut word = || decoder.read_u16().map(Restrict::unverified);
        let (id, flags) = (word()?, word()?);
        let counts = [word()?, word()?, word()?, word()?];
        if counts[0] != 0 {
            Name::read(&mut decoder)?;
            decoder.read_u32()?.unverified(/* type and class */);
        }
        let mut octets = decoder.index();
        let mut section = |count: u16| {
            (0..count).map(|_| record(&mut decoder, &mut octets)).collect::<Result<Vec<_>, _>>()
        };
        let mut typed = ParsedReply {
            metadata: metadata(id, flags),
            questions: counts[0],
            answers: section(counts[1])?,
            authorities: section(counts[2])?,
            additionals: section(counts[3])?,
        };
        if octets > MAX_MESSAGE {
            typed.truncate();
        }
        Ok(typed)
    }

    /// Removes the padding: hickory compresses names differently, so its message has to be padded
    /// anew. Returns the octets of OPT's RDATA that are left; `None` if there was no padding.
    pub fn take_padding(&mut self) -> Option<usize> {
        let opt = self.additionals.last_mut()?;
        let RData::Unknown { code: RecordType::OPT, rdata } = &mut opt.data else { return None };
        let (_, value) = options(&rdata.anything).flatten().last().filter(is_padding)?;
        let left = rdata.anything.len() - value.len() - 4;
        rdata.anything.truncate(left);
        Some(left)
    }

    /// Sets TC and removes all records but OPT, for a reply that may be longer than a message when
    /// hickory, which stops compressing after some names, writes it. As everywhere, a truncated
    /// reply has no records rather than some.
    fn truncate(&mut self) {
        self.metadata.truncation = true;
        self.answers.clear();
        self.authorities.clear();
        self.additionals.retain(|record| record.record_type() == RecordType::OPT);
    }
}

fn is_padding(option: &(u16, &[u8])) -> bool {
    option.0 == PADDING
}

fn metadata(id: u16, flags: u16) -> Metadata {
    let mut metadata =
        Metadata::new(id, MessageType::Response, OpCode::from_u8((flags >> 11 & 15) as u8));
    metadata.authoritative = flags & 0x0400 != 0;
    metadata.truncation = flags & 0x0200 != 0;
    metadata.recursion_desired = flags & 0x0100 != 0;
    metadata.recursion_available = flags & 0x0080 != 0;
    metadata.authentic_data = flags & 0x0020 != 0;
    metadata.checking_disabled = flags & 0x0010 != 0;
    metadata.response_code = ResponseCode::from_low((flags & 15) as u8);
    metadata
}

/// Reads the next record, and adds its length without compression to `octets`.
fn record(decoder: &mut BinDecoder<'_>, octets: &mut usize) -> Result<Record, DecodeError> {
    let name = Name::read(decoder)?;
    let code = RecordType::from(decoder.read_u16()?.unverified());
    let class = DNSClass::from(decoder.read_u16()?.unverified());
    let ttl = decoder.read_u32()?.unverified();
    let length = decoder.read_u16()?;
    *octets += name_octets(&name) + RECORD_FIXED;
    let data = if has_compressible_names(code.into()) {
        let data = RData::read(decoder, code, length)?;
        *octets += rdata_octets(&data);
        data
    } else {
        let length = usize::from(length.unverified(/* read_slice checks it */));
        let mut rdata = NULL::new();
        rdata.anything = decoder.read_slice(length)?.unverified().to_vec();
        *octets += length;
        RData::Unknown { code, rdata }
    };
    let mut record = Record::from_rdata(name, ttl, data);
    record.dns_class = class;
    Ok(record)
}

/// Octets of the RDATA of a decoded type, without compression.
fn rdata_octets(data: &RData) -> usize {
    match data {
        RData::NS(name) => name_octets(name),
        RData::CNAME(name) => name_octets(name),
        RData::PTR(name) => name_octets(name),
        RData::MX(mx) => 2 + name_octets(&mx.exchange),
        RData::SOA(soa) => name_octets(&soa.mname) + name_octets(&soa.rname) + 20,
        _ => 0,
    }
}

/// Octets of `name` with its root label, which hickory's own length leaves out.
fn name_octets(name: &Name) -> usize {
    name.iter().map(|label| 1 + label.len()).sum::<usize>() + 1
}

/// Seconds for which a reply may be cached (RFC 8484 §5.1): the least TTL of its answers or, if it
/// has none, of its authority records. 0 without either.
pub fn freshness(reply: &[u8]) -> u32 {
    least_ttl(reply).unwrap_or(0)
}

fn least_ttl(reply: &[u8]) -> Option<u32> {
    let (header, mut rest) = reply.split_first_chunk::<HEADER>()?;
    let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    for _ in 0..count(4) {
        rest = behind_name(rest)?.get(4..)?;
    }
    let records = if count(6) == 0 { count(8) } else { count(6) };
    let mut least = None;
    for _ in 0..records {
        let (fixed, rdata) = behind_name(rest)?.split_first_chunk::<RECORD_FIXED>()?;
        let [_, _, _, _, ttl @ .., length_high, length_low] = *fixed;
        let ttl = u32::from_be_bytes(ttl);
        least = Some(least.map_or(ttl, |least: u32| least.min(ttl)));
        rest = rdata.get(usize::from(u16::from_be_bytes([length_high, length_low]))..)?;
    }
    least
}

fn behind_name(mut wire: &[u8]) -> Option<&[u8]> {
    loop {
        match *wire.first()? {
            0 => return wire.get(1..),
            0xc0.. => return wire.get(2..),
            label => wire = wire.get(1 + usize::from(label)..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WWW: &[u8] = b"\x03www\x09MidOminio\x03com\0";
    const OPT: [u8; 11] = [0, 0, 41, 4, 208, 1, 0, 0x80, 0, 0, 0];

    /// A reply with AA and RD whose answers are `count` A records with these TTLs, and OPT.
    fn reply(count: u16, ttl: impl Fn(u16) -> u32) -> Vec<u8> {
        let mut reply = vec![0, 0, 0x85, 0, 0, 1];
        reply.extend_from_slice(&count.to_be_bytes());
        reply.extend_from_slice(&[0, 0, 0, 1]);
        reply.extend_from_slice(WWW);
        reply.extend_from_slice(&[0, 1, 0, 1]);
        for number in 0..count {
            reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1]);
            reply.extend_from_slice(&ttl(number).to_be_bytes());
            reply.extend_from_slice(&[0, 4, 192, 0, 2, 1]);
        }
        [&reply[..], &OPT].concat()
    }

    #[test]
    fn opt_is_carried_as_a_record_with_the_upper_rcode_bits() {
        let typed = ParsedReply::read(&reply(1, |_| 30)).unwrap();
        assert_eq!((typed.questions, typed.answers.len()), (1, 1));
        assert!(typed.metadata.authoritative && typed.metadata.recursion_desired);
        let opt = &typed.additionals[0];
        assert_eq!((opt.dns_class.into(), opt.ttl), (1232u16, 0x0100_8000));
    }

    #[test]
    fn what_no_longer_fits_without_compression_is_left_out_whole() {
        let count = 65_000 / 16;
        let message = reply(count, |_| 30);
        assert!(message.len() < MAX_MESSAGE);
        let typed = ParsedReply::read(&message).unwrap();
        assert!(typed.metadata.truncation && typed.answers.is_empty());
        assert_eq!(typed.additionals.len(), 1, "OPT stays");
        let most = (MAX_MESSAGE - HEADER - WWW.len() - 4 - OPT.len()) / (WWW.len() + 14);
        let fits = ParsedReply::read(&reply(most as u16, |_| 30)).unwrap();
        assert_eq!((fits.metadata.truncation, fits.answers.len()), (false, most));
        assert!(ParsedReply::read(&reply(most as u16 + 1, |_| 30)).unwrap().metadata.truncation);
    }

    #[test]
    fn a_reply_stays_fresh_as_long_as_its_shortest_answer() {
        assert_eq!(freshness(&reply(3, |number| [300, 30, 3600][usize::from(number)])), 30);
        assert_eq!(freshness(&reply(0, |_| 0)), 0, "OPT has no TTL");
        let whole = reply(2, |_| 300);
        for end in 0..whole.len() - OPT.len() {
            assert_eq!(freshness(&whole[..end]), 0, "cut off at {end}");
        }
    }

    #[test]
    fn a_reply_that_is_cut_off_is_an_error_and_no_panic() {
        let whole = reply(2, |_| 300);
        for end in 0..whole.len() {
            assert!(ParsedReply::read(&whole[..end]).is_err());
        }
    }
}
