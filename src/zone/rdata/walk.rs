//! Walks RDATA in wire form field by field: finds their extents and the names inside, and checks
//! them.

use std::ops::Range;

use crate::zone::name::Name;
use crate::zone::rdata::codec::name_extent;
use crate::zone::rdata::field::{Field, Rare};
use crate::zone::rdata::rare;
use crate::zone::rdata::table::{RrType, row};
use crate::zone::rdata::{bitmap, loc, svcb};

/// Maximum octets of RDATA: its length has 16 bits (RFC 1035 §3.2.1).
pub const MAX_RDATA: usize = 65_535;

/// A name inside RDATA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedName {
    /// Octets of the uncompressed name within the RDATA.
    pub range: Range<usize>,
    /// Whether a sender may compress it (RFC 3597 §4: only in the types of RFC 1035).
    pub compress: bool,
}

/// The names inside checked RDATA whose letter case does not matter, in order. Types without a row
/// have none, and the names in IPSECKEY, AMTRELAY and HIP count as octets (RFC 3597 §7).
pub fn names(rtype: u16, rdata: &[u8]) -> impl Iterator<Item = EmbeddedName> {
    let fields = row(rtype).map(|row| Fields::new(row, rdata));
    fields.into_iter().flatten().map_while(Result::ok).filter_map(|(field, range)| match field {
        Field::Name { compress } => Some(EmbeddedName { range, compress }),
        Field::Rare(Rare::PrefixName) if !range.is_empty() => {
            Some(EmbeddedName { range, compress: false })
        }
        _ => None,
    })
}

/// Checks RDATA in wire form against its type. Types without a row accept any octets.
pub fn check(rtype: u16, rdata: &[u8]) -> Result<(), &'static str> {
    if rdata.len() > MAX_RDATA {
        return Err("the data of one record are at most 65535 octets");
    }
    let Some(row) = row(rtype) else { return Ok(()) };
    let mut fields = Fields::new(row, rdata);
    for item in fields.by_ref() {
        let (field, range) = item?;
        check_field(field, rdata.get(range).unwrap_or_default())?;
    }
    if fields.at != rdata.len() {
        return Err("octets are left over behind the last field");
    }
    row.check.map_or(Ok(()), |check| check(rdata))
}

/// Iterates over the fields of RDATA, each with its range of octets. A field that is cut off or
/// whose length is unknown is an error.
#[derive(Debug)]
pub struct Fields<'a> {
    fields: std::slice::Iter<'static, Field>,
    rdata: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub fn new(row: &'static RrType, rdata: &'a [u8]) -> Fields<'a> {
        Fields { fields: row.fields.iter(), rdata, at: 0 }
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<(Field, Range<usize>), &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        let field = *self.fields.next()?;
        let rest = self.rdata.get(self.at..).unwrap_or_default();
        let start = self.at;
        let extent = match field {
            Field::Rare(rare) => rare::extent(rare, self.rdata, start),
            field => extent(field, rest),
        };
        Some(match extent {
            Ok(len) if len <= rest.len() => {
                self.at += len;
                Ok((field, start..self.at))
            }
            Ok(_) => Err("the data end inside a field"),
            Err(fault) => Err(fault),
        })
    }
}

/// The number of octets of a field, which may be more than `rest` has.
fn extent(field: Field, rest: &[u8]) -> Result<usize, &'static str> {
    let counted = || rest.first().map_or(1, |len| 1 + usize::from(*len));
    Ok(match field {
        Field::U8 | Field::Algorithm => 1,
        Field::U16 | Field::Type | Field::CertType => 2,
        Field::U32 | Field::Period | Field::Time | Field::Ipv4 => 4,
        Field::Eui48 => 6,
        Field::Eui64 => 8,
        Field::Ipv6 | Field::Loc => 16,
        Field::String | Field::CaaTag | Field::Salt | Field::Base32 => counted(),
        Field::Name { .. } => name_extent(rest)?,
        Field::Rare(rare) => rare::extent(rare, rest, 0)?,
        Field::Strings
        | Field::Text
        | Field::Base64
        | Field::Hex
        | Field::Bitmap
        | Field::SvcParams => rest.len(),
    })
}

