//! The one table of record types, with their numbers, mnemonics and fields.
//!
//! Whether a name may be compressed is part of its field: a sender may compress only the names
//! inside the types of RFC 1035, because every receiver supports these types (RFC 3597 §4).

use crate::zone::rtype::{
    A, AAAA, CDNSKEY, CDS, CNAME, DNAME, DNSKEY, DS, HTTPS, MX, NS, NSEC, NSEC3, NSEC3PARAM, OPT,
    RRSIG, SOA, SRV, SVCB, TXT,
};
use std::fmt;

use crate::zone::rdata::field::{Field, Rare};
use crate::zone::rdata::rare::gateway::check_ipseckey;
use crate::zone::rdata::rules::{
    check_ds, check_hash_length, check_key, check_sshfp, check_zonemd,
};

/// A rule over whole RDATA. An error is the fault in words.
pub type Check = fn(&[u8]) -> Result<(), &'static str>;

/// A row of the table: one record type.
#[derive(Debug, Clone, Copy)]
pub struct RrType {
    pub number: u16,
    pub mnemonic: &'static str,
    pub fields: &'static [Field],
    /// An additional rule, checked on RDATA with valid fields.
    pub check: Option<Check>,
}

const fn rr(number: u16, mnemonic: &'static str, fields: &'static [Field]) -> RrType {
    RrType { number, mnemonic, fields, check: None }
}

const fn checked(row: RrType, check: Check) -> RrType {
    RrType { check: Some(check), ..row }
}

const PACKED: Field = Field::Name { compress: true };
const PLAIN: Field = Field::Name { compress: false };
const DS_FIELDS: &[Field] = &[Field::U16, Field::Algorithm, Field::U8, Field::Hex];
const KEY_FIELDS: &[Field] = &[Field::U16, Field::U8, Field::Algorithm, Field::Base64];
const OLD_KEY_FIELDS: &[Field] =
    &[Field::U16, Field::U8, Field::Algorithm, Field::Rare(Rare::OptionalBase64)];
const SIGNATURE_FIELDS: &[Field] = &[
    Field::Type,
    Field::Algorithm,
    Field::U8,
    Field::Period,
    Field::Time,
    Field::Time,
    Field::U16,
    PLAIN,
    Field::Base64,
];
const TLSA_FIELDS: &[Field] = &[Field::U8, Field::U8, Field::U8, Field::Hex];
const SVCB_FIELDS: &[Field] = &[Field::U16, PLAIN, Field::SvcParams];
const MAIL_FIELDS: &[Field] = &[Field::U16, PLAIN];

/// The fields of types without a text form.
pub const OPAQUE: &[Field] = &[Field::Rare(Rare::Opaque)];

