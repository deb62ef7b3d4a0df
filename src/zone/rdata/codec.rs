//! Reads and writes the text forms of values, whatever their field: numbers, periods,
//! character-strings, hex, base 32 and base 64.

use std::fmt;

use crate::zone::name::{MAX_NAME, unescape};

/// A number below 2^32 in decimal digits only: no sign, no space, no other base.
pub fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 10 {
        return None;
    }
    let mut value = 0u64;
    for &byte in text {
        value = value * 10 + u64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    u32::try_from(value).ok()
}

/// A number of seconds, or the sum of numbers with the units w, d, h, m and s.
pub fn period(text: &[u8]) -> Option<u32> {
    if let Some(seconds) = number(text) {
        return Some(seconds);
    }
    let mut total = 0u32;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (value, tail) = rest.split_at_checked(digits)?;
        let (&unit, tail) = tail.split_first()?;
        let seconds = match unit.to_ascii_lowercase() {
            b'w' => 604_800,
            b'd' => 86_400,
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        total = total.checked_add(number(value)?.checked_mul(seconds)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// Appends `text` with the escapes `\DDD` and `\X` resolved; `None` if another backslash is in it.
pub fn unescape_into(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if !text.contains(&b'\\') {
        out.extend_from_slice(text);
        return Some(());
    }
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'\\' {
            let (byte, tail) = unescape(rest).ok()?;
            out.push(byte);
            rest = tail;
        } else {
            out.push(byte);
        }
    }
    Some(())
}

/// Writes octets as a quoted string that reads back as the same octets.
pub fn write_quoted(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    f.write_char('"')?;
    for &byte in octets {
        match byte {
            b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
            b' '..=b'~' => f.write_char(char::from(byte))?,
            _ => write!(f, "\\{byte:03}")?,
        }
    }
    f.write_char('"')
}

/// Writes octets as hex digits in upper case.
pub fn write_hex(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    octets.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
}

/// Converts digits of `BITS` bits to octets. A value may be split into words anywhere, so the state
/// is kept between words.
#[derive(Debug)]
pub struct Digits<const BITS: u32> {
    pending: u32,
    bits: u32,
    digits: usize,
    padding: usize,
}

/// Hex digits in either letter case.
pub type Hex = Digits<4>;
/// Base 32 with the extended hex alphabet in either letter case (RFC 4648 §7).
pub type Base32 = Digits<5>;
/// Base 64 with padding (RFC 4648 §4).
pub type Base64 = Digits<6>;

impl<const BITS: u32> Digits<BITS> {
    pub fn new() -> Self {
        Digits { pending: 0, bits: 0, digits: 0, padding: 0 }
    }

    /// Appends the octets that are complete to `out`. `None` if `text` has anything but digits, or
    /// digits behind padding.
    pub fn read(&mut self, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
        for &byte in text {
            if byte == b'=' && BITS == 6 {
                self.padding += 1;
                continue;
            }
            if self.padding > 0 {
                return None;
            }
            self.pending = (self.pending << BITS) | digit::<BITS>(byte)?;
            self.bits += BITS;
            self.digits += 1;
            if self.bits >= 8 {
                self.bits -= 8;
                out.push((self.pending >> self.bits) as u8);
                self.pending &= (1 << self.bits) - 1;
            }
        }
        Some(())
    }

    /// Whether the digits ended at an octet, with zeros in the bits left over (RFC 4648 §3.5)
    /// and, in base 64, the padding that fills a group of four.
    pub fn finish(self) -> bool {
        let whole = self.bits < BITS && self.pending == 0;
        let padded =
            BITS != 6 || (self.padding < 3 && (self.digits + self.padding).is_multiple_of(4));
        whole && padded
    }
}

impl<const BITS: u32> Default for Digits<BITS> {
    fn default() -> Self {
        Digits::new()
    }
}

fn digit<const BITS: u32>(byte: u8) -> Option<u32> {
    let value = match (BITS, byte) {
        (6, b'A'..=b'Z') => byte - b'A',
        (6, b'a'..=b'z') => byte - b'a' + 26,
        (6, b'0'..=b'9') => byte - b'0' + 52,
        (6, b'+') => 62,
        (6, b'/') => 63,
        (4 | 5, b'0'..=b'9') => byte - b'0',
        (4, b'a'..=b'f') | (5, b'a'..=b'v') => byte - b'a' + 10,
        (4, b'A'..=b'F') | (5, b'A'..=b'V') => byte - b'A' + 10,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Writes octets in base 64 with padding (RFC 4648 §4).
pub fn write_base64(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in octets.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = (at(0) << 16) | (at(1) << 8) | at(2);
        for place in 0..4u32 {
            let index = (bits >> (18 - 6 * place)) & 63;
            let used = place as usize <= group.len();
            f.write_char(if used { char::from(ALPHABET[index as usize]) } else { '=' })?;
        }
    }
    Ok(())
}

/// Base 32 with the extended hex alphabet, without padding (RFC 4648 §7, RFC 5155 §3.3).
pub fn write_base32(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
    let (mut pending, mut bits) = (0u32, 0);
    for &byte in octets {
        pending = (pending << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            f.write_char(char::from(ALPHABET[(pending >> bits) as usize & 31]))?;
        }
        pending &= (1 << bits) - 1;
    }
    if bits > 0 {
        f.write_char(char::from(ALPHABET[(pending << (5 - bits)) as usize & 31]))?;
    }
    Ok(())
}

/// Octets of the uncompressed name at the start of `rest`.
pub fn name_extent(rest: &[u8]) -> Result<usize, &'static str> {
    let mut at = 0;
    loop {
        match rest.get(at) {
            None => return Err("a name is cut off"),
            Some(0) => return Ok(at + 1),
            Some(len @ 1..=63) => at += 1 + usize::from(*len),
            Some(_) => return Err("a name inside the data is compressed or has no end"),
        }
        if at >= MAX_NAME {
            return Err("a name is at most 255 octets long");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_units() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("1h30m", Some(5400)),
            ("1W2D3h4M5s", Some(788_645)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("8000w", None),
            ("1h30", None),
            ("1h1H", Some(7200)),
            ("h", None),
            ("", None),
            ("-1", None),
        ] {
            assert_eq!(period(text.as_bytes()), seconds, "{text}");
        }
    }

    #[test]
    fn octets_survive_every_base() {
        for len in 0..9u8 {
            let octets: Vec<u8> = (0..len).map(|i| i.wrapping_mul(91) ^ 0xa5).collect();
            let mut text = String::new();
            write_base64(&mut text, &octets).unwrap();
            assert_eq!(decoded(Base64::new(), &text), Some(octets.clone()));
            text.clear();
            write_base32(&mut text, &octets).unwrap();
            assert_eq!(decoded(Base32::new(), &text), Some(octets.clone()));
            text.clear();
            write_hex(&mut text, &octets).unwrap();
            assert_eq!(decoded(Hex::new(), &text), Some(octets));
        }
    }

    #[test]
    fn torn_digits_are_refused() {
        for text in ["A", "AB==", "AAA", "AA=", "AAAA====", "A=AA", "AA==AA==", "=", "A-__"] {
            assert_eq!(decoded(Base64::new(), text), None, "{text}");
        }
        for text in ["1", "abc", "0g"] {
            assert_eq!(decoded(Hex::new(), text), None, "{text}");
        }
        assert_eq!(decoded(Base32::new(), "0w"), None);
        assert_eq!(decoded(Base32::new(), "0"), None);
    }

    fn decoded<const BITS: u32>(mut digits: Digits<BITS>, text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        digits.read(text.as_bytes(), &mut out)?;
        digits.finish().then_some(out)
    }
}
