//! Checks SPF records (RFC 7208), such as `v=spf1 mx ip4:192.0.2.0/24 -all`.
//!
//! ```text
//! record    = "v=spf1" *( 1*SP ( directive / modifier ) ) *SP
//! directive = [ "+" / "-" / "?" / "~" ] mechanism
//! ```

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::zone::mail::{TextFault, fault, shown};

/// Terms that each cost a receiver at least one look-up in the DNS; more are a permanent error
/// (RFC 7208 §4.6.4).
pub const MAX_LOOKUPS: usize = 10;
const VERSION: &str = "v=spf1";

/// Whether a receiver reads the text as an SPF record (RFC 7208 §4.5).
pub fn is_record(text: &str) -> bool {
    let version = text.get(..VERSION.len());
    version.is_some_and(|version| version.eq_ignore_ascii_case(VERSION))
        && text[VERSION.len()..].bytes().next().is_none_or(|next| next == b' ')
}

/// Checks a text for which [`is_record`] is true. The error is its first fault that makes a
/// receiver return `permerror`.
pub fn check(text: &str) -> Result<(), TextFault> {
    let terms = text.get(VERSION.len()..).unwrap_or_default();
    let (mut lookups, mut redirects, mut explanations) = (0, 0, 0);
    for term in terms.split(' ').filter(|term| !term.is_empty()) {
        let kind = check_term(term)?;
        lookups += usize::from(matches!(kind, TermKind::LookUp | TermKind::Redirect));
        redirects += usize::from(kind == TermKind::Redirect);
        explanations += usize::from(kind == TermKind::Explanation);
    }
    for (modifier, count) in [("redirect", redirects), ("exp", explanations)] {
        if count > 1 {
            let message = format!("`{modifier}` more than once (RFC 7208 §6)");
            return Err(fault(message, "keep one of them"));
        }
    }
    if lookups > MAX_LOOKUPS {
        let message = format!(
            "{lookups} terms of this SPF record ask the DNS, at most {MAX_LOOKUPS} may \
             (RFC 7208 §4.6.4)"
        );
        return Err(fault(message, "name networks by ip4: and ip6: instead"));
    }
    Ok(())
}

/// Whether `text` is exactly one valid term: a directive or a modifier.
pub fn is_term(text: &str) -> bool {
    !text.contains(' ') && check_term(text).is_ok()
}

/// How a term counts towards the limits of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TermKind {
    Plain,
    /// A mechanism that asks the DNS.
    LookUp,
    Redirect,
    Explanation,
}

fn check_term(term: &str) -> Result<TermKind, TextFault> {
    // A term is a modifier if `=` is the first of the characters that may follow a name.
    let end = term.find(['=', ':', '/']).unwrap_or(term.len());
    if term[end..].starts_with('=') {
        return modifier(term, &term[..end], &term[end + 1..]);
    }
    let mechanism = term.strip_prefix(['+', '-', '?', '~']).unwrap_or(term);
    let end = mechanism.find([':', '/']).unwrap_or(mechanism.len());
    let (name, rest) = mechanism.split_at(end);
    let of = |what: &str| fault(format!("{} in this SPF record: {what}", shown(term)), "");
    let with_help = |what: &str, help: &str| TextFault { help: help.to_owned(), ..of(what) };
    let domain = |text: &str| domain_spec(text).map_err(|what| with_help(what, DOMAIN));
    match name.to_ascii_lowercase().as_str() {
        "all" if rest.is_empty() => Ok(TermKind::Plain),
        "all" => Err(with_help("`all` stands alone", "write the term as `-all` or `~all`")),
        word @ ("include" | "exists") => match rest.strip_prefix(':') {
            Some(spec) => domain(spec).map(|()| TermKind::LookUp),
            None => Err(with_help("it needs a domain", &format!("write {word}:example.com"))),
        },
        "ptr" => match rest.strip_prefix(':') {
            Some(spec) => domain(spec).map(|()| TermKind::LookUp),
            None if rest.is_empty() => Ok(TermKind::LookUp),
            None => Err(with_help("`ptr` has no length of a prefix", "remove it")),
        },
        "a" | "mx" => {
            let (spec, lengths) = split_lengths(rest);
            lengths_fit(lengths).map_err(|what| with_help(what, LENGTHS))?;
            match spec.strip_prefix(':') {
                Some(spec) => domain(spec).map(|()| TermKind::LookUp),
                None if spec.is_empty() => Ok(TermKind::LookUp),
                None => Err(with_help("no length of a prefix", LENGTHS)),
            }
        }
        "ip4" => match rest.strip_prefix(':').map(network::<Ipv4Addr, 32>) {
            Some(true) => Ok(TermKind::Plain),
            _ => Err(with_help("no IPv4 network", "write ip4:192.0.2.0/24 or ip4:192.0.2.1")),
        },
        "ip6" => match rest.strip_prefix(':').map(network::<Ipv6Addr, 128>) {
            Some(true) => Ok(TermKind::Plain),
            _ => Err(with_help("no IPv6 network", "write ip6:2001:db8::/32 or ip6:2001:db8::1")),
        },
        _ => Err(with_help("there is no such mechanism (RFC 7208 §4.6.1)", mechanism_meant(name))),
    }
}