fn check_field(field: Field, octets: &[u8]) -> Result<(), &'static str> {
    match field {
        Field::Strings => {
            let mut rest = octets;
            while let Some((len, tail)) = rest.split_first() {
                rest = tail.get(usize::from(*len)..).ok_or("a character-string is cut off")?;
            }
            full(octets, "at least one character-string is needed")
        }
        Field::CaaTag => {
            let tag = octets.get(1..).unwrap_or_default();
            full(tag, "a CAA tag has at least one letter (RFC 8659 §4.1)")?;
            let plain = tag.iter().all(u8::is_ascii_alphanumeric);
            if plain {
                Ok(())
            } else {
                Err("a CAA tag has only letters and digits (RFC 8659 §4.1)")
            }
        }
        Field::Base64 | Field::Hex => full(octets, "the data end before their last field"),
        Field::Base32 => full(octets.get(1..).unwrap_or_default(), "the hash is empty"),
        Field::Bitmap => bitmap::check(octets),
        Field::SvcParams => svcb::check(octets),
        Field::Loc => loc::check(octets),
        Field::Rare(rare) => rare::check(rare, octets),
        Field::U8
        | Field::U16
        | Field::U32
        | Field::Period
        | Field::Time
        | Field::Type
        | Field::Algorithm
        | Field::CertType
        | Field::Ipv4
        | Field::Ipv6
        | Field::Name { .. }
        | Field::String
        | Field::Text
        | Field::Salt
        | Field::Eui48
        | Field::Eui64 => Ok(()),
    }
}

fn full(octets: &[u8], fault: &'static str) -> Result<(), &'static str> {
    if octets.is_empty() { Err(fault) } else { Ok(()) }
}

/// The name in the range of `embedded`; `None` if the octets there are no name.
pub fn target(rdata: &[u8], embedded: &EmbeddedName) -> Option<Name> {
    Some(Name::from_wire(rdata.get(embedded.range.clone())?).ok()?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::rtype;

    #[test]
    fn only_the_types_of_rfc_1035_are_compressed() {
        let soa = b"\x02ns\x00\x01h\x00aaaabbbbccccddddeeee";
        let found: Vec<_> = names(rtype::SOA, soa).map(|n| (n.range, n.compress)).collect();
        assert_eq!(found, [(0..4, true), (4..7, true)]);
        let srv = b"\x00\x01\x00\x02\x00\x03\x01a\x00";
        let found: Vec<_> = names(rtype::SRV, srv).map(|n| (n.range, n.compress)).collect();
        assert_eq!(found, [(6..9, false)]);
        assert_eq!(names(65280, b"\x01a\x00").count(), 0);
        assert_eq!(names(rtype::A, b"\x01\x02\x03\x04").count(), 0);
    }

    #[test]
    fn wire_that_no_field_list_explains_is_refused() {
        for (rtype, wire) in [
            (rtype::A, &b"\x01\x02\x03"[..]),
            (rtype::A, b"\x01\x02\x03\x04\x05"),
            (rtype::NS, b""),
            (rtype::NS, b"\x01a"),
            (rtype::NS, b"\xc0\x0c"),
            (rtype::NS, b"\x01a\x00x"),
            (rtype::TXT, b""),
            (rtype::TXT, b"\x02a"),
            (257, b"\x00\x00x"),
            (257, b"\x00\x01-x"),
            (rtype::DS, b"\x00\x01\x08\x02\xaa"),
            (rtype::DNSKEY, b"\x01\x00\x03\x0d"),
        ] {
            assert!(check(rtype, wire).is_err(), "{rtype} {wire:?}");
        }
        let long = [&[63u8; 64][..]].concat().repeat(4);
        assert!(check(rtype::NS, &long).is_err());
        assert_eq!(check(65280, b""), Ok(()));
    }
}
