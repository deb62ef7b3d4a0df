//! Reads, checks and writes the RDATA fields that only one or two record types have.
//!
//! | file | fields of |
//! |---|---|
//! | [`gateway`] | IPSECKEY, AMTRELAY: an address or a name, as an earlier octet says |
//! | [`prefixes`] | APL |
//! | [`services`] | WKS |
//! | [`host_identity`] | HIP |
//! | [`locators`] | NID, L32, L64; NSAP and ATMA, the addresses of other networks |
//! | [`former`] | A6 and NXT, which are no longer used |
//! | this file | fields that may be empty, lists of names, 64-bit numbers, schemes |

pub mod former;
pub mod gateway;
pub mod host_identity;
pub mod locators;
pub mod prefixes;
pub mod services;

use std::fmt::{self, Write};

use crate::zone::name::Name;
use crate::zone::rdata::codec::{Base64, name_extent, write_base64, write_hex, write_quoted};
use crate::zone::rdata::field::Rare;
use crate::zone::rdata::values;
use crate::zone::rdata::words::{WordFault, Words};

/// Reads the field from `words` and appends its octets to `out`, where the RDATA begins at `start`.
pub fn read(
    rare: Rare,
    words: &mut Words<'_>,
    origin: &Name,
    start: usize,
    out: &mut Vec<u8>,
) -> Result<(), WordFault> {
    match rare {
        Rare::OptionalString if words.is_empty() => Ok(()),
        Rare::OptionalString => values::string(words, out),
        Rare::OptionalBase64 if words.is_empty() => Ok(()),
        Rare::DashedBase64 if words.peek().is_some_and(|word| word.text == b"-") => {
            words.next();
            Ok(())
        }
        Rare::OptionalBase64 | Rare::DashedBase64 => {
            values::digits(Base64::new(), words, out, "base 64, such as AwEAAQ==")
        }
        Rare::Names => {
            while !words.is_empty() {
                values::name(words, origin, out)?;
            }
            Ok(())
        }
        Rare::U64 => {
            let wanted = "a number from 0 to 18446744073709551615";
            out.extend_from_slice(&values::plain(words, wanted, long)?.to_be_bytes());
            Ok(())
        }
        Rare::Scheme => {
            let read = |text: &[u8]| match text.eq_ignore_ascii_case(b"NOTIFY") {
                true => Some(NOTIFY),
                false => values::small::<u8>(text),
            };
            out.push(values::plain(words, "a scheme such as NOTIFY, or its number", read)?);
            Ok(())
        }
        Rare::Opaque => {
            words.next();
            let help = "write its octets: \\# 4 C0000201 (RFC 3597 §5)";
            Err(words.fault("this type has no text form", help))
        }
        Rare::Gateway => gateway::read(words, origin, start, out),
        Rare::Relay => gateway::read_relay(words, out),
        Rare::Prefixes => prefixes::read(words, out),
        Rare::Services => services::read(words, out),
        Rare::HostIdentity => host_identity::read(words, out),
        Rare::Locator64 => locators::read_64(words, out),
        Rare::Locator32 => locators::read_32(words, out),
        Rare::Nsap => locators::read_nsap(words, out),
        Rare::Atma => locators::read_atma(words, out),
        Rare::Suffix => former::read_suffix(words, out),
        Rare::PrefixName if out.get(start) == Some(&0) => Ok(()),
        Rare::PrefixName => values::name(words, origin, out),
        Rare::FlatBitmap => former::read_bitmap(words, out),
    }
}

/// Length in octets of the field at `at`. It may exceed the rest of `rdata`: the caller checks it.
pub fn extent(rare: Rare, rdata: &[u8], at: usize) -> Result<usize, &'static str> {
    let rest = rdata.get(at..).unwrap_or_default();
    Ok(match rare {
        Rare::OptionalString => rest.first().map_or(0, |len| 1 + usize::from(*len)),
        Rare::U64 | Rare::Locator64 => 8,
        Rare::Locator32 => 4,
        Rare::Scheme | Rare::Relay => 1,
        Rare::Gateway => gateway::extent(rdata, rest)?,
        Rare::HostIdentity => host_identity::extent(rest)?,
        Rare::Suffix => former::suffix_extent(rest),
        Rare::PrefixName if rdata.first() == Some(&0) => 0,
        Rare::PrefixName => name_extent(rest)?,
        Rare::OptionalBase64
        | Rare::DashedBase64
        | Rare::Names
        | Rare::Opaque
        | Rare::Prefixes
        | Rare::Services
        | Rare::Nsap
        | Rare::Atma
        | Rare::FlatBitmap => rest.len(),
    })
}

