//! From when to when a certificate is valid, read from its DER.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0] EXPLICIT`, the version.
const VERSION: u8 = 0xa0;

/// Both ends of the validity of a certificate (RFC 5280 §4.1): the fourth field behind the version.
pub fn of(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (outer, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(outer, SEQUENCE)?;
    if let Some((_, behind)) = element(fields, VERSION) {
        fields = behind;
    }
    // Serial number, algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        fields = element(fields, tag)?.1;
    }
    let (validity, _) = element(fields, SEQUENCE)?;
    let (starts, rest) = time(validity)?;
    let (expires, _) = time(rest)?;
    Some((starts, expires))
}

/// The content of the DER element at the start, which must have this tag, and what follows it.
fn element(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let [tag, short, rest @ ..] = der else { return None };
    if *tag != wanted {
        return None;
    }
    let (length, rest) = match short {
        0..=0x7f => (usize::from(*short), rest),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(short - 0x80))?;
            (length.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// RFC 5280 §4.1.2.5: `YYMMDDhhmmssZ`, years from 1950, or `YYYYMMDDhhmmssZ`.
fn time(der: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (text, rest, century) = match element(der, UTC_TIME) {
        Some((text, rest)) if text < b"50".as_slice() => (text, rest, "20"),
        Some((text, rest)) => (text, rest, "19"),
        None => {
            let (text, rest) = element(der, GENERALIZED_TIME)?;
            (text, rest, "")
        }
    };
    let text = format!("{century}{}", std::str::from_utf8(text).ok()?);
    let civil = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some((civil.to_zoned(TimeZone::UTC).ok()?.timestamp(), rest))
}
