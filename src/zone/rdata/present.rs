//! RDATA → text that reads back as the same octets: for `query`, dumps and messages.

use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::zone::name::Name;
use crate::zone::rdata::codec::{write_base32, write_base64, write_hex, write_quoted};
use crate::zone::rdata::table::{Field, row, type_name};
use crate::zone::rdata::walk::{self, Fields};
use crate::zone::rdata::{bitmap, loc, svcb, time};

/// Uncompressed RDATA as text. Octets that are not what the type asks for, and types without a
/// row, are shown as `\# length hex` (RFC 3597 §5).
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    pub rtype: u16,
    pub rdata: &'a [u8],
}

impl fmt::Display for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(row) = row(self.rtype).filter(|_| walk::check(self.rtype, self.rdata).is_ok())
        else {
            write!(f, "\\# {}", self.rdata.len())?;
            if !self.rdata.is_empty() {
                f.write_char(' ')?;
            }
            return write_hex(f, self.rdata);
        };
        for (index, item) in Fields::new(row, self.rdata).enumerate() {
            let (field, range) = item.map_err(|_| fmt::Error)?;
            let octets = self.rdata.get(range).ok_or(fmt::Error)?;
            let empty = octets.is_empty() && matches!(field, Field::Bitmap | Field::SvcParams);
            if index > 0 && !empty {
                f.write_char(' ')?;
            }
            write_field(f, field, octets)?;
        }
        Ok(())
    }
}

fn write_field(f: &mut fmt::Formatter<'_>, field: Field, octets: &[u8]) -> fmt::Result {
    let number = octets.iter().take(4).fold(0u32, |value, byte| value << 8 | u32::from(*byte));
    let counted = octets.get(1..).unwrap_or_default();
    match field {
        Field::U8
        | Field::Algorithm
        | Field::U16
        | Field::CertType
        | Field::U32
        | Field::Period => {
            write!(f, "{number}")
        }
        Field::Time => time::write(f, number),
        Field::Type => write!(f, "{}", type_name(number as u16)),
        Field::Ipv4 => write!(f, "{}", Ipv4Addr::from(number)),
        Field::Ipv6 => {
            let octets = <[u8; 16]>::try_from(octets).map_err(|_| fmt::Error)?;
            write!(f, "{}", Ipv6Addr::from(octets))
        }
        Field::Name { .. } => {
            write!(f, "{}", Name::from_wire(octets).map_err(|_| fmt::Error)?.0)
        }
        Field::String => write_quoted(f, counted),
        Field::Strings => {
            let mut rest = octets;
            while let Some((len, tail)) = rest.split_first() {
                if rest.len() != octets.len() {
                    f.write_char(' ')?;
                }
                let (string, tail) = tail.split_at_checked(usize::from(*len)).ok_or(fmt::Error)?;
                write_quoted(f, string)?;
                rest = tail;
            }
            Ok(())
        }
        Field::CaaTag => counted.iter().try_for_each(|byte| f.write_char(char::from(*byte))),
        Field::Text => write_quoted(f, octets),
        Field::Base64 => write_base64(f, octets),
        Field::Hex => write_hex(f, octets),
        Field::Salt if counted.is_empty() => f.write_char('-'),
        Field::Salt => write_hex(f, counted),
        Field::Base32 => write_base32(f, counted),
        Field::Bitmap => bitmap::write(f, octets),
        Field::SvcParams => svcb::write(f, octets),
        Field::Loc => loc::write(f, octets),
        Field::Eui48 | Field::Eui64 => octets.iter().enumerate().try_for_each(|(index, byte)| {
            let hyphen = if index > 0 { "-" } else { "" };
            write!(f, "{hyphen}{byte:02x}")
        }),
    }
}
