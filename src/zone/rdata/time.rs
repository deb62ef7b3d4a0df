//! Reads and writes RRSIG times (RFC 4034 §3.2): `YYYYMMDDHHmmSS` in UTC, or seconds since 1970.
//!
//! On the wire, times are 32 bits that wrap in 2106; written out, they are times before that.

use std::fmt;

use crate::zone::rdata::codec::number;

/// Seconds since 1970, modulo 2^32; `None` if the text is no time.
pub fn read(text: &[u8]) -> Option<u32> {
    if text.len() != 14 {
        return number(text);
    }
    let part = |from: usize, to: usize| number(text.get(from..to)?);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let sane = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !sane {
        return None;
    }
    let days: u64 = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum::<u64>()
        + (1..month).map(|month| u64::from(days_in(year, month))).sum::<u64>()
        + u64::from(day - 1);
    let seconds = days * 86_400 + u64::from(hour * 3600 + minute * 60 + second);
    Some(seconds as u32) // serial arithmetic: times after 2106 wrap (RFC 4034 §3.1.5)
}

/// Writes the time as `YYYYMMDDHHmmSS`.
pub fn write(f: &mut impl fmt::Write, seconds: u32) -> fmt::Result {
    let mut days = seconds / 86_400;
    let mut year = 1970;
    while days >= 365 + u32::from(is_leap(year)) {
        days -= 365 + u32::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    while days >= days_in(year, month) {
        days -= days_in(year, month);
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    write!(f, "{year:04}{month:02}{:02}{hour:02}{minute:02}{second:02}", days + 1)
}

fn is_leap(year: u32) -> bool {
    (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_back() {
        for (text, seconds) in [
            ("19700101000000", 0),
            ("20030322173103", 1_048_354_263), // the example of RFC 4034 §3.3
            ("20240229235959", 1_709_251_199),
            ("21060207062815", u32::MAX),
        ] {
            assert_eq!(read(text.as_bytes()), Some(seconds));
            let mut written = String::new();
            write(&mut written, seconds).unwrap();
            assert_eq!(written, text);
        }
        assert_eq!(read(b"1048354263"), Some(1_048_354_263));
        for text in ["20230229000000", "20231301000000", "20230101240000", "2023010100000a"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
