//! Reads, checks and writes LOC (RFC 1876), a place on earth. Angles are thousandths of a second of
//! arc plus 2^31, altitude is centimetres above 100 km below sea level, sizes are one digit and a
//! power of ten.

use std::fmt;

use crate::zone::rdata::codec::number;
use crate::zone::rdata::words::{WordFault, Words};

const EQUATOR: u32 = 1 << 31;
const DEGREE: u32 = 3_600_000;
const SEA_LEVEL: i64 = 10_000_000;
/// Size 1 m, horizontal precision 10 km, vertical precision 10 m (RFC 1876 §3).
const DEFAULT_SIZES: [u8; 3] = [0x12, 0x16, 0x13];
const WANTED: &str = "a place such as 42 21 54 N 71 6 18 W -24m 30m";

/// Reads latitude, longitude, altitude, and up to three sizes; those left out are the defaults.
pub fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let latitude = angle(words, b"NS", 90)?;
    let longitude = angle(words, b"EW", 180)?;
    let text = words.want_plain("the altitude, such as -24m,")?;
    let altitude = centimetres(text)
        .and_then(|cm| u32::try_from(cm + SEA_LEVEL).ok())
        .ok_or_else(|| words.fault("the altitude is wrong", "write -100000.00m to 42849672.95m"))?;
    let mut sizes = DEFAULT_SIZES;
    for size in &mut sizes {
        let Some(word) = words.next() else { break };
        *size = centimetres(word.text).and_then(power_of_ten).ok_or_else(|| {
            words.fault("a size or precision is wrong", "write 0.00m to 90000000.00m")
        })?;
    }
    out.push(0); // version
    out.extend_from_slice(&sizes);
    for value in [latitude, longitude, altitude] {
        out.extend_from_slice(&value.to_be_bytes());
    }
    Ok(())
}

/// Reads degrees, optional minutes and seconds, and one letter of `sides`; the first is positive.
fn angle(words: &mut Words<'_>, sides: &[u8; 2], most: u32) -> Result<u32, WordFault> {
    let mut parts = [0u32; 3];
    for at in 0..4 {
        let text = words.want_plain(WANTED)?;
        let wrong =
            |words: &Words<'_>| words.fault("the place is wrong", format!("write {WANTED}"));
        if let [side] = text
            && let Some(positive) = sides.iter().position(|s| s == side)
            && at > 0
        {
            let total = parts[0] * DEGREE + parts[1] * 60_000 + parts[2];
            if parts[0] > most || total > most * DEGREE {
                return Err(wrong(words));
            }
            return Ok(if positive == 0 { EQUATOR + total } else { EQUATOR - total });
        }
        let value = match at {
            0 => number(text).filter(|degrees| *degrees <= most),
            1 => number(text).filter(|minutes| *minutes < 60),
            2 => decimal(text, 3).and_then(|ms| u32::try_from(ms).ok()).filter(|ms| *ms < 60_000),
            _ => None,
        };
        parts[at.min(2)] = value.ok_or_else(|| wrong(words))?;
    }
    Err(words.fault("the place is wrong", format!("write {WANTED}")))
}

/// `12.34m` → 1234.
fn centimetres(text: &[u8]) -> Option<i64> {
    let text = text.strip_suffix(b"m").or(text.strip_suffix(b"M")).unwrap_or(text);
    match text {
        [b'-', rest @ ..] => Some(-decimal(rest, 2)?),
        text => decimal(text, 2),
    }
}

/// A decimal number times ten to the power of `places`, the maximum of digits behind its dot.
fn decimal(text: &[u8], places: usize) -> Option<i64> {
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &b""[..]),
    };
    if fraction.len() > places || (text.contains(&b'.') && fraction.is_empty()) {
        return None;
    }
    let mut value = i64::from(number(whole)?);
    for place in 0..places {
        let digit = fraction.get(place).copied().unwrap_or(b'0');
        value = value * 10 + i64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    Some(value)
}

fn power_of_ten(centimetres: i64) -> Option<u8> {
    let mut value = u64::try_from(centimetres).ok()?;
    let mut power = 0;
    while value > 9 {
        value /= 10;
        power += 1;
    }
    (power <= 9).then_some((value as u8) << 4 | power)
}

/// Checks the version, the sizes and the angles.
pub fn check(octets: &[u8]) -> Result<(), &'static str> {
    let [version, sizes @ .., _, _, _, _] = octets else { return Err("the data are cut off") };
    if *version != 0 {
        return Err("the version is not 0 (RFC 1876 §2)");
    }
    let (sizes, angles) = sizes.split_at_checked(3).ok_or("the data are cut off")?;
    // A digit from 1 to 9 and a power of ten. Only a size of zero, 0x00, has the digit 0.
    let right = |size: &u8| size >> 4 <= 9 && size & 15 <= 9 && (size >> 4 > 0 || *size == 0);
    if !sizes.iter().all(right) {
        return Err("a size or precision is no digit and power of ten (RFC 1876 §2)");
    }
    for (angle, most) in angles.as_chunks::<4>().0.iter().zip([90, 180]) {
        if u32::from_be_bytes(*angle).abs_diff(EQUATOR) > most * DEGREE {
            return Err("the place is not on earth (RFC 1876 §2)");
        }
    }
    Ok(())
}

/// Writes all values, also those that are the defaults.
pub fn write(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    let Ok([_, size, horizontal, vertical, rest @ ..]) = <&[u8; 16]>::try_from(octets) else {
        return Err(fmt::Error);
    };
    let (values, _) = rest.as_chunks::<4>();
    for (value, sides) in values.iter().zip([['N', 'S'], ['E', 'W']]) {
        let value = u32::from_be_bytes(*value);
        let total = value.abs_diff(EQUATOR);
        let side = sides[usize::from(value < EQUATOR)];
        let (degrees, minutes, ms) = (total / DEGREE, total / 60_000 % 60, total % 60_000);
        write!(f, "{degrees} {minutes} {}.{:03} {side} ", ms / 1000, ms % 1000)?;
    }
    let altitude = values.last().map_or(0, |value| i64::from(u32::from_be_bytes(*value)));
    let altitude = altitude - SEA_LEVEL;
    let (sign, cm) = (if altitude < 0 { "-" } else { "" }, altitude.unsigned_abs());
    write!(f, "{sign}{}.{:02}m", cm / 100, cm % 100)?;
    for size in [size, horizontal, vertical] {
        let cm = u64::from(size >> 4) * 10u64.pow(u32::from(size & 15));
        write!(f, " {}.{:02}m", cm / 100, cm % 100)?;
    }
    Ok(())
}