const DOMAIN: &str = "write a domain with a dot in it, such as _spf.example.com";
const LENGTHS: &str = "write a length up to 32 for IPv4, //64 for IPv6, or both: /24//64";

/// What to write instead of the unknown mechanism `name`, judged by common mistakes.
fn mechanism_meant(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "ipv4" | "ip" => "write ip4: and the network",
        "ipv6" => "write ip6: and the network",
        "includes" | "inc" => "write include: and the domain",
        name if name.parse::<Ipv4Addr>().is_ok() => "write ip4: in front of the address",
        name if name.contains('.') => "write include: or a: in front of the domain",
        _ => "write one of all, include, a, mx, ip4, ip6, exists and ptr",
    }
}

/// Checks `name "=" value` (RFC 7208 §6). Receivers ignore unknown modifiers of valid syntax.
fn modifier(term: &str, name: &str, value: &str) -> Result<TermKind, TextFault> {
    let of = |what: &str, help: &str| {
        Err(fault(format!("{} in this SPF record: {what}", shown(term)), help))
    };
    let kind = match name.to_ascii_lowercase().as_str() {
        "redirect" => TermKind::Redirect,
        "exp" => TermKind::Explanation,
        "include" | "a" | "mx" | "ip4" | "ip6" | "exists" | "ptr" => {
            return of("this mechanism takes `:` and not `=`", "write `:` in the place of `=`");
        }
        "v" => return of("a second version", "write each policy as a record of its own name"),
        name => {
            let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
            let rest =
                name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            return match first && rest && macro_string(value).is_ok() {
                true => Ok(TermKind::Plain),
                false => of("neither a mechanism nor a modifier", "remove it"),
            };
        }
    };
    match domain_spec(value) {
        Ok(()) => Ok(kind),
        Err(what) => of(what, DOMAIN),
    }
}

/// Whether `text` is an address, optionally with a prefix length of at most `MAX`.
fn network<A: std::str::FromStr, const MAX: u32>(text: &str) -> bool {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, prefix(length).is_some_and(|length| length <= MAX)),
        None => (text, true),
    };
    length && address.parse::<A>().is_ok()
}

/// A prefix length: one to three digits without a leading zero.
fn prefix(text: &str) -> Option<u32> {
    let plain = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let zero = text.len() > 1 && text.starts_with('0');
    text.parse().ok().filter(|_| plain && !zero)
}

/// Splits a domain from the prefix lengths behind it: `/24`, `//64`, `/24//64`.
fn split_lengths(text: &str) -> (&str, &str) {
    let digits = text.trim_end_matches(|char: char| char.is_ascii_digit());
    let Some(head) = digits.strip_suffix('/') else { return (text, "") };
    let end = match head.strip_suffix('/') {
        Some(v6) => {
            let digits = v6.trim_end_matches(|char: char| char.is_ascii_digit());
            let v4 = digits.strip_suffix('/').filter(|_| digits.len() < v6.len());
            v4.unwrap_or(v6).len()
        }
        None => head.len(),
    };
    text.split_at(end)
}

fn lengths_fit(lengths: &str) -> Result<(), &'static str> {
    let (v4, v6) = match lengths.split_once("//") {
        Some((v4, v6)) => (v4, Some(v6)),
        None => (lengths, None),
    };
    let v4_fits =
        v4.is_empty() || v4.strip_prefix('/').and_then(prefix).is_some_and(|length| length <= 32);
    let v6_fits = v6.is_none_or(|v6| prefix(v6).is_some_and(|length| length <= 128));
    if v4_fits && v6_fits { Ok(()) } else { Err("no length of a prefix") }
}

