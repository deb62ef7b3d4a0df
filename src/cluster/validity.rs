//! Reads the validity and other properties of a certificate from its DER.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0] EXPLICIT`, the version.
const VERSION: u8 = 0xa0;
/// Version 1, which is also the default.
const FIRST: &[u8] = &[0];

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub starts: Timestamp,
    /// `None` for a certificate without an end.
    pub ends: Option<Timestamp>,
}

/// The validity of a certificate; `None` if the octets are no certificate.
pub fn of(certificate: &[u8]) -> Option<Validity> {
    let (validity, _) = element(behind_issuer(certificate)?.1, SEQUENCE)?;
    let (starts, rest) = time(validity)?;
    let (ends, _) = time(rest)?;
    Some(Validity { starts: moment(starts)?, ends: moment(ends) })
}

/// Whether the certificate has version 1 of X.509, which has no server names.
pub fn is_version_one(certificate: &[u8]) -> bool {
    behind_issuer(certificate).is_some_and(|(version, _)| version == FIRST)
}

/// Whether the certificate has an RSA key of less than 2048 bits.
pub fn has_short_rsa_key(certificate: &[u8]) -> bool {
    // The object identifier without tag and length (RFC 3279 §2.3.1).
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    // Octets of a modulus of 2048 bits; exponent and framing come on top.
    const SHORTEST: usize = 2048 / 8;
    let key = || {
        let (_, fields) = behind_issuer(certificate)?;
        // Validity, subject.
        let fields = element(element(fields, SEQUENCE)?.1, SEQUENCE)?.1;
        let (key, _) = element(fields, SEQUENCE)?;
        let (algorithm, key) = element(key, SEQUENCE)?;
        let (algorithm, _) = element(algorithm, OBJECT_IDENTIFIER)?;
        let (key, _) = element(key, BIT_STRING)?;
        Some(algorithm == RSA && key.len() < SHORTEST)
    };
    key().unwrap_or(false)
}

/// The version, and the fields from the validity on (RFC 5280 §4.1).
fn behind_issuer(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let (outer, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(outer, SEQUENCE)?;
    let mut version = FIRST;
    if let Some((written, behind)) = element(fields, VERSION) {
        (version, fields) = (element(written, INTEGER)?.0, behind);
    }
    // Serial number, algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        fields = element(fields, tag)?.1;
    }
    Some((version, fields))
}

/// The content of the first DER element, which must have this tag, and the octets behind it.
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
fn time(der: &[u8]) -> Option<(DateTime, &[u8])> {
    let (text, rest, century) = match element(der, UTC_TIME) {
        Some((text, rest)) if text < b"50".as_slice() => (text, rest, "20"),
        Some((text, rest)) => (text, rest, "19"),
        None => {
            let (text, rest) = element(der, GENERALIZED_TIME)?;
            (text, rest, "")
        }
    };
    let text = format!("{century}{}", std::str::from_utf8(text).ok()?);
    Some((DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?, rest))
}

/// `None` for the last day of the year 9999, which is beyond the range of timestamps. Its last
/// second marks a certificate without an end (RFC 5280 §4.1.2.5).
fn moment(civil: DateTime) -> Option<Timestamp> {
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}
