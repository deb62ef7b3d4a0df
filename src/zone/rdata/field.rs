//! Lists the kinds of fields that RDATA consists of.

/// A part of RDATA. Its kind decides its text form, its length and its valid values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    U8,
    U16,
    U32,
    /// 32 bits of seconds, with or without units (`1h30m`).
    Period,
    /// RRSIG times: `YYYYMMDDHHmmSS` or seconds (RFC 4034 §3.2).
    Time,
    /// A record type by mnemonic or `TYPEnnn`.
    Type,
    /// A DNSSEC algorithm by number or mnemonic.
    Algorithm,
    /// A certificate type by number or mnemonic (RFC 4398 §2.1).
    CertType,
    Ipv4,
    Ipv6,
    Name {
        /// Whether a sender may compress the name (RFC 3597 §4).
        compress: bool,
    },
    /// A character-string (RFC 1035 §3.3).
    String,
    /// Character-strings to the end, at least one.
    Strings,
    /// A character-string of letters and digits (RFC 8659 §4.1).
    CaaTag,
    /// Octets to the end, written as one string and stored without a length.
    Text,
    /// Octets to the end in base 64, at least one.
    Base64,
    /// Octets to the end in hex digits, at least one.
    Hex,
    /// Octets behind their length, in one word of hex digits; `-` if none (RFC 5155 §3.3).
    Salt,
    /// Octets behind their length, in base 32 with extended hex alphabet (RFC 5155 §3.3).
    Base32,
    /// A bitmap of types, to the end (RFC 4034 §4.1.2).
    Bitmap,
    /// The parameters of SVCB and HTTPS, to the end (RFC 9460 §2.1).
    SvcParams,
    /// The whole of LOC (RFC 1876 §3).
    Loc,
    Eui48,
    Eui64,
    /// A field of one or two types only.
    Rare(Rare),
}

/// A field that one or two record types have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rare {
    /// A character-string, or nothing.
    OptionalString,
    /// Octets to the end in base 64, perhaps none.
    OptionalBase64,
    /// As [`Rare::OptionalBase64`], but `-` stands for no octets (DOA).
    DashedBase64,
    /// Names to the end, perhaps none.
    Names,
    /// 64 bits.
    U64,
    /// A scheme of DSYNC (RFC 9859 §2.1).
    Scheme,
    /// Octets of a type that has no text form of its own: `\# length hex`.
    Opaque,
    /// Nothing, an address or a name, depending on the second octet of the RDATA.
    Gateway,
    /// The discovery bit and the kind of the gateway of AMTRELAY, in one octet.
    Relay,
    /// The whole of APL.
    Prefixes,
    /// The protocol of WKS and its ports, to the end.
    Services,
    /// HIP up to the end of the key.
    HostIdentity,
    /// Four groups of hex digits, 64 bits.
    Locator64,
    /// 32 bits that are no address, but are written like an IPv4 address.
    Locator32,
    Nsap,
    Atma,
    /// The prefix length and the address suffix of A6.
    Suffix,
    /// The name of A6, if its prefix is not empty.
    PrefixName,
    /// The types of NXT, to the end.
    FlatBitmap,
}