/// Checks `macro-string domain-end` (RFC 7208 §7.1): a name whose last label has a letter, or is a
/// macro.
fn domain_spec(text: &str) -> Result<(), &'static str> {
    let ends_with_macro = macro_string(text)?;
    if ends_with_macro {
        return Ok(());
    }
    // The grammar allows these characters, but no host name has them: a blank is missing.
    if without_macros(text).contains([':', '=']) {
        return Err("no domain; is a blank missing?");
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let Some((_, top)) = name.rsplit_once('.') else { return Err("no domain with a dot in it") };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let lettered = top.bytes().any(|byte| !byte.is_ascii_digit());
    let edges = !top.starts_with('-') && !top.ends_with('-');
    match !top.is_empty() && top.bytes().all(plain) && lettered && edges {
        true => Ok(()),
        false => Err("no domain: its last label is no top-level domain"),
    }
}

/// Checks a macro string (RFC 7208 §7.1). Returns whether it ends with a macro.
fn macro_string(text: &str) -> Result<bool, &'static str> {
    let mut rest = text;
    let mut ends_with_macro = false;
    while let Some(char) = rest.chars().next() {
        ends_with_macro = char == '%';
        rest = match char {
            '%' => after_macro(rest)?,
            '!'..='~' => &rest[1..],
            _ => return Err("only printable ASCII may stand here"),
        };
    }
    Ok(ends_with_macro)
}

/// The rest of `text`, which begins with `%`, behind its first macro.
fn after_macro(text: &str) -> Result<&str, &'static str> {
    const FAULT: &str = "`%` begins no macro (RFC 7208 §7.1)";
    if let Some(rest) = ["%%", "%_", "%-"].iter().find_map(|plain| text.strip_prefix(*plain)) {
        return Ok(rest);
    }
    let (inside, rest) =
        text.strip_prefix("%{").and_then(|open| open.split_once('}')).ok_or(FAULT)?;
    let letter = inside.chars().next().filter(char::is_ascii_alphabetic).ok_or(FAULT)?;
    if !"slodiphv".contains(letter.to_ascii_lowercase()) {
        return Err("only the macros s, l, o, d, i, p, h and v may stand here (RFC 7208 §7.2)");
    }
    let transformers = inside[1..].trim_start_matches(|char: char| char.is_ascii_digit());
    let digits = &inside[1..inside.len() - transformers.len()];
    let delimiters = transformers.strip_prefix(['r', 'R']).unwrap_or(transformers);
    // RFC 7208 §7.3: the number of labels is not zero.
    let counts = digits.is_empty() || digits.bytes().any(|digit| digit != b'0');
    match counts && delimiters.chars().all(|char| ".-+,/_=".contains(char)) {
        true => Ok(rest),
        false => Err(FAULT),
    }
}

