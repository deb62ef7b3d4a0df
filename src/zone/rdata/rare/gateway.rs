//! Reads and writes the gateway of IPSECKEY (RFC 4025 §2.5) and the relay of AMTRELAY (RFC 8777
//! §4.2). In both types, the second octet of the RDATA tells the kind of gateway.
//!
//! | kind | octets | text |
//! |---|---|---|
//! | 0 | none | `.` |
//! | 1, 2 | an IPv4 or IPv6 address | the address |
//! | 3 | a name | the name |

use std::fmt;
use std::net::IpAddr;

use crate::zone::name::Name;
use crate::zone::rdata::codec::name_extent;
use crate::zone::rdata::values;
use crate::zone::rdata::words::{WordFault, Words};

/// The discovery bit of AMTRELAY, in the octet whose other bits are the kind (RFC 8777 §4.2).
const DISCOVERY: u8 = 0x80;
const UNKNOWN: &str = "the kind of gateway is 0 (none), 1 (IPv4), 2 (IPv6) or 3 (a name)";

/// Reads a gateway, whose kind is already in `out`, where the RDATA begins at `start`.
pub fn read(
    words: &mut Words<'_>,
    origin: &Name,
    start: usize,
    out: &mut Vec<u8>,
) -> Result<(), WordFault> {
    match kind(out.get(start..).unwrap_or_default()) {
        0 => {
            let none = |text: &[u8]| (text == b".").then_some(());
            values::plain(words, "a dot, because there is no gateway", none)
        }
        1 => {
            out.extend_from_slice(&values::plain(words, values::WANTED_IPV4, values::ipv4)?);
            Ok(())
        }
        2 => {
            out.extend_from_slice(&values::plain(words, values::WANTED_IPV6, values::ipv6)?);
            Ok(())
        }
        3 => values::name(words, origin, out),
        _ => Err(words.fault(UNKNOWN, "write 0, 1, 2 or 3, or the octets: \\# 4 C0000201")),
    }
}

/// Length in octets of the gateway, with which `rest` begins; an error if its kind is unknown.
pub fn extent(rdata: &[u8], rest: &[u8]) -> Result<usize, &'static str> {
    match kind(rdata) {
        0 => Ok(0),
        1 => Ok(4),
        2 => Ok(16),
        3 => name_extent(rest),
        _ => Err(UNKNOWN),
    }
}

/// Writes the gateway as the table above says.
pub fn write(f: &mut impl fmt::Write, octets: &[u8], rdata: &[u8]) -> fmt::Result {
    match (address(octets, rdata), kind(rdata)) {
        (Some(address), _) => write!(f, "{address}"),
        (None, 3) => write!(f, "{}", Name::from_wire(octets).map_err(|_| fmt::Error)?.0),
        (None, _) => f.write_char('.'),
    }
}

/// The gateway, if it is an address.
pub fn address(octets: &[u8], rdata: &[u8]) -> Option<IpAddr> {
    match kind(rdata) {
        1 => octets.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
        2 => octets.first_chunk::<16>().map(|octets| IpAddr::from(*octets)),
        _ => None,
    }
}

/// Reads the discovery bit and the kind of relay, such as `0 1`, into one octet.
pub fn read_relay(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let bit = |text: &[u8]| values::small::<u8>(text).filter(|bit| *bit < 2);
    let discovery = values::plain(words, "0 or 1, whether discovery is optional", bit)?;
    let kind = |text: &[u8]| values::small::<u8>(text).filter(|kind| *kind < DISCOVERY);
    let kind = values::plain(words, "a kind of relay from 0 to 3", kind)?;
    out.push(discovery << 7 | kind);
    Ok(())
}

/// Writes the discovery bit and the kind of relay.
pub fn write_relay(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    let octet = octets.first().ok_or(fmt::Error)?;
    write!(f, "{} {}", octet >> 7, octet & !DISCOVERY)
}

/// Checks that the first bit of the kind is not set: IPSECKEY has no discovery bit (RFC 4025 §2.3).
pub fn check_ipseckey(rdata: &[u8]) -> Result<(), &'static str> {
    if rdata.get(1).is_some_and(|kind| *kind < DISCOVERY) { Ok(()) } else { Err(UNKNOWN) }
}

fn kind(rdata: &[u8]) -> u8 {
    rdata.get(1).map_or(0, |kind| kind & !DISCOVERY)
}
