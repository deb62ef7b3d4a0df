//! Reads words of a master file as the octets of one value: a number, an address, a name, a string.

use std::net::Ipv6Addr;

use crate::zone::name::Name;
use crate::zone::name_fault::NameFault;
use crate::zone::rdata::codec::{self, number, unescape_into};
use crate::zone::rdata::words::{Word, WordFault, Words, shown};

/// What messages ask for where an IPv4 address is missing or wrong.
pub const WANTED_IPV4: &str = "an IPv4 address such as 192.0.2.1";
/// What messages ask for where an IPv6 address is missing or wrong.
pub const WANTED_IPV6: &str = "an IPv6 address such as 2001:db8::1";
const WANTED_NAME: &str = "a name such as www or www.example.com.";

/// Reads one unquoted word by `read`. `wanted` is a noun for messages, as in [`Words::want`].
pub fn plain<'a, T>(
    words: &mut Words<'a>,
    wanted: &str,
    read: impl Fn(&'a [u8]) -> Option<T>,
) -> Result<T, WordFault> {
    let word = words.want(wanted)?;
    let value = if word.quoted { None } else { read(word.text) };
    value.ok_or_else(|| words.unlike(word, wanted))
}

/// A decimal number that fits into `T`.
pub fn small<T: TryFrom<u32>>(text: &[u8]) -> Option<T> {
    number(text).and_then(|value| T::try_from(value).ok())
}

/// A dotted quad, parsed by hand for speed: large zones consist mostly of addresses. Leading zeros
/// are refused, because some programs read them as octal.
pub fn ipv4(text: &[u8]) -> Option<[u8; 4]> {
    let mut octets = [0u8; 4];
    let mut at = 0;
    let mut value = 0u32;
    let mut digits = 0;
    for &byte in text {
        if byte == b'.' {
            if digits == 0 || at == 3 {
                return None;
            }
            octets[at] = value as u8;
            (at, value, digits) = (at + 1, 0, 0);
            continue;
        }
        let digit = u32::from(byte.wrapping_sub(b'0'));
        value = value * 10 + digit;
        if digit > 9 || value > 255 || (digits > 0 && value < 10) {
            return None;
        }
        digits += 1;
    }
    if at != 3 || digits == 0 {
        return None;
    }
    octets[3] = value as u8;
    Some(octets)
}

/// An IPv6 address in any of its text forms.
pub fn ipv6(text: &[u8]) -> Option<[u8; 16]> {
    Some(std::str::from_utf8(text).ok()?.parse::<Ipv6Addr>().ok()?.octets())
}

/// Hex pairs with hyphens between them (RFC 7043 §3.2).
pub fn eui<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut octets = Vec::with_capacity(N);
    for pair in text.split(|byte| *byte == b'-') {
        let mut digits = codec::Hex::new();
        digits.read(pair, &mut octets).filter(|()| pair.len() == 2)?;
    }
    octets.try_into().ok()
}

/// Reads a name; `@` is the origin.
pub fn name(words: &mut Words<'_>, origin: &Name, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let word = words.want(WANTED_NAME)?;
    if word.quoted {
        return Err(words.fault("a name stands in quotes", "write it without quotes"));
    }
    if word.text == b"@" {
        out.extend_from_slice(origin.as_wire());
        return Ok(());
    }
    Name::append_relative(word.text, origin, out)
        .map_err(|fault| name_fault(words, word.text, &fault))
}

/// The fault that `text`, the word read last, is no name.
pub fn name_fault(words: &Words<'_>, text: &[u8], fault: &NameFault) -> WordFault {
    let help = fault.help().unwrap_or(match fault {
        NameFault::EmptyLabel => "write one dot between two labels, and @ for the origin",
        NameFault::BadEscape => "write \\046 or \\. for a dot inside a label",
        _ => "shorten it",
    });
    words.fault(format!("{} is no name: {fault}", shown(text)), help)
}

/// Reads one word as a character-string: at most 255 octets behind their length.
pub fn string(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let word = words.want("a string in quotes")?;
    // The lexer allows a quote inside a word only behind an equals sign.
    if !word.quoted && word.text.windows(2).any(|pair| pair == b"=\"") {
        return Err(words.fault(
            "a quote inside a word",
            "put the whole string in quotes, and \
                                                         write \\\" for a quote inside",
        ));
    }
    let start = out.len();
    out.push(0);
    unescape_into(word.text, out).ok_or_else(|| bad_escape(words))?;
    let len = out.len() - start - 1;
    match (u8::try_from(len), out.get_mut(start)) {
        (Ok(len), Some(place)) => *place = len,
        _ => {
            let message = format!("a string of {len} octets; 255 are the most (RFC 1035 §3.3)");
            return Err(words.fault(message, "split it: \"first part\" \"second part\""));
        }
    }
    Ok(())
}

/// The fault that the word read last has an invalid backslash.
pub fn bad_escape(words: &Words<'_>) -> WordFault {
    words.fault(
        "a backslash is followed by three digits up to 255 or by one other character",
        "write \\\\ for a backslash",
    )
}

/// Reads all remaining words as the digits of one value.
pub fn digits<const BITS: u32>(
    mut digits: codec::Digits<BITS>,
    words: &mut Words<'_>,
    out: &mut Vec<u8>,
    wanted: &str,
) -> Result<(), WordFault> {
    loop {
        let word = words.want(wanted)?;
        if word.quoted || digits.read(word.text, out).is_none() {
            return Err(words.unlike(word, wanted));
        }
        if words.is_empty() {
            return match digits.finish() {
                true => Ok(()),
                false => {
                    Err(words.fault("the digits end inside an octet", "copy them again, whole"))
                }
            };
        }
    }
}

/// Reads `text`, the word read last, as digits. Stores their octets (1 to 255) behind their number.
pub fn counted<const BITS: u32>(
    mut digits: codec::Digits<BITS>,
    text: &[u8],
    words: &Words<'_>,
    out: &mut Vec<u8>,
    wanted: &str,
) -> Result<(), WordFault> {
    let start = out.len();
    out.push(0);
    let read = digits.read(text, out).filter(|()| digits.finish());
    let len = u8::try_from(out.len() - start - 1);
    match (read, len, out.get_mut(start)) {
        (Some(()), Ok(len @ 1..), Some(place)) => {
            *place = len;
            Ok(())
        }
        _ => Err(words.unlike(Word { text, quoted: false }, wanted)),
    }
}

/// The value in `table` whose name is `text`, in any letter case.
pub fn among<T: Copy>(table: &[(T, &str)], text: &[u8]) -> Option<T> {
    let found = table.iter().find(|(_, name)| text.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(value, _)| *value)
}
