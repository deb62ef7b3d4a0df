//! Reads words of a master file as uncompressed RDATA, by the fields of the type's row.

use crate::zone::name::Name;
use crate::zone::rdata::codec::{self, number, period, unescape_into};
use crate::zone::rdata::field::Field;
use crate::zone::rdata::table::{OPAQUE, row, type_name, type_number_of};
use crate::zone::rdata::values::{
    WANTED_IPV4, WANTED_IPV6, among, bad_escape, counted, digits, eui, ipv4, ipv6, name, plain,
    small, string,
};
use crate::zone::rdata::walk::{self, MAX_RDATA};
use crate::zone::rdata::words::{WordFault, Words, shown};
use crate::zone::rdata::{bitmap, loc, rare, svcb, time};

/// Reads RDATA from the remaining `words` and appends it to `out`. After a fault, the caller must
/// truncate `out` again. Relative names are completed by `origin`.
pub fn parse(
    rtype: u16,
    words: &mut Words<'_>,
    origin: &Name,
    out: &mut Vec<u8>,
) -> Result<(), WordFault> {
    let start = out.len();
    let row = row(rtype);
    if words.peek().is_some_and(|word| word.text == b"\\#" && !word.quoted) {
        return generic(rtype, words, out);
    }
    let Some(row) = row.filter(|row| row.fields != OPAQUE) else {
        words.next();
        let message = format!("the data of {} have no text form here", type_name(rtype));
        let help = format!("write their octets: TYPE{rtype} \\# 4 C0000201 (RFC 3597 §5)");
        return Err(words.fault(message, help));
    };
    for field in row.fields {
        match *field {
            Field::Rare(rare) => rare::read(rare, words, origin, start, out)?,
            field => parse_field(field, words, origin, out)?,
        }
    }
    if let Some(word) = words.next() {
        let message = format!("{} is too much for {}", shown(word.text), row.mnemonic);
        return Err(words.fault(
            message,
            "put each record on a line of its own, and a string with \
                                         spaces in quotes",
        ));
    }
    let rdata = out.get(start..).unwrap_or_default();
    if rdata.len() > MAX_RDATA {
        return Err(words.fault("the data are too long", "write at most 65535 octets"));
    }
    if let Some(check) = row.check {
        check(rdata).map_err(|fault| words.fault(fault, "copy the data again, whole"))?;
    }
    Ok(())
}

fn parse_field(
    field: Field,
    words: &mut Words<'_>,
    origin: &Name,
    out: &mut Vec<u8>,
) -> Result<(), WordFault> {
    match field {
        Field::Ipv4 => out.extend_from_slice(&plain(words, WANTED_IPV4, ipv4)?),
        Field::Ipv6 => out.extend_from_slice(&plain(words, WANTED_IPV6, ipv6)?),
        Field::Name { .. } => name(words, origin, out)?,
        Field::U8
        | Field::U16
        | Field::U32
        | Field::Period
        | Field::Time
        | Field::Type
        | Field::Algorithm
        | Field::CertType => parse_number(field, words, out)?,
        Field::String => string(words, out)?,
        Field::Strings => {
            string(words, out)?;
            while !words.is_empty() {
                string(words, out)?;
            }
        }
        Field::CaaTag => {
            let tag = words.want_plain(WANTED_TAG)?;
            if tag.is_empty() || tag.len() > 255 || !tag.iter().all(u8::is_ascii_alphanumeric) {
                let message = format!("{} is no CAA tag (RFC 8659 §4.1)", shown(tag));
                return Err(words.fault(message, format!("write {WANTED_TAG}")));
            }
            out.push(tag.len() as u8);
            out.extend_from_slice(tag);
        }
        Field::Text => {
            let word = words.want("a string in quotes")?;
            unescape_into(word.text, out).ok_or_else(|| bad_escape(words))?;
        }
        Field::Base64 => digits(codec::Base64::new(), words, out, "base 64, such as AwEAAQ==")?,
        Field::Hex => digits(codec::Hex::new(), words, out, "hex digits, two for each octet")?,
        Field::Salt => {
            let wanted = "a salt in hex digits, two for each octet, or - for none";
            match words.want_plain(wanted)? {
                b"-" => out.push(0),
                text => counted(codec::Hex::new(), text, words, out, wanted)?,
            }
        }
        Field::Base32 => {
            let wanted = "a hash in base 32, of the digits 0-9 and a-v";
            let text = words.want_plain(wanted)?;
            counted(codec::Base32::new(), text, words, out, wanted)?;
        }
        Field::Bitmap => bitmap::read(words, out)?,
        Field::SvcParams => svcb::read(words, out)?,
        Field::Loc => loc::read(words, out)?,
        Field::Rare(_) => {} // read by the caller, which knows the start of the RDATA
        Field::Eui48 => out.extend_from_slice(&plain(
            words,
            "six hex pairs, such as \
            00-00-5e-00-53-2a",
            eui::<6>,
        )?),
        Field::Eui64 => out.extend_from_slice(&plain(
            words,
            "eight hex pairs, such as \
            00-00-5e-ef-10-00-00-2a",
            eui::<8>,
        )?),
    }
    Ok(())
}