static TABLE: &[RrType] = &{
    use crate::zone::rdata::field::Field::*;
    use crate::zone::rdata::field::Rare as R;
    [
        rr(A, "A", &[Ipv4]),
        rr(NS, "NS", &[PACKED]),
        rr(3, "MD", &[PACKED]),
        rr(4, "MF", &[PACKED]),
        rr(CNAME, "CNAME", &[PACKED]),
        rr(SOA, "SOA", &[PACKED, PACKED, U32, Period, Period, Period, Period]),
        rr(7, "MB", &[PACKED]),
        rr(8, "MG", &[PACKED]),
        rr(9, "MR", &[PACKED]),
        rr(10, "NULL", OPAQUE),
        rr(11, "WKS", &[Ipv4, Rare(R::Services)]),
        rr(12, "PTR", &[PACKED]),
        rr(13, "HINFO", &[String, String]),
        rr(14, "MINFO", &[PACKED, PACKED]),
        rr(MX, "MX", &[U16, PACKED]),
        rr(TXT, "TXT", &[Strings]),
        rr(17, "RP", &[PLAIN, PLAIN]),
        rr(18, "AFSDB", MAIL_FIELDS),
        rr(19, "X25", &[String]),
        rr(20, "ISDN", &[String, Rare(R::OptionalString)]),
        rr(21, "RT", MAIL_FIELDS),
        rr(22, "NSAP", &[Rare(R::Nsap)]),
        rr(23, "NSAP-PTR", &[PLAIN]),
        rr(24, "SIG", SIGNATURE_FIELDS),
        checked(rr(25, "KEY", OLD_KEY_FIELDS), check_key),
        rr(26, "PX", &[U16, PLAIN, PLAIN]),
        rr(27, "GPOS", &[String, String, String]),
        rr(AAAA, "AAAA", &[Ipv6]),
        rr(29, "LOC", &[Loc]),
        rr(30, "NXT", &[PLAIN, Rare(R::FlatBitmap)]),
        rr(31, "EID", &[Hex]),
        rr(32, "NIMLOC", &[Hex]),
        rr(SRV, "SRV", &[U16, U16, U16, PLAIN]),
        rr(34, "ATMA", &[Rare(R::Atma)]),
        rr(35, "NAPTR", &[U16, U16, String, String, String, PLAIN]),
        rr(36, "KX", MAIL_FIELDS),
        rr(37, "CERT", &[CertType, U16, Algorithm, Base64]),
        rr(38, "A6", &[Rare(R::Suffix), Rare(R::PrefixName)]),
        rr(DNAME, "DNAME", &[PLAIN]),
        rr(40, "SINK", &[U8, U8, U8, Rare(R::OptionalBase64)]),
        rr(42, "APL", &[Rare(R::Prefixes)]),
        checked(rr(DS, "DS", DS_FIELDS), check_ds),
        checked(rr(44, "SSHFP", &[U8, U8, Hex]), check_sshfp),
        checked(
            rr(45, "IPSECKEY", &[U8, U8, U8, Rare(R::Gateway), Rare(R::OptionalBase64)]),
            check_ipseckey,
        ),
        rr(RRSIG, "RRSIG", SIGNATURE_FIELDS),
        rr(NSEC, "NSEC", &[PLAIN, Bitmap]),
        rr(DNSKEY, "DNSKEY", KEY_FIELDS),
        rr(49, "DHCID", &[Base64]),
        checked(rr(NSEC3, "NSEC3", &[U8, U8, U16, Salt, Base32, Bitmap]), check_hash_length),
        rr(NSEC3PARAM, "NSEC3PARAM", &[U8, U8, U16, Salt]),
        rr(52, "TLSA", TLSA_FIELDS),
        rr(53, "SMIMEA", TLSA_FIELDS),
        rr(55, "HIP", &[Rare(R::HostIdentity), Rare(R::Names)]),
        rr(56, "NINFO", &[Strings]),
        rr(57, "RKEY", KEY_FIELDS),
        rr(58, "TALINK", &[PLAIN, PLAIN]),
        checked(rr(CDS, "CDS", DS_FIELDS), check_ds),
        rr(CDNSKEY, "CDNSKEY", KEY_FIELDS),
        rr(61, "OPENPGPKEY", &[Base64]),
        rr(62, "CSYNC", &[U32, U16, Bitmap]),
        checked(rr(63, "ZONEMD", &[U32, U8, U8, Hex]), check_zonemd),
        rr(SVCB, "SVCB", SVCB_FIELDS),
        rr(HTTPS, "HTTPS", SVCB_FIELDS),
        rr(66, "DSYNC", &[Type, Rare(R::Scheme), U16, PLAIN]),
        rr(67, "HHIT", &[Base64]),
        rr(68, "BRID", &[Base64]),
        rr(99, "SPF", &[Strings]),
        rr(100, "UINFO", OPAQUE),
        rr(101, "UID", OPAQUE),
        rr(102, "GID", OPAQUE),
        rr(103, "UNSPEC", OPAQUE),
        rr(104, "NID", &[U16, Rare(R::Locator64)]),
        rr(105, "L32", &[U16, Rare(R::Locator32)]),
        rr(106, "L64", &[U16, Rare(R::Locator64)]),
        rr(107, "LP", MAIL_FIELDS),
        rr(108, "EUI48", &[Eui48]),
        rr(109, "EUI64", &[Eui64]),
        rr(256, "URI", &[U16, U16, Text]),
        rr(257, "CAA", &[U8, CaaTag, Text]),
        rr(258, "AVC", &[Strings]),
        rr(259, "DOA", &[U32, U32, U8, String, Rare(R::DashedBase64)]),
        rr(260, "AMTRELAY", &[U8, Rare(R::Relay), Rare(R::Gateway)]),
        rr(261, "RESINFO", &[Strings]),
        rr(262, "WALLET", &[Strings]),
        rr(263, "CLA", &[Strings]),
        rr(264, "IPN", &[Rare(R::U64)]),
        checked(rr(32768, "TA", DS_FIELDS), check_ds),
        checked(rr(32769, "DLV", DS_FIELDS), check_ds),
    ]
};

