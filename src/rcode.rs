//! Response codes of DNS messages (RFC 1035 §4.1.1, RFC 6895 §2.3).

use std::fmt;

/// A response code of 12 bits: the lower 4 are in the header, the upper 8 in OPT (RFC 6891 §6.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rcode(pub u16);

impl Rcode {
    pub const NOERROR: Rcode = Rcode(0);
    pub const FORMERR: Rcode = Rcode(1);
    pub const SERVFAIL: Rcode = Rcode(2);
    pub const NXDOMAIN: Rcode = Rcode(3);
    pub const NOTIMP: Rcode = Rcode(4);
    pub const REFUSED: Rcode = Rcode(5);
    pub const YXDOMAIN: Rcode = Rcode(6);
    pub const NOTAUTH: Rcode = Rcode(9);
    pub const BADVERS: Rcode = Rcode(16);
    pub const BADCOOKIE: Rcode = Rcode(23);

    const MNEMONICS: [(Rcode, &'static str); 10] = [
        (Rcode::NOERROR, "NOERROR"),
        (Rcode::FORMERR, "FORMERR"),
        (Rcode::SERVFAIL, "SERVFAIL"),
        (Rcode::NXDOMAIN, "NXDOMAIN"),
        (Rcode::NOTIMP, "NOTIMP"),
        (Rcode::REFUSED, "REFUSED"),
        (Rcode::YXDOMAIN, "YXDOMAIN"),
        (Rcode::NOTAUTH, "NOTAUTH"),
        (Rcode::BADVERS, "BADVERS"),
        (Rcode::BADCOOKIE, "BADCOOKIE"),
    ];

    /// The four bits in the fourth octet of a header.
    #[inline]
    pub fn from_header(octet: u8) -> Rcode {
        Rcode(u16::from(octet & 15))
    }

    /// The lower four bits, for the fourth octet of a header.
    #[inline]
    pub fn header_bits(self) -> u8 {
        self.0 as u8 & 15
    }

    /// The upper eight bits, for the first octet of OPT's TTL.
    #[inline]
    pub fn opt_bits(self) -> u8 {
        (self.0 >> 4) as u8
    }

    /// The name of the code; `None` when this program never sends or expects it.
    pub fn mnemonic(self) -> Option<&'static str> {
        let found = Rcode::MNEMONICS.iter().find(|(rcode, _)| *rcode == self);
        found.map(|(_, mnemonic)| *mnemonic)
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(mnemonic) => f.write_str(mnemonic),
            None => write!(f, "rcode {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_of_header_and_opt_make_up_the_code() {
        for code in 0..4096 {
            let rcode = Rcode(code);
            let bits = u16::from(rcode.opt_bits()) << 4 | u16::from(rcode.header_bits());
            assert_eq!(bits, code);
        }
        assert_eq!(Rcode::from_header(0x85), Rcode::REFUSED);
        assert_eq!(Rcode::BADVERS.to_string(), "BADVERS");
        assert_eq!(Rcode(11).to_string(), "rcode 11");
    }
}