/// The literal parts of a macro string that [`macro_string`] has accepted.
fn without_macros(text: &str) -> String {
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        literal.push_str(&rest[..at]);
        rest = after_macro(&rest[at..]).unwrap_or_default();
    }
    literal + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn valid(text: &str) {
        assert!(is_record(text), "{text}");
        assert_eq!(check(text), Ok(()), "{text}");
    }

    #[track_caller]
    fn invalid(text: &str, part: &str) {
        assert!(is_record(text), "{text}");
        let fault = check(text).expect_err(text);
        assert!(fault.message.contains(part), "{text}: {}", fault.message);
        assert!(!fault.help.is_empty(), "{text}");
    }

    #[test]
    fn records_of_the_rfc_and_of_the_world_are_valid() {
        for text in [
            // RFC 7208 §2.3 to §7.4, Appendix A
            "v=spf1",
            "v=spf1 ",
            "v=spf1 +mx a:colo.example.com/28 -all",
            "v=spf1 a mx -all",
            "v=spf1 include:example.com include:example.org -all",
            "v=spf1 redirect=_spf.example.com",
            "v=spf1 redirect=_spf.%{d}",
            "v=spf1 mx -all exp=explain._spf.%{d}",
            "v=spf1 exists:%{ir}.%{l1r+-}._spf.%{d} -all",
            "v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all",
            "v=spf1 exists:%{l1r-}.mobile-users._spf.%{d2} -all",
            "v=spf1 -ip4:192.0.2.0/24 +all",
            "v=spf1 mx/30 mx:example.org/30 -all",
            "v=spf1 ptr -all",
            "v=spf1 ptr:otherdomain.com ?all",
            "v=spf1 ip4:192.0.2.128/28 -all",
            "v=spf1 a:authorized-spf.example.com -all",
            "v=spf1 mx:example.com ~all exp=%{d}.explain.example.com",
            "v=spf1 ip6:2001:db8::/32 ip6:2001:db8::1 ip6:::ffff:192.0.2.1 ip6:::/0 -all",
            "v=spf1 a/24//96 a//64 mx:example.com/24//64 a:example.com//128 -all",
            "v=spf1 a/0 ip4:0.0.0.0/0 -all",
            // letters of either case (§4.6.1), blanks at will
            "V=SPF1 MX Include:Example.Com IP4:192.0.2.1 -ALL",
            "v=spf1   mx    -all   ",
            // unknown modifiers (§6): any name, a macro string or nothing behind it
            "v=spf1 mx -all moo=%{h} x-y_z.1=anything:at=all",
            "v=spf1 -all match_subdomains=yes",
            "v=spf1 -all empty=",
            // modifiers in any place
            "v=spf1 exp=explain.example.com redirect=_spf.example.com",
            // macros at the end, in upper case, escaped, with delimiters of every kind
            "v=spf1 include:%{D} include:%{d2}.com exists:%{S}.%{O}.%{H}.%{V}.%{I}.%{P} -all",
            "v=spf1 exists:%{i}._i.%%-%_.%{d}._spf.example.com -all",
            "v=spf1 exists:%{l1r.-+,/_=}.example.com ~all",
            "v=spf1 include:%{ir}.%{v}.%{d}.spf.has.pphosted.com ~all",
            "v=spf1 exists:%{d10R} -all",
            // a final dot, a label of digits, a punycode top, a label with a hyphen
            "v=spf1 include:example.com. a:1.example.com mx:mail.xn--p1ai a:x.a-1 -all",
            "v=spf1 include:_spf.google.com include:spf.protection.outlook.com ~all",
            "v=spf1 include:amazonses.com include:_spf.salesforce.com -all",
            // exactly ten look-ups; ip4, ip6, all and exp cost none
            "v=spf1 a mx ptr a:a.a mx:b.b include:c.c exists:d.d a:e.e a:f.f ip4:1.2.3.4 \
             exp=x.y redirect=g.g",
        ] {
            valid(text);
        }
    }

    #[test]
    fn what_is_a_permanent_error_is_told() {
        for (text, part) in [
            ("v=spf1 ipv4:192.0.2.1 -all", "no such mechanism"),
            ("v=spf1 192.0.2.1 -all", "no such mechanism"),
            ("v=spf1 mx, -all", "no such mechanism"),
            ("v=spf1 -al", "no such mechanism"),
            ("v=spf1 --all", "no such mechanism"),
            ("v=spf1 - all", "no such mechanism"),
            ("v=spf1 ip4:192.0.2.1/33 -all", "no IPv4 network"),
            ("v=spf1 ip4:192.0.2.1/08 -all", "no IPv4 network"),
            ("v=spf1 ip4:192.0.2 -all", "no IPv4 network"),
            ("v=spf1 ip4 -all", "no IPv4 network"),
            ("v=spf1 ip4:2001:db8::1 -all", "no IPv4 network"),
            ("v=spf1 ip6:192.0.2.1 -all", "no IPv6 network"),
            ("v=spf1 ip6:2001:db8::/129 -all", "no IPv6 network"),
            ("v=spf1 include -all", "needs a domain"),
            ("v=spf1 include: -all", "no domain"),
            ("v=spf1 include:localhost -all", "no domain with a dot"),
            ("v=spf1 a:192.0.2.1 -all", "no top-level domain"),
            ("v=spf1 include=example.com -all", "takes `:`"),
            ("v=spf1 all:example.com", "stands alone"),
            ("v=spf1 a/33 -all", "no length"),
            ("v=spf1 a//129 -all", "no length"),
            ("v=spf1 mx:example.com/ -all", "no length"),
            ("v=spf1 ptr/24 -all", "no length"),
            ("v=spf1 include:a.exampleinclude:b.example -all", "is a blank missing?"),
            ("v=spf1 redirect=a.example redirect=b.example", "more than once"),
            ("v=spf1 exp=a.example exp=b.example -all", "more than once"),
            ("v=spf1 exists:%{x}.example.com -all", "macros"),
            ("v=spf1 exists:%{c}.example.com -all", "macros"),
            ("v=spf1 exists:%{d0}.example.com -all", "begins no macro"),
            ("v=spf1 exists:%{d.example.com -all", "begins no macro"),
            ("v=spf1 exists:100%.example.com -all", "begins no macro"),
            ("v=spf1 mx -all v=spf1", "a second version"),
            ("v=spf1 1x=y -all", "neither"),
            (
                "v=spf1 a mx ptr a:a.a mx:b.b include:c.c exists:d.d a:e.e a:f.f a:h.h \
                 redirect=g.g",
                "11 terms",
            ),
        ] {
            invalid(text, part);
        }
    }

    #[test]
    fn another_version_is_no_record() {
        for text in ["v=spf10 mx", "v=spf1mx", "spf2.0/pra mx", "v=spf1\tmx", "", "v=spf", "é=spf1"]
        {
            assert!(!is_record(text), "{text}");
        }
    }
}
