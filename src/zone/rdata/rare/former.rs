//! Reads and writes A6 (RFC 2874 §3.1, historic by RFC 6563) and the bitmap of NXT (RFC 2535 §5.2,
//! replaced by RFC 3755). Nobody looks these types up, but old zone files have them.

use std::fmt;
use std::net::Ipv6Addr;

use crate::zone::rdata::table::{type_name, type_number_of};
use crate::zone::rdata::values;
use crate::zone::rdata::words::{WordFault, Words};

const ADDRESS: usize = 16;
/// NXT has bits only for the types below this number.
const NXT_TYPES: u16 = 128;

/// Reads the prefix length and, unless that is 128, an address: its bits behind the prefix count.
pub fn read_suffix(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let length = |text: &[u8]| values::small::<u8>(text).filter(|bits| *bits <= 128);
    let prefix = values::plain(words, "a prefix length from 0 to 128", length)?;
    out.push(prefix);
    if prefix == 128 {
        return Ok(());
    }
    let address = values::plain(words, values::WANTED_IPV6, values::ipv6)?;
    let kept = u128::from_be_bytes(address) & (u128::MAX >> prefix);
    out.extend_from_slice(kept.to_be_bytes().get(usize::from(prefix / 8)..).unwrap_or_default());
    Ok(())
}

/// Octets of the prefix length and the suffix with which `rest` begins.
pub fn suffix_extent(rest: &[u8]) -> usize {
    let prefix = rest.first().copied().unwrap_or(0);
    1 + ADDRESS.saturating_sub(usize::from(prefix / 8))
}

/// Checks that the prefix has at most 128 bits, and the suffix no bits within the prefix.
pub fn check_suffix(octets: &[u8]) -> Result<(), &'static str> {
    let Some((prefix, suffix)) = octets.split_first() else { return Err("the data are cut off") };
    if *prefix > 128 {
        return Err("the prefix of an A6 has at most 128 bits");
    }
    match suffix.first() {
        Some(first) if first.leading_zeros() < u32::from(prefix % 8) => {
            Err("the suffix of an A6 has bits within its prefix (RFC 2874 §3.1.1)")
        }
        _ => Ok(()),
    }
}

/// Writes the prefix length and, unless that is 128, the suffix as an address.
pub fn write_suffix(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    let prefix = octets.first().ok_or(fmt::Error)?;
    write!(f, "{prefix}")?;
    if *prefix == 128 {
        return Ok(());
    }
    write!(f, " {}", suffix_address(octets).ok_or(fmt::Error)?)
}

/// The suffix as an address whose prefix bits are zeros; `None` if the suffix is too long.
pub fn suffix_address(octets: &[u8]) -> Option<Ipv6Addr> {
    let suffix = octets.get(1..)?;
    let mut whole = [0; ADDRESS];
    whole.get_mut(ADDRESS.checked_sub(suffix.len())?..)?.copy_from_slice(suffix);
    Some(Ipv6Addr::from(whole))
}

/// Reads record types to the end of the record, into a bitmap of at most 16 octets.
pub fn read_bitmap(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let mut bits: Vec<u8> = vec![];
    while !words.is_empty() {
        let is_early = |rtype: &u16| (1..NXT_TYPES).contains(rtype);
        let rtype = |text: &[u8]| type_number_of(text).filter(is_early);
        let rtype = values::plain(words, "a record type such as A, below 128", rtype)?;
        let at = usize::from(rtype / 8);
        bits.resize(bits.len().max(at + 1), 0);
        if let Some(octet) = bits.get_mut(at) {
            *octet |= 0x80 >> (rtype % 8);
        }
    }
    out.extend_from_slice(&bits);
    Ok(())
}

/// Checks length, first bit (which is zero) and last octet (which is not).
pub fn check_bitmap(octets: &[u8]) -> Result<(), &'static str> {
    let bounded = octets.len() <= usize::from(NXT_TYPES / 8);
    let first = octets.first().is_none_or(|octet| octet & 0x80 == 0);
    if bounded && first && octets.last() != Some(&0) {
        Ok(())
    } else {
        Err("the types are not as in RFC 2535 §5.2")
    }
}

/// Writes the types by mnemonic or `TYPEnnn`.
pub fn write_bitmap(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    let mut space = "";
    for (octet, first) in octets.iter().zip((0u16..).step_by(8)) {
        for bit in (0..8).filter(|bit| octet & (0x80 >> bit) != 0) {
            write!(f, "{space}{}", type_name(first + bit))?;
            space = " ";
        }
    }
    Ok(())
}
