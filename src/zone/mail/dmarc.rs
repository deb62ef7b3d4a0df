//! Checks DMARC policies (RFC 7489 §6.3, §6.4), such as
//! `v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com`.
//!
//! Unknown tags are ignored, as RFC 7489 §6.3 demands. The order of the tags behind `v` is not
//! checked: receivers accept any order, and so do the drafts of the successor of this RFC.

use crate::zone::mail::tags::Tags;
use crate::zone::mail::{TextFault, fault, shown};

const WHAT: &str = "DMARC policy";
const POLICIES: [&str; 3] = ["none", "quarantine", "reject"];
const QUOTES: &str =
    "write \"v=DMARC1; p=none\" in one pair of quotes: an unquoted ; begins a comment";

/// Whether `text` is meant as a DMARC policy: it begins with `v=DMARC` or `p=` in any letter case.
pub fn is_meant(text: &str) -> bool {
    let text = text.trim_start().to_ascii_lowercase();
    let version = text.strip_prefix('v').map(str::trim_start).and_then(|v| v.strip_prefix('='));
    version.is_some_and(|v| v.trim_start().starts_with("dmarc")) || text.starts_with("p=")
}

/// Checks a text that is meant as a policy; the error is its first fault.
pub fn check(text: &str) -> Result<(), TextFault> {
    let tags = Tags::read(text, WHAT)?;
    match tags.first() {
        Some((name, "DMARC1")) if name.eq_ignore_ascii_case("v") => {}
        _ => {
            let message = "this DMARC policy does not begin with v=DMARC1, and is not read \
                           (RFC 7489 §6.3)";
            return Err(fault(message, "write v=DMARC1; in front, in capital letters"));
        }
    }
    let Some(policy) = tags.get("p") else {
        return Err(fault("this DMARC policy has no `p` (RFC 7489 §6.3)", QUOTES));
    };
    let sub = ["sp", "np"].into_iter().filter_map(|name| Some((name, tags.get(name)?)));
    for (name, value) in std::iter::once(("p", policy)).chain(sub) {
        of(name, value, is_policy(value), "write none, quarantine or reject")?;
    }
    for name in ["adkim", "aspf"] {
        if let Some(mode) = tags.get(name) {
            let known = ["r", "s"].iter().any(|known| mode.eq_ignore_ascii_case(known));
            of(name, mode, known, "write r (relaxed) or s (strict)")?;
        }
    }
    if let Some(percent) = tags.get("pct") {
        let fits = is_number(percent) && percent.parse().is_ok_and(|percent: u32| percent <= 100);
        of("pct", percent, fits, "write a whole number from 0 to 100")?;
    }
    if let Some(seconds) = tags.get("ri") {
        of("ri", seconds, is_number(seconds), "write seconds, such as 86400")?;
    }
    if let Some(options) = tags.get("fo") {
        let known =
            |option: &str| ["0", "1", "d", "s"].iter().any(|o| option.eq_ignore_ascii_case(o));
        let all = options.split(':').all(|option| known(option.trim()));
        of("fo", options, all, "write 0, 1, d or s, or several parted by `:`")?;
    }
    for name in ["rua", "ruf"] {
        for uri in tags.get(name).into_iter().flat_map(|uris| uris.split(',')) {
            let uri = uri.trim();
            of(name, uri, is_uri(uri), "write mailto:dmarc@example.com, several parted by commas")?;
        }
    }
    Ok(())
}

fn of(name: &str, value: &str, fits: bool, help: &str) -> Result<(), TextFault> {
    let message = || format!("{} is no value of `{name}` in this {WHAT}", shown(value));
    if fits { Ok(()) } else { Err(fault(message(), help)) }
}

fn is_policy(value: &str) -> bool {
    POLICIES.iter().any(|policy| value.eq_ignore_ascii_case(policy))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `text` is a URI, optionally with the maximum size of a report behind `!` (§6.2).
fn is_uri(text: &str) -> bool {
    let uri = match text.rsplit_once('!') {
        Some((uri, size)) => {
            let digits = size.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G', 't', 'T']);
            if !is_number(digits) || size.len() > digits.len() + 1 {
                return false;
            }
            uri
        }
        None => text,
    };
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_scheme = scheme.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && scheme.bytes().all(letter);
    let is_mail = !scheme.eq_ignore_ascii_case("mailto") || rest.contains('@');
    is_scheme && is_mail && !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_of_the_rfc_and_of_the_world_are_valid() {
        for text in [
            // RFC 7489 Appendix B
            "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com",
            "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com; \
             ruf=mailto:auth-reports@example.com",
            "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com; \
             ruf=mailto:auth-reports@thirdparty.example.net",
            "v=DMARC1; p=quarantine; rua=mailto:dmarc-feedback@example.com,\
             mailto:tld-test@thirdparty.example.net!10m; pct=25",
            // blanks, a last semicolon, letters of either case, every tag
            "v=DMARC1;p=reject",
            "v=DMARC1 ; p = Reject ;",
            "V = DMARC1; P=NONE; SP=QUARANTINE; ADKIM=S; ASPF=r; FO=1:d:S; RF=afrf; RI=3600; PCT=0",
            "v=DMARC1; p=reject; fo=1 : d; rua=mailto:a@b.example!50K , mailto:c@d.example!1",
            "v=DMARC1; p=none; rf=afrf:iodef; x=unknown; np=reject; psd=n; t=y",
            "v=DMARC1; rua=mailto:a@b.example; p=none",
            "v=DMARC1; p=none; rua=https://reports.example.com/dmarc?a=b",
            "v=DMARC1; p=none; rua=mailto:a@b.example?subject=x%21y",
        ] {
            assert!(is_meant(text), "{text}");
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_a_receiver_does_not_take_is_told() {
        for (text, part) in [
            ("v=DMARC1", "no `p`"),
            ("v=DMARC1; rua=mailto:a@b.example", "no `p`"),
            ("v=dmarc1; p=none", "does not begin"),
            ("p=none; v=DMARC1", "does not begin"),
            ("v=DMARC2; p=none", "does not begin"),
            ("v=DMARC1 p=none", "does not begin"),
            ("v=DMARC1; p=monitor", "no value of `p`"),
            ("v=DMARC1; p=none; sp=some", "no value of `sp`"),
            ("v=DMARC1; p=none; rua=dmarc@example.com", "no value of `rua`"),
            ("v=DMARC1; p=none; rua=mailto:example.com", "no value of `rua`"),
            ("v=DMARC1; p=none; rua=mailto:a@b.example!10x", "no value of `rua`"),
            ("v=DMARC1; p=none; ruf=mailto:a@b.example, c@d.example", "no value of `ruf`"),
            ("v=DMARC1; p=none; pct=101", "no value of `pct`"),
            ("v=DMARC1; p=none; adkim=strict", "no value of `adkim`"),
            ("v=DMARC1; p=none; fo=2", "no value of `fo`"),
            ("v=DMARC1; p=none; ri=1d", "no value of `ri`"),
            ("v=DMARC1; p=none, rua=mailto:a@b.example", "no value of `p`"),
        ] {
            assert!(is_meant(text), "{text}");
            let fault = check(text).expect_err(text);
            assert!(fault.message.contains(part), "{text}: {}", fault.message);
            assert!(!fault.help.is_empty());
        }
    }

    #[test]
    fn other_texts_are_not_meant() {
        for text in ["", "v=spf1 -all", "google-site-verification=x", "dmarc", "v"] {
            assert!(!is_meant(text), "{text}");
        }
    }
}
