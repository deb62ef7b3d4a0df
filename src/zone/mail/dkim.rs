//! Checks DKIM keys (RFC 6376 §3.6.1, RFC 8463), such as `v=DKIM1; k=rsa; p=MIIBIjANBg…`.
//!
//! Only whether a verifier can read the key is checked; its flags, services and hash algorithms
//! are not.

use data_encoding::BASE64_NOPAD;

use crate::zone::mail::tags::Tags;
use crate::zone::mail::{TextFault, fault, shown};

const WHAT: &str = "DKIM key";
/// Octets of an Ed25519 key (RFC 8463 §4).
const ED25519: usize = 32;
/// Maximum octets of an RSA key that is taken for the placeholder of an example. The length
/// of such a key is not checked.
const STUB: usize = 32;
/// The ASN.1 tag `SEQUENCE`, with which an RSA key begins.
const SEQUENCE: u8 = 0x30;
const QUOTES: &str =
    "write \"v=DKIM1; k=rsa; p=…\" in quotes: an unquoted ; begins a comment. p= revokes a key";

/// Checks a DKIM key; the error is its first fault. An empty `p` is valid: the key is revoked.
pub fn check(text: &str) -> Result<(), TextFault> {
    let tags = Tags::read(text, WHAT)?;
    if let Some(version) = tags.get("v") {
        let first = tags.first().is_some_and(|(name, _)| name.eq_ignore_ascii_case("v"));
        if version != "DKIM1" || !first {
            let message = "this DKIM key has a `v` that is not v=DKIM1 in front, and is not read \
                           (RFC 6376 §3.6.1)";
            return Err(fault(message, "write v=DKIM1; in front"));
        }
    }
    let Some(key) = tags.get("p") else {
        return Err(fault("this DKIM key has no `p` (RFC 6376 §3.6.1)", QUOTES));
    };
    // White space is allowed within the base 64.
    let key: Vec<u8> = key.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if key.is_empty() {
        return Ok(());
    }
    let kind = tags.get("k").unwrap_or("rsa");
    let is_known = ["rsa", "ed25519"].iter().any(|known| kind.eq_ignore_ascii_case(known));
    // The padding is optional in the grammar.
    let unpadded = key.strip_suffix(b"==").or_else(|| key.strip_suffix(b"=")).unwrap_or(&key);
    let Ok(octets) = BASE64_NOPAD.decode(unpadded) else {
        let message = format!("`p` of this {WHAT} is no base64");
        let text = String::from_utf8_lossy(&key);
        let help = match text.contains("BEGIN") {
            true => "write only what stands between the lines of BEGIN and END".to_owned(),
            false => format!("copy the whole key, which begins with {}", shown(&text)),
        };
        return Err(fault(message, help));
    };
    let whole = match kind.eq_ignore_ascii_case("ed25519") {
        true => octets.len() == ED25519,
        false => !is_known || octets.len() <= STUB || is_whole(&octets),
    };
    if !whole {
        let message = format!("`p` of this {WHAT} is cut off, or no {kind} key");
        let help = "copy the whole key; write a long one as several strings in quotes";
        return Err(fault(message, help));
    }
    Ok(())
}

/// Whether `octets` are one DER sequence, neither shorter nor longer than its length field says.
fn is_whole(octets: &[u8]) -> bool {
    let [SEQUENCE, length, rest @ ..] = octets else { return false };
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 => match rest {
            [length, rest @ ..] => (usize::from(*length), rest),
            [] => return false,
        },
        0x82 => match rest {
            [high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            _ => return false,
        },
        _ => return false,
    };
    rest.len() == length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6376 Appendix C.
    const RSA: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkM\
        oGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/R\
        tdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToI\
        MmPSPDdQPNUYckcQ2QIDAQAB";
    /// RFC 8463 Appendix A.2.
    const ED25519_KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    #[test]
    fn keys_of_the_rfc_and_of_the_world_are_valid() {
        let spaced = format!("{} {}", &RSA[..70], &RSA[70..]);
        for text in [
            format!("v=DKIM1; p={RSA}"),
            format!("v=DKIM1; k=rsa; p={RSA}"),
            format!("k=rsa; t=s; p={RSA};"),
            format!("p={RSA}"),
            format!("v=DKIM1; k=ed25519; p={ED25519_KEY}"),
            format!("v=DKIM1; k=ed25519; p={}", ED25519_KEY.trim_end_matches('=')),
            format!("v=DKIM1; h=sha256:sha1; s=email:*; t=y:s; n=notes=20here; x=1; p={spaced}"),
            "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB".into(),
            // revoked keys
            "v=DKIM1; p=".into(),
            "v=DKIM1; k=rsa; p= ;".into(),
            "p=".into(),
            // of an unknown kind of key, only the base 64 is checked
            "v=DKIM1; k=mldsa44; p=AAAA".into(),
        ] {
            assert_eq!(check(&text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_a_verifier_cannot_read_is_told() {
        for (text, part) in [
            ("v=DKIM1".to_owned(), "no `p`"),
            ("v=DKIM1; k=rsa".into(), "no `p`"),
            (format!("v=DKIM2; p={RSA}"), "not v=DKIM1"),
            (format!("k=rsa; v=DKIM1; p={RSA}"), "not v=DKIM1"),
            (format!("v=DKIM1; p={}", &RSA[..120]), "cut off"),
            (format!("v=DKIM1; p={}", &RSA[..121]), "no base64"),
            (format!("v=DKIM1; k=ed25519; p={RSA}"), "cut off"),
            (format!("v=DKIM1; p=-----BEGIN PUBLIC KEY-----{RSA}"), "no base64"),
            (format!("v=DKIM1; p={RSA}; p={RSA}"), "stands twice"),
            (format!("v=DKIM1 k=rsa p={RSA}"), "not v=DKIM1"),
            ("v=DKIM1; p".into(), "has no `=`"),
        ] {
            let fault = check(&text).expect_err(&text);
            assert!(fault.message.contains(part), "{text}: {}", fault.message);
            assert!(!fault.help.is_empty());
        }
    }
}