/// Checks the `octets` of the field for faults that its length does not show.
pub fn check(rare: Rare, octets: &[u8]) -> Result<(), &'static str> {
    match rare {
        Rare::Names => {
            let mut rest = octets;
            while !rest.is_empty() {
                rest = rest.get(name_extent(rest)?..).ok_or("a name is cut off")?;
            }
            Ok(())
        }
        Rare::Prefixes => prefixes::check(octets),
        Rare::Services => services::check(octets),
        Rare::HostIdentity => host_identity::check(octets),
        Rare::Nsap if octets.is_empty() => Err("an NSAP address has at least one octet"),
        Rare::Atma => locators::check_atma(octets),
        Rare::Suffix => former::check_suffix(octets),
        Rare::FlatBitmap => former::check_bitmap(octets),
        Rare::OptionalString
        | Rare::OptionalBase64
        | Rare::DashedBase64
        | Rare::U64
        | Rare::Scheme
        | Rare::Opaque
        | Rare::Gateway
        | Rare::Relay
        | Rare::Locator64
        | Rare::Locator32
        | Rare::Nsap
        | Rare::PrefixName => Ok(()),
    }
}

/// Whether the text form of the field is empty, with no space before it, if it has no octets.
pub fn may_be_absent(rare: Rare) -> bool {
    matches!(
        rare,
        Rare::OptionalString
            | Rare::OptionalBase64
            | Rare::Names
            | Rare::Prefixes
            | Rare::PrefixName
            | Rare::FlatBitmap
    )
}

/// Writes the text form of the field, whose `octets` are a part of `rdata`.
pub fn write(rare: Rare, f: &mut impl Write, octets: &[u8], rdata: &[u8]) -> fmt::Result {
    match rare {
        Rare::OptionalString if octets.is_empty() => Ok(()),
        Rare::OptionalString => write_quoted(f, octets.get(1..).unwrap_or_default()),
        Rare::DashedBase64 if octets.is_empty() => f.write_char('-'),
        Rare::OptionalBase64 | Rare::DashedBase64 => write_base64(f, octets),
        Rare::Names | Rare::PrefixName => {
            let mut rest = octets;
            while !rest.is_empty() {
                let space = if rest.len() < octets.len() { " " } else { "" };
                let (name, tail) = Name::from_wire(rest).map_err(|_| fmt::Error)?;
                write!(f, "{space}{name}")?;
                rest = tail;
            }
            Ok(())
        }
        Rare::U64 => {
            let octets = octets.first_chunk::<8>().ok_or(fmt::Error)?;
            write!(f, "{}", u64::from_be_bytes(*octets))
        }
        Rare::Scheme => match octets.first() {
            Some(&NOTIFY) => f.write_str("NOTIFY"),
            scheme => write!(f, "{}", scheme.ok_or(fmt::Error)?),
        },
        Rare::Opaque if octets.is_empty() => f.write_str("\\# 0"),
        Rare::Opaque => {
            write!(f, "\\# {} ", octets.len())?;
            write_hex(f, octets)
        }
        Rare::Gateway => gateway::write(f, octets, rdata),
        Rare::Relay => gateway::write_relay(f, octets),
        Rare::Prefixes => prefixes::write(f, octets),
        Rare::Services => services::write(f, octets),
        Rare::HostIdentity => host_identity::write(f, octets),
        Rare::Locator64 => locators::write_64(f, octets),
        Rare::Locator32 => locators::write_32(f, octets),
        Rare::Nsap => locators::write_nsap(f, octets),
        Rare::Atma => locators::write_atma(f, octets),
        Rare::Suffix => former::write_suffix(f, octets),
        Rare::FlatBitmap => former::write_bitmap(f, octets),
    }
}

const NOTIFY: u8 = 1;

fn long(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}
