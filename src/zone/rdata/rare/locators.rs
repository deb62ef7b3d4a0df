//! Reads and writes identifiers and locators of ILNP (RFC 6742), and addresses of networks other
//! than IP: NSAP (RFC 1706 §5) and ATMA (ATM Forum, AF-SAA-0069).

use std::fmt;
use std::net::Ipv4Addr;

use crate::zone::rdata::codec::Hex;
use crate::zone::rdata::values;
use crate::zone::rdata::words::{WordFault, Words};

/// First octet of an ATMA with an ATM end system address, which is written in hex digits.
const AESA: u8 = 0;
/// First octet of an ATMA with a telephone number (E.164).
const TELEPHONE: u8 = 1;

/// Reads 64 bits, written as four groups of hex digits.
pub fn read_64(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let wanted = "64 bits in four groups, such as 14:4fff:ff20:ee64";
    let groups = values::plain(words, wanted, groups)?;
    out.extend(groups.iter().flat_map(|group| group.to_be_bytes()));
    Ok(())
}

fn groups(text: &[u8]) -> Option<[u16; 4]> {
    let group = |text: &[u8]| {
        let hex = (1..=4).contains(&text.len()) && text.iter().all(u8::is_ascii_hexdigit);
        u16::from_str_radix(std::str::from_utf8(text).ok().filter(|_| hex)?, 16).ok()
    };
    let groups: Option<Vec<u16>> = text.split(|byte| *byte == b':').map(group).collect();
    groups?.try_into().ok()
}

/// Writes each 16 bits as four hex digits, with colons between them.
pub fn write_64(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    octets.as_chunks::<2>().0.iter().enumerate().try_for_each(|(index, group)| {
        let colon = if index > 0 { ":" } else { "" };
        write!(f, "{colon}{:04x}", u16::from_be_bytes(*group))
    })
}

/// Reads a locator of 32 bits, written like an IPv4 address.
pub fn read_32(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let wanted = "a locator in four octets, such as 10.1.2.0";
    out.extend_from_slice(&values::plain(words, wanted, values::ipv4)?);
    Ok(())
}

/// Writes a locator of 32 bits like an IPv4 address.
pub fn write_32(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    let octets = octets.first_chunk::<4>().ok_or(fmt::Error)?;
    write!(f, "{}", Ipv4Addr::from(*octets))
}

/// Reads an NSAP address such as `0x47.0005.80`, whose dots mean nothing.
pub fn read_nsap(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let read = |text: &[u8]| match text {
        [b'0', b'x' | b'X', digits @ ..] => dotted_hex(digits),
        _ => None,
    };
    let wanted = "an NSAP address in hex digits, such as 0x47.0005.80";
    out.extend_from_slice(&values::plain(words, wanted, read)?);
    Ok(())
}

/// Writes an NSAP address without dots.
pub fn write_nsap(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    f.write_str("0x")?;
    octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
}

/// Reads an ATM address: hex digits, with or without dots, or `+` and a telephone number.
pub fn read_atma(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let read = |text: &[u8]| match text {
        [b'+', number @ ..] => {
            let digits = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
            digits.then(|| [&[TELEPHONE], number].concat())
        }
        digits => Some([&[AESA], dotted_hex(digits)?.as_slice()].concat()),
    };
    let wanted = "an ATM address of hex digits, or + and a telephone number";
    out.extend_from_slice(&values::plain(words, wanted, read)?);
    Ok(())
}

/// Checks that an ATM address is of a known format and not empty.
pub fn check_atma(octets: &[u8]) -> Result<(), &'static str> {
    match octets {
        [AESA, _, ..] => Ok(()),
        [TELEPHONE, number @ ..] if !number.is_empty() && number.iter().all(u8::is_ascii_digit) => {
            Ok(())
        }
        _ => Err("an ATM address is hex digits (0) or a telephone number (1)"),
    }
}

/// Writes an ATM address; an end system address without dots.
pub fn write_atma(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    match octets {
        [TELEPHONE, number @ ..] => {
            f.write_char('+')?;
            number.iter().try_for_each(|digit| f.write_char(char::from(*digit)))
        }
        octets => octets.iter().skip(1).try_for_each(|octet| write!(f, "{octet:02x}")),
    }
}

fn dotted_hex(text: &[u8]) -> Option<Vec<u8>> {
    let (mut digits, mut octets) = (Hex::new(), vec![]);
    for part in text.split(|byte| *byte == b'.') {
        digits.read(part, &mut octets)?;
    }
    (digits.finish() && !octets.is_empty()).then_some(octets)
}
