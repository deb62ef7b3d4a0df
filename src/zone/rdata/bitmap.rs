//! Reads, checks and writes the type bitmaps of NSEC, NSEC3 and CSYNC (RFC 4034 §4.1.2): windows of
//! 256 types, each with the octets up to its last set bit.

use std::fmt;

use crate::zone::rdata::table::{type_name, type_number_of};
use crate::zone::rdata::words::{WordFault, Words};

const WANTED: &str = "a record type such as A, AAAA or TYPE65280";

/// Reads types to the end of the record, in any order.
pub fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let mut types = Vec::new();
    while let Some(word) = words.next() {
        match type_number_of(word.text) {
            Some(rtype) if !word.quoted => types.push(rtype),
            _ => return Err(words.unlike(word, WANTED)),
        }
    }
    types.sort_unstable();
    for window in types.chunk_by(|a, b| a >> 8 == b >> 8) {
        let mut bits = [0u8; 32];
        let mut used = 0;
        for rtype in window {
            let low = usize::from(rtype & 0xff);
            bits[low / 8] |= 0x80 >> (low % 8);
            used = low / 8 + 1;
        }
        out.extend(window.first().map(|rtype| (rtype >> 8) as u8));
        out.push(used as u8);
        out.extend_from_slice(&bits[..used]);
    }
    Ok(())
}

/// Checks that the windows are in ascending order, not empty and without zero octets at their ends.
pub fn check(bitmap: &[u8]) -> Result<(), &'static str> {
    const WRONG: &str = "the type bitmap is not as in RFC 4034 §4.1.2";
    let mut rest = bitmap;
    let mut next = 0;
    while let [window, len, tail @ ..] = rest {
        let (bits, tail) = tail.split_at_checked(usize::from(*len)).ok_or(WRONG)?;
        let bounded = (1..=32).contains(len) && bits.last() != Some(&0);
        if !bounded || u16::from(*window) < next {
            return Err(WRONG);
        }
        next = u16::from(*window) + 1;
        rest = tail;
    }
    if rest.is_empty() { Ok(()) } else { Err(WRONG) }
}

/// The types in a checked bitmap, in ascending order.
pub fn types(bitmap: &[u8]) -> impl Iterator<Item = u16> {
    let mut rest = bitmap;
    let windows = std::iter::from_fn(move || {
        let [window, len, tail @ ..] = rest else { return None };
        let (bits, tail) = tail.split_at_checked(usize::from(*len))?;
        rest = tail;
        Some((u16::from(*window) << 8, bits))
    });
    windows.flat_map(|(base, bits)| {
        (0u16..256).filter_map(move |low| {
            let byte = bits.get(usize::from(low / 8))?;
            (byte & (0x80 >> (low % 8)) != 0).then_some(base + low)
        })
    })
}

/// Writes the types by mnemonic or `TYPEnnn`, with spaces between them.
pub fn write(f: &mut impl fmt::Write, bitmap: &[u8]) -> fmt::Result {
    for (index, rtype) in types(bitmap).enumerate() {
        if index > 0 {
            f.write_char(' ')?;
        }
        write!(f, "{}", type_name(rtype))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_4034() {
        // RFC 4034 §4.3: A MX RRSIG NSEC TYPE1234
        let wire = [&[0, 6, 0x40, 1, 0, 0, 0, 3, 4, 27][..], &[0; 26], &[0x20]].concat();
        assert_eq!(check(&wire), Ok(()));
        let mut text = String::new();
        write(&mut text, &wire).unwrap();
        assert_eq!(text, "A MX RRSIG NSEC TYPE1234");
    }

    #[test]
    fn windows_are_trimmed_and_in_order() {
        for wrong in [
            &[0][..],
            &[0, 0],
            &[0, 33],
            &[0, 2, 0x40, 0],
            &[0, 1, 0x40, 0, 1, 0x40],
            &[1, 1, 0x40, 0, 1, 0x40],
        ] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(check(&[]), Ok(()));
    }
}
