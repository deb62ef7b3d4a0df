//! Reads and writes HIP up to the end of its key (RFC 8005 §5). On the wire, the lengths come
//! first. As text, there are three words: the algorithm, the tag in hex digits, the key in base 64.

use std::fmt;

use crate::zone::rdata::codec::{Base64, Hex, write_base64, write_hex};
use crate::zone::rdata::values;
use crate::zone::rdata::words::{WordFault, Words};

/// Octets of the two lengths and the algorithm.
const HEAD: usize = 4;

/// Reads the algorithm, the tag and the key.
pub fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let algorithm: u8 = values::plain(words, "an algorithm from 0 to 255", values::small)?;
    let tag = |text: &[u8]| {
        let (mut digits, mut octets) = (Hex::new(), vec![]);
        digits.read(text, &mut octets).filter(|()| digits.finish() && !octets.is_empty())?;
        Some(octets)
    };
    let tag = values::plain(words, "a host identity tag, in hex digits", tag)?;
    let key = |text: &[u8]| {
        let (mut digits, mut octets) = (Base64::new(), vec![]);
        digits.read(text, &mut octets).filter(|()| digits.finish() && !octets.is_empty())?;
        Some(octets)
    };
    let key = values::plain(words, "a key, as one word of base 64", key)?;
    let (Ok(tag_len), Ok(key_len)) = (u8::try_from(tag.len()), u16::try_from(key.len())) else {
        let help = "write a tag of at most 255 octets and a key of at most 65535";
        return Err(words.fault("the tag or the key is too long", help));
    };
    out.extend_from_slice(&[tag_len, algorithm]);
    out.extend_from_slice(&key_len.to_be_bytes());
    out.extend_from_slice(&tag);
    out.extend_from_slice(&key);
    Ok(())
}

/// Length in octets of the lengths, the algorithm, the tag and the key.
pub fn extent(rest: &[u8]) -> Result<usize, &'static str> {
    let (tag, key) = lengths(rest).ok_or("the data end before the key")?;
    Ok(HEAD + tag + key)
}

/// Checks that neither the tag nor the key is empty.
pub fn check(octets: &[u8]) -> Result<(), &'static str> {
    match lengths(octets) {
        Some((1.., 1..)) => Ok(()),
        _ => Err("the tag or the key is empty"),
    }
}

/// Writes the algorithm, the tag and the key.
pub fn write(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    let (tag, _) = lengths(octets).ok_or(fmt::Error)?;
    let (head, rest) = octets.split_at_checked(HEAD).ok_or(fmt::Error)?;
    let (tag, key) = rest.split_at_checked(tag).ok_or(fmt::Error)?;
    write!(f, "{} ", head.get(1).ok_or(fmt::Error)?)?;
    write_hex(f, tag)?;
    f.write_char(' ')?;
    write_base64(f, key)
}

/// Octets of the tag and of the key.
fn lengths(octets: &[u8]) -> Option<(usize, usize)> {
    let [tag, _, key, key_low] = *octets.first_chunk::<HEAD>()?;
    Some((usize::from(tag), usize::from(u16::from_be_bytes([key, key_low]))))
}