/// Types of questions and of messages, never of zone data.
const META: &[(u16, &str)] = &[
    (OPT, "OPT"),
    (249, "TKEY"),
    (250, "TSIG"),
    (251, "IXFR"),
    (252, "AXFR"),
    (253, "MAILB"),
    (254, "MAILA"),
    (255, "ANY"),
];

/// Numbers below this are found without a search.
const DENSE: usize = 265;
const NO_ROW: u8 = u8::MAX;
static ROW_OF: [u8; DENSE] = {
    let mut rows = [NO_ROW; DENSE];
    let mut at = 0;
    while at < TABLE.len() {
        if (TABLE[at].number as usize) < DENSE {
            rows[TABLE[at].number as usize] = at as u8;
        }
        at += 1;
    }
    rows
};

/// All rows, by number.
pub fn rows() -> impl Iterator<Item = &'static RrType> {
    TABLE.iter()
}

/// The row of a type; `None` for an unknown type, whose RDATA is only octets.
pub fn row(number: u16) -> Option<&'static RrType> {
    match ROW_OF.get(usize::from(number)) {
        Some(&at) => TABLE.get(usize::from(at)),
        None => TABLE.iter().find(|row| row.number == number),
    }
}

/// The number of a type by mnemonic or `TYPEnnn` (RFC 3597 §5), in any letter case. Meta types are
/// included.
pub fn type_number(text: &str) -> Option<u16> {
    type_number_of(text.as_bytes())
}

/// As [`type_number`], for octets of a zone file.
pub fn type_number_of(text: &[u8]) -> Option<u16> {
    let known = TABLE.iter().map(|row| (row.number, row.mnemonic)).chain(META.iter().copied());
    for (number, mnemonic) in known {
        if text.eq_ignore_ascii_case(mnemonic.as_bytes()) {
            return Some(number);
        }
    }
    numbered(text, "TYPE")
}

/// The number in `TYPEnnn`, `CLASSnnn` or `keynnn`: digits behind `prefix` in any letter case.
pub fn numbered(text: &[u8], prefix: &str) -> Option<u16> {
    let (head, digits) = text.split_at_checked(prefix.len())?;
    let plain = head.eq_ignore_ascii_case(prefix.as_bytes())
        && !digits.is_empty()
        && digits.iter().all(u8::is_ascii_digit);
    plain.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

/// Displays the number of a type as its mnemonic, or as `TYPEnnn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeName(pub u16);

/// The type `number` for display.
pub fn type_name(number: u16) -> TypeName {
    TypeName(number)
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meta = || META.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name);
        match row(self.0).map(|row| row.mnemonic).or_else(meta) {
            Some(mnemonic) => f.pad(mnemonic),
            None => f.pad(&format!("TYPE{}", self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::rtype::is_meta;

    #[test]
    fn mnemonics_and_numbers_agree() {
        for row_ in TABLE {
            assert_eq!(type_number(row_.mnemonic), Some(row_.number), "{}", row_.mnemonic);
            assert_eq!(type_name(row_.number).to_string(), row_.mnemonic);
            assert_eq!(row(row_.number).map(|r| r.mnemonic), Some(row_.mnemonic));
            assert!(!is_meta(row_.number));
        }
        assert!(TABLE.windows(2).all(|pair| pair[0].number < pair[1].number));
        assert!(TABLE.len() < usize::from(NO_ROW));
    }

    #[test]
    fn any_letter_case_and_rfc_3597_numbers() {
        assert_eq!(type_number("aaaa"), Some(AAAA));
        assert_eq!(type_number("type1"), Some(A));
        assert_eq!(type_number("TYPE65280"), Some(65280));
        assert_eq!(type_name(65280).to_string(), "TYPE65280");
        assert_eq!(type_number("any"), Some(255));
        for text in ["", "TYPE", "TYPE65536", "TYPE+1", "TYPE-1", "AAAAA", "TYPÉ1"] {
            assert_eq!(type_number(text), None, "{text}");
        }
        assert!(is_meta(0) && is_meta(OPT) && is_meta(252) && !is_meta(256));
    }
}