/// Reads a field that is one number on the wire.
fn parse_number(field: Field, words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    const SECONDS: &str = "a number of seconds, or a time such as 1h30m";
    let (value, octets) = match field {
        Field::U8 => (plain(words, "a number from 0 to 255", small::<u8>)?.into(), 1),
        Field::U16 => (plain(words, "a number from 0 to 65535", small::<u16>)?.into(), 2),
        Field::Period => (plain(words, SECONDS, period)?, 4),
        Field::Time => (plain(words, "a time such as 20261231235959", time::read)?, 4),
        Field::Type => (plain(words, "a record type such as A", type_number_of)?.into(), 2),
        Field::Algorithm => {
            let read = |text: &[u8]| small::<u8>(text).or_else(|| among(ALGORITHMS, text));
            (plain(words, "a DNSSEC algorithm such as 13", read)?.into(), 1)
        }
        Field::CertType => {
            let read = |text: &[u8]| small::<u16>(text).or_else(|| among(CERT_TYPES, text));
            (plain(words, "a certificate type such as PKIX", read)?.into(), 2)
        }
        _ => (plain(words, "a number from 0 to 4294967295", number)?, 4),
    };
    let value: u32 = value;
    out.extend_from_slice(value.to_be_bytes().get(4 - octets..).unwrap_or_default());
    Ok(())
}

const WANTED_TAG: &str = "a tag of letters and digits, such as issue, issuewild or iodef";

/// Reads `\# length hex…` (RFC 3597 §5), and checks the octets if the type is known.
fn generic(rtype: u16, words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let start = out.len();
    words.next();
    let len: u16 = plain(words, "the number of octets, from 0 to 65535", small)?;
    if len > 0 || !words.is_empty() {
        digits(codec::Hex::new(), words, out, "hex digits, two for each octet")?;
    }
    let rdata = out.get(start..).unwrap_or_default();
    if rdata.len() != usize::from(len) {
        let message = format!("\\# announces {len} octets, and {} follow", rdata.len());
        return Err(words.fault(message, format!("write \\# {}", rdata.len())));
    }
    walk::check(rtype, rdata).map_err(|fault| {
        let message = format!("these octets are no {}: {fault}", type_name(rtype));
        words.fault(message, "write the data in the type's own form, without \\#")
    })
}

/// IANA's registry of DNSSEC algorithms.
const ALGORITHMS: &[(u8, &str)] = &[
    (1, "RSAMD5"),
    (2, "DH"),
    (3, "DSA"),
    (5, "RSASHA1"),
    (6, "DSA-NSEC3-SHA1"),
    (6, "NSEC3DSA"),
    (7, "RSASHA1-NSEC3-SHA1"),
    (7, "NSEC3RSASHA1"),
    (8, "RSASHA256"),
    (10, "RSASHA512"),
    (12, "ECC-GOST"),
    (13, "ECDSAP256SHA256"),
    (14, "ECDSAP384SHA384"),
    (15, "ED25519"),
    (16, "ED448"),
    (252, "INDIRECT"),
    (253, "PRIVATEDNS"),
    (254, "PRIVATEOID"),
];

/// Certificate types (RFC 4398 §2.1).
const CERT_TYPES: &[(u16, &str)] = &[
    (1, "PKIX"),
    (2, "SPKI"),
    (3, "PGP"),
    (4, "IPKIX"),
    (5, "ISPKI"),
    (6, "IPGP"),
    (7, "ACPKIX"),
    (8, "IACPKIX"),
    (253, "URI"),
    (254, "OID"),
];
