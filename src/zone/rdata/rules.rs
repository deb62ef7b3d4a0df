//! Rules over the whole RDATA of a type, in addition to the rules of its fields.

/// Digest lengths by digest type: SHA-1, SHA-256, GOST, SHA-384 (RFC 4509, 5933, 6605).
pub fn check_ds(rdata: &[u8]) -> Result<(), &'static str> {
    let digest = rdata.len().saturating_sub(4);
    match (rdata.get(3), digest) {
        (Some(1), 20) | (Some(2 | 3), 32) | (Some(4), 48) => Ok(()),
        (Some(1..=4), _) => Err("the digest has not the length of its digest type: \
                                 SHA-1 40 hex digits, SHA-256 64, SHA-384 96"),
        _ => Ok(()),
    }
}

/// RFC 2535 §3.1.2: without a key where its first two flags say so, else with one.
pub fn check_key(rdata: &[u8]) -> Result<(), &'static str> {
    let no_key = rdata.first().is_some_and(|flags| flags & 0xc0 == 0xc0);
    match (no_key, rdata.len()) {
        (true, 4) | (false, 5..) => Ok(()),
        (true, _) => Err("the flags say that there is no key, and one follows"),
        (false, _) => Err("the data end before their last field"),
    }
}

/// RFC 4255 §3.1.2, RFC 6594: SHA-1 and SHA-256.
pub fn check_sshfp(rdata: &[u8]) -> Result<(), &'static str> {
    match (rdata.get(1), rdata.len().saturating_sub(2)) {
        (Some(1), 20) | (Some(2), 32) => Ok(()),
        (Some(1 | 2), _) => Err("the fingerprint has not the length of its type: \
                                 SHA-1 40 hex digits, SHA-256 64"),
        _ => Ok(()),
    }
}

/// RFC 8976 §2.2.4: at least 12 octets, and those of its hash.
pub fn check_zonemd(rdata: &[u8]) -> Result<(), &'static str> {
    match (rdata.get(5), rdata.len().saturating_sub(6)) {
        (Some(1), 48) | (Some(2), 64) => Ok(()),
        (Some(1 | 2), _) => Err("the digest has not the length of its hash: \
                                 SHA-384 96 hex digits, SHA-512 128"),
        (_, 12..) => Ok(()),
        _ => Err("a ZONEMD digest has at least 24 hex digits (RFC 8976 §2.2.4)"),
    }
}

/// RFC 5155 §3.1.3: the one hash algorithm is SHA-1, so a hash has 20 octets.
pub fn check_hash_length(rdata: &[u8]) -> Result<(), &'static str> {
    let salt = rdata.get(4).map_or(0, |len| usize::from(*len));
    match (rdata.first(), rdata.get(5 + salt)) {
        (Some(1), Some(20)) => Ok(()),
        (Some(1), _) => Err("the next hashed owner has not the 32 digits of SHA-1"),
        _ => Ok(()),
    }
}
