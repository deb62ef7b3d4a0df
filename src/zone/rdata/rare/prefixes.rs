//! Reads and writes the address prefixes of APL (RFC 3123 §4): `1:192.0.2.0/24 !2:2001:db8::/32`.
//! On the wire, the zero octets at the end of an address are left out.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::zone::rdata::codec::write_hex;
use crate::zone::rdata::values;
use crate::zone::rdata::words::{WordFault, Words};

const IPV4: u16 = 1;
const IPV6: u16 = 2;
const NEGATION: u8 = 0x80;
const WANTED: &str = "a prefix such as 1:192.0.2.0/24 or !2:2001:db8::/32";
const CUT_OFF: &str = "a prefix is cut off";

/// One prefix on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix<'a> {
    family: u16,
    length: u8,
    is_negated: bool,
    /// The address without the zero octets at its end.
    part: &'a [u8],
}

/// Reads prefixes to the end of the record.
pub fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    while !words.is_empty() {
        let prefix = values::plain(words, WANTED, prefix_of)?;
        out.extend_from_slice(&prefix);
    }
    Ok(())
}

fn prefix_of(text: &[u8]) -> Option<Vec<u8>> {
    let (negation, text) = match text {
        [b'!', text @ ..] => (NEGATION, text),
        text => (0, text),
    };
    let colon = text.iter().position(|byte| *byte == b':')?;
    let (family, text) = (values::small::<u16>(text.get(..colon)?)?, text.get(colon + 1..)?);
    let slash = text.iter().position(|byte| *byte == b'/')?;
    let (address, length) = (text.get(..slash)?, values::small::<u8>(text.get(slash + 1..)?)?);
    let (address, most) = match family {
        IPV4 => (values::ipv4(address)?.to_vec(), 32),
        IPV6 => (values::ipv6(address)?.to_vec(), 128),
        _ => return None,
    };
    let used = address.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    let mut wire = family.to_be_bytes().to_vec();
    wire.extend_from_slice(&[(length <= most).then_some(length)?, negation | used as u8]);
    wire.extend_from_slice(address.get(..used)?);
    Some(wire)
}

/// The prefixes of the RDATA, up to and with the first fault.
pub fn items(octets: &[u8]) -> impl Iterator<Item = Result<Prefix<'_>, &'static str>> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let item = item(rest);
        rest = item.as_ref().map_or(&[], |(_, tail)| *tail);
        Some(item.map(|(prefix, _)| prefix))
    })
}

fn item(octets: &[u8]) -> Result<(Prefix<'_>, &[u8]), &'static str> {
    let [family, family_low, length, len, rest @ ..] = octets else { return Err(CUT_OFF) };
    let (part, rest) = rest.split_at_checked(usize::from(len & !NEGATION)).ok_or(CUT_OFF)?;
    let family = u16::from_be_bytes([*family, *family_low]);
    let (octets, bits) = match family {
        IPV4 => (4, 32),
        IPV6 => (16, 128),
        _ => return Err("a prefix is of family 1 (IPv4) or 2 (IPv6)"),
    };
    if part.len() > octets || *length > bits {
        return Err("a prefix is longer than the addresses of its family");
    }
    if part.last() == Some(&0) {
        return Err("a prefix ends with zeros, which are left out (RFC 3123 §4)");
    }
    let is_negated = len & NEGATION != 0;
    Ok((Prefix { family, length: *length, is_negated, part }, rest))
}

/// Checks each prefix; the error is the first fault.
pub fn check(octets: &[u8]) -> Result<(), &'static str> {
    items(octets).try_for_each(|item| item.map(|_| ()))
}

/// Writes the prefixes with spaces between them.
pub fn write(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    for (index, item) in items(octets).enumerate() {
        let prefix = item.map_err(|_| fmt::Error)?;
        let space = if index > 0 { " " } else { "" };
        let negation = if prefix.is_negated { "!" } else { "" };
        write!(f, "{space}{negation}{}:", prefix.family)?;
        match prefix.address() {
            Some(address) => write!(f, "{address}")?,
            None => write_hex(f, prefix.part)?,
        }
        write!(f, "/{}", prefix.length)?;
    }
    Ok(())
}

impl Prefix<'_> {
    /// The whole address, with the zero octets at its end.
    pub fn address(&self) -> Option<IpAddr> {
        let mut whole = [0u8; 16];
        whole.get_mut(..self.part.len())?.copy_from_slice(self.part);
        match self.family {
            IPV4 => whole.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets).into()),
            _ => Some(Ipv6Addr::from(whole).into()),
        }
    }
}
