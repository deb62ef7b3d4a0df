//! Checks rules over the whole RDATA of a type, in addition to the rules of its fields.

/// Checks the length of a digest of SHA-1, SHA-256, GOST or SHA-384 (RFC 4509, 5933, 6605).
pub fn check_ds(rdata: &[u8]) -> Result<(), &'static str> {
    let digest = rdata.len().saturating_sub(4);
    match (rdata.get(3), digest) {
        (Some(1), 20) | (Some(2 | 3), 32) | (Some(4), 48) => Ok(()),
        (Some(1..=4), _) => Err("the digest has not the length of its digest type: \
                                 SHA-1 40 hex digits, SHA-256 64, SHA-384 96"),
        _ => Ok(()),
    }
}

/// Checks that a key is missing if the first two flags say so, else present (RFC 2535 §3.1.2).
pub fn check_key(rdata: &[u8]) -> Result<(), &'static str> {
    let no_key = rdata.first().is_some_and(|flags| flags & 0xc0 == 0xc0);
    match (no_key, rdata.len()) {
        (true, 4) | (false, 5..) => Ok(()),
        (true, _) => Err("the flags say that there is no key, and one follows"),
        (false, _) => Err("the data end before their last field"),
    }
}

/// Checks the length of a fingerprint of SHA-1 or SHA-256 (RFC 4255 §3.1.2, RFC 6594).
pub fn check_sshfp(rdata: &[u8]) -> Result<(), &'static str> {
    match (rdata.get(1), rdata.len().saturating_sub(2)) {
        (Some(1), 20) | (Some(2), 32) => Ok(()),
        (Some(1 | 2), _) => Err("the fingerprint has not the length of its type: \
                                 SHA-1 40 hex digits, SHA-256 64"),
        _ => Ok(()),
    }
}

/// Checks the length of a digest: at least 12 octets, and exactly that of SHA-384 or SHA-512
/// (RFC 8976 §2.2.4).
pub fn check_zonemd(rdata: &[u8]) -> Result<(), &'static str> {
    match (rdata.get(5), rdata.len().saturating_sub(6)) {
        (Some(1), 48) | (Some(2), 64) => Ok(()),
        (Some(1 | 2), _) => Err("the digest has not the length of its hash: \
                                 SHA-384 96 hex digits, SHA-512 128"),
        (_, 12..) => Ok(()),
        _ => Err("a ZONEMD digest has at least 24 hex digits (RFC 8976 §2.2.4)"),
    }
}

/// Checks the length of the next hashed owner: 20 octets, because SHA-1 is the one hash algorithm
/// (RFC 5155 §3.1.1, §3.1.6).
pub fn check_hash_length(rdata: &[u8]) -> Result<(), &'static str> {
    let salt = rdata.get(4).map_or(0, |len| usize::from(*len));
    match (rdata.first(), rdata.get(5 + salt)) {
        (Some(1), Some(20)) => Ok(()),
        (Some(1), _) => Err("the next hashed owner has not the 32 digits of SHA-1"),
        _ => Ok(()),
    }
}
