//! Writes RDATA as text that reads back as the same octets: for `query`, dumps and messages.

use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::zone::name::Name;
use crate::zone::rdata::codec::{write_base32, write_base64, write_hex, write_quoted};
use crate::zone::rdata::field::Field;
use crate::zone::rdata::table::{row, type_name};
use crate::zone::rdata::walk::{self, Fields};
use crate::zone::rdata::{bitmap, loc, rare, svcb, time};

/// Uncompressed RDATA as text. Octets that are invalid for the type, and types without a row, are
/// shown as `\# length hex` (RFC 3597 §5).
#[derive(Debug, Clone, Copy)]
pub struct RdataText<'a> {
    pub rtype: u16,
    pub rdata: &'a [u8],
}

impl fmt::Display for RdataText<'_> {
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
            let may_be_absent = match field {
                Field::Rare(rare) => rare::may_be_absent(rare),
                field => matches!(field, Field::Bitmap | Field::SvcParams),
            };
            let empty = octets.is_empty() && may_be_absent;
            if index > 0 && !empty {
                f.write_char(' ')?;
            }
            match field {
                Field::Rare(rare) => rare::write(rare, f, octets, self.rdata)?,
                field => write_field(f, field, octets)?,
            }
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
        // Written by the caller, which has the whole RDATA.
        Field::Rare(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::rdata::parse::parse;
    use crate::zone::rdata::table::type_number;
    use crate::zone::rdata::words::{WordFault, Words};
    use crate::zone::read::lexer::Lexer;

    fn wire(rtype: u16, text: &str) -> Result<Vec<u8>, WordFault> {
        let mut tokens = Vec::new();
        Lexer::new(text.as_bytes()).entry(&mut tokens).unwrap().unwrap();
        let mut out = Vec::new();
        let origin = Name::parse("example.com").unwrap();
        parse(rtype, &mut Words::new(text.as_bytes(), &tokens, 0), &origin, &mut out)?;
        Ok(out)
    }

    /// Mnemonic and data, and the data as shown, if that is another text.
    const TEXTS: &[(&str, &str, &str)] = &[
        ("A", "192.0.2.1", ""),
        ("AAAA", "2001:DB8:0::1", "2001:db8::1"),
        ("NS", "ns1", "ns1.example.com."),
        ("SOA", "@ h. 1 4h 1h30m 2w 300", "example.com. h. 1 14400 5400 1209600 300"),
        ("CNAME", "a\\.b.", ""),
        ("DNAME", ".", ""),
        ("MX", "10 Mail.", ""),
        (
            "TXT",
            "one \"t w o\" \"\" \\000\\\"\\;é",
            "\"one\" \"t w o\" \"\" \"\\000\\\";\\195\\169\"",
        ),
        ("SPF", "\"v=spf1 -all\"", ""),
        ("SRV", "0 65535 443 a.", ""),
        ("CAA", "128 issue letsencrypt.org", "128 issue \"letsencrypt.org\""),
        ("CAA", "0 issue \"\"", ""),
        ("PTR", "a.", ""),
        (
            "NAPTR",
            "1 2 u E2U+sip \"!^.*$!sip:a@b!\" .",
            "1 2 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b!\" .",
        ),
        ("SSHFP", "1 3 aaBB cc", "1 3 AABBCC"),
        ("TLSA", "3 1 0 00ff", "3 1 0 00FF"),
        ("SMIMEA", "3 1 0 00FF", ""),
        ("SVCB", "0 a.", ""),
        (
            "SVCB",
            "1 . port=53 mandatory=port,alpn alpn=dot",
            "1 . mandatory=alpn,port alpn=\"dot\" port=53",
        ),
        (
            "HTTPS",
            "1 . ipv6hint=2001:db8::1,::2 ipv4hint=192.0.2.1,192.0.2.2",
            "1 . ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1,::2",
        ),
        // RFC 9460 appendix D: a comma and a backslash inside a protocol
        ("SVCB", "16 a. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"", ""),
        ("SVCB", "16 a. alpn=f\\\\\\092oo\\092,bar,h2", "16 a. alpn=\"f\\\\\\\\oo\\\\,bar,h2\""),
        ("SVCB", "1 a. key667=hello\\210qoo key668", "1 a. key667=\"hello\\210qoo\" key668"),
        (
            "SVCB",
            "1 a. key1=\\002h2 ohttp dohpath=/q{?dns} ech=AQI=",
            "1 a. alpn=\"h2\" ech=AQI= dohpath=\"/q{?dns}\" ohttp",
        ),
        (
            "DS",
            "1 RSASHA256 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
            "1 8 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
        ),
        ("CDS", "0 0 0 00", ""),
        ("DNSKEY", "257 3 ED25519 AQID BA==", "257 3 15 AQIDBA=="),
        ("CDNSKEY", "0 3 0 AA==", ""),
        (
            "RRSIG",
            "TYPE65280 8 2 1h 20380101000000 0 7 @ AQ==",
            "TYPE65280 8 2 3600 20380101000000 19700101000000 7 example.com. AQ==",
        ),
        ("NSEC", "a. TYPE65280 A CAA aaaa", "a. A AAAA CAA TYPE65280"),
        (
            "NSEC3",
            "1 1 12 aabb 2t7b4g4vsa5smi47k61mv5bv1a22bojr A",
            "1 1 12 AABB 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A",
        ),
        ("NSEC3", "1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR", ""),
        ("NSEC3PARAM", "1 0 0 -", ""),
        ("ZONEMD", "1 240 240 000102030405060708090A0B", ""),
        (
            "LOC",
            "42 21 54 N 71 06 18 W -24m 30m",
            "42 21 54.000 N 71 6 18.000 W -24.00m 30.00m 10000.00m 10.00m",
        ),
        (
            "LOC",
            "90 S 180 E 42849672.95m 90000000m 0 0.01m",
            "90 0 0.000 S 180 0 0.000 E 42849672.95m 90000000.00m 0.00m 0.01m",
        ),
        ("RP", "a. .", ""),
        ("URI", "1 2 \"https://a/\"", ""),
        ("HINFO", "PC \"L x\"", "\"PC\" \"L x\""),
        ("AFSDB", "1 a.", ""),
        ("CERT", "PKIX 1 RSASHA256 AQID", "1 1 8 AQID"),
        ("OPENPGPKEY", "AQ ID", "AQID"),
        ("EUI48", "00-00-5E-00-53-2a", "00-00-5e-00-53-2a"),
        ("EUI64", "00-00-5e-ef-10-00-00-2a", ""),
        ("CSYNC", "66 3 A NS AAAA", ""),
        ("NULL", "\\# 3 010203", ""),
        ("WKS", "192.0.2.1 tcp SMTP 80 25", "192.0.2.1 6 25 80"),
        ("WKS", "192.0.2.1 17", ""),
        ("X25", "\"311061700956\"", ""),
        ("ISDN", "150862028003217 004", "\"150862028003217\" \"004\""),
        ("ISDN", "\"150862028003217\"", ""),
        ("RT", "10 a.", ""),
        ("NSAP", "0x47.0005.80", "0x47000580"),
        ("NSAP-PTR", "a.", ""),
        (
            "SIG",
            "A 1 3 1h 20300101000000 20200101000000 7 @ AQ==",
            "A 1 3 3600 20300101000000 20200101000000 7 example.com. AQ==",
        ),
        ("KEY", "256 3 RSASHA1 AQID", "256 3 5 AQID"),
        ("KEY", "49152 3 5", ""),
        ("PX", "10 a. b.", ""),
        ("GPOS", "-32.7 116.9 10.0", "\"-32.7\" \"116.9\" \"10.0\""),
        ("NXT", "a. NXT SIG A", "a. A SIG NXT"),
        ("EID", "e32c 6f", "E32C6F"),
        ("ATMA", "39.24", "3924"),
        ("ATMA", "+61200000000", ""),
        ("A6", "0 2001:db8::1", ""),
        ("A6", "65 ffff::1:2:3:4 a.", "65 ::1:2:3:4 a."),
        ("A6", "128 a.", ""),
        ("SINK", "8 0 1 AQID", ""),
        (
            "APL",
            "1:192.0.2.0/24 !1:192.0.2.17/32 2:2001:DB8::/32",
            "1:192.0.2.0/24 \
            !1:192.0.2.17/32 2:2001:db8::/32",
        ),
        ("APL", "1:0.0.0.0/0", ""),
        ("IPSECKEY", "10 0 2 . AQID", ""),
        ("IPSECKEY", "10 1 0 192.0.2.38", ""),
        ("IPSECKEY", "10 2 2 2001:db8::1 AQ ID", "10 2 2 2001:db8::1 AQID"),
        ("IPSECKEY", "10 3 2 a AQID", "10 3 2 a.example.com. AQID"),
        ("HIP", "2 200100 AQID", ""),
        ("HIP", "2 2001 AQID a b.", "2 2001 AQID a.example.com. b."),
        ("RKEY", "0 255 1 AQID", ""),
        ("TALINK", "a. .", ""),
        ("DSYNC", "CDS notify 5359 a.", "CDS NOTIFY 5359 a."),
        ("DSYNC", "TYPE65280 9 0 a.", ""),
        ("NID", "10 14:4FFF:ff20:ee64", "10 0014:4fff:ff20:ee64"),
        ("L32", "10 10.1.2.0", ""),
        ("L64", "10 2001:0db8:1140:1000", ""),
        ("DOA", "0 4294967295 1 image/gif AQ ID", "0 4294967295 1 \"image/gif\" AQID"),
        ("DOA", "0 1 2 \"\" -", ""),
        ("AMTRELAY", "0 0 0 .", ""),
        ("AMTRELAY", "255 1 1 203.0.113.15", ""),
        ("AMTRELAY", "10 0 2 2001:db8::15", ""),
        ("AMTRELAY", "128 1 3 a.", ""),
        ("RESINFO", "qnamemin exterr=15", "\"qnamemin\" \"exterr=15\""),
        ("IPN", "18446744073709551615", ""),
        ("TYPE65280", "\\# 3 abcd ef", "\\# 3 ABCDEF"),
        ("TYPE65280", "\\# 0", ""),
        ("A", "\\# 4 c0000201", "192.0.2.1"),
    ];

    #[test]
    fn each_type_is_written_as_it_is_read() {
        for (mnemonic, text, shown) in TEXTS {
            let rtype = type_number(mnemonic).unwrap();
            let shown = if shown.is_empty() { text } else { shown };
            let rdata = wire(rtype, text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
            assert_eq!(walk::check(rtype, &rdata), Ok(()), "{mnemonic} {text}");
            let written = RdataText { rtype, rdata: &rdata }.to_string();
            assert_eq!(&written, shown, "{mnemonic}");
            assert_eq!(wire(rtype, &written), Ok(rdata), "{mnemonic}");
        }
    }

    #[test]
    fn words_that_a_type_does_not_take_are_refused() {
        for (mnemonic, text) in [
            ("NULL", "abc"),
            ("UID", "1"),
            ("WKS", "192.0.2.1 tcp nonsense"),
            ("WKS", "192.0.2.1"),
            ("NSAP", "47000580"),
            ("NSAP", "0x470"),
            ("KEY", "256 3 5"),
            ("KEY", "49152 3 5 AQID"),
            ("NXT", "a. CAA"),
            ("ATMA", "+6120x"),
            ("A6", "129 a."),
            ("A6", "64 ::1"),
            ("APL", "1:192.0.2.0"),
            ("APL", "1:192.0.2.0/33"),
            ("APL", "3:192.0.2.0/24"),
            ("APL", "!2:192.0.2.0/24"),
            ("IPSECKEY", "10 0 2 192.0.2.38 AQID"),
            ("IPSECKEY", "10 1 2 2001:db8::1 AQID"),
            ("IPSECKEY", "10 4 2 a. AQID"),
            ("IPSECKEY", "10 129 2 192.0.2.38 AQID"),
            ("AMTRELAY", "10 2 1 192.0.2.38"),
            ("AMTRELAY", "10 0 4 a."),
            ("HIP", "2 200 AQID"),
            ("HIP", "2 2001"),
            ("NID", "10 14:4fff:ff20"),
            ("NID", "10 14:4fff:ff20:ee64f"),
            ("L32", "10 256.1.2.0"),
            ("DSYNC", "CDS 256 1 a."),
            ("IPN", "18446744073709551616"),
            ("IPN", "-1"),
        ] {
            let rtype = type_number(mnemonic).unwrap();
            assert!(wire(rtype, text).is_err(), "{mnemonic} {text}");
        }
    }

    #[test]
    fn octets_that_are_no_such_type_are_shown_as_octets() {
        assert_eq!(RdataText { rtype: 1, rdata: &[1, 2] }.to_string(), "\\# 2 0102");
        assert_eq!(RdataText { rtype: 2, rdata: b"\xc0\x0c" }.to_string(), "\\# 2 C00C");
        assert_eq!(RdataText { rtype: 65280, rdata: &[] }.to_string(), "\\# 0");
    }

    #[test]
    fn the_octets_of_rfc_9460_appendix_d() {
        let octets = b"\x00\x10\x01a\x00\x00\x01\x00\x0c\x08f\\oo,bar\x02h2";
        assert_eq!(wire(64, "16 a. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"").as_deref(), Ok(&octets[..]));
        let octets = b"\x00\x01\x00\x00\x03\x00\x02\x00\x35";
        assert_eq!(wire(64, "1 . port=53").as_deref(), Ok(&octets[..]));
    }
}
