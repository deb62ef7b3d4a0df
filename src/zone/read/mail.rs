//! Warns of texts that mail receivers could not parse, or would not find.
//!
//! | found | then |
//! |---|---|
//! | a text that is meant as SPF, but does not parse, or receivers do not read as SPF | warning |
//! | strings that join without the blank between them (RFC 7208 §3.3) | warning |
//! | a second SPF record at a name (RFC 7208 §4.5), a second DMARC policy or DKIM key | warning |
//! | a policy at `_dmarc` that does not parse (RFC 7489 §6.3) | warning |
//! | a key below `_domainkey` that does not parse (RFC 6376 §3.6.1) | warning |

use crate::zone::mail::{TextFault, dkim, dmarc, fault, shown, spf};
use crate::zone::name::Name;
use crate::zone::read::faults::Faults;
use crate::zone::record::{Record, Zone, rrset_of};
use crate::zone::rtype::TXT;

/// Checks all TXT records of the zone.
pub fn check(zone: &Zone, faults: &mut Faults) {
    for run in zone.runs() {
        let texts = rrset_of(run, TXT);
        let Some(first) = texts.first() else { continue };
        let place = OwnerPlace::of(zone.owner(first));
        let mut found = [0; 3];
        for record in texts {
            let strings = strings(zone.rdata(record));
            let Some((kind, verdict)) = judge(place, &strings) else { continue };
            found[kind as usize] += 1;
            if let Err(TextFault { message, help }) = verdict {
                faults.warning(record.place, message, help);
            } else if found[kind as usize] == 2 {
                second(kind, record, faults);
            }
        }
    }
}

/// The kind of policy in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MailPolicy {
    Spf,
    Dmarc,
    Dkim,
}

/// The kind of policy that the owner of a TXT record implies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnerPlace {
    Any,
    /// `_dmarc.example.com`
    Dmarc,
    /// `selector._domainkey.example.com`
    Dkim,
}

impl OwnerPlace {
    fn of(owner: &Name) -> OwnerPlace {
        let is = |label: &[u8], name: &[u8]| label.eq_ignore_ascii_case(name);
        let mut labels = owner.labels();
        match labels.next() {
            Some(first) if is(first, b"_dmarc") => OwnerPlace::Dmarc,
            // _adsp._domainkey has the policy of RFC 5617, and no key.
            Some(first) if is(first, b"_adsp") => OwnerPlace::Any,
            _ if labels.any(|label| is(label, b"_domainkey")) => OwnerPlace::Dkim,
            _ => OwnerPlace::Any,
        }
    }
}

/// The kind of a text, and whether a receiver can parse it. `None` when it is no policy.
fn judge(place: OwnerPlace, strings: &[&[u8]]) -> Option<(MailPolicy, Result<(), TextFault>)> {
    let whole = strings.concat();
    let ascii = whole.is_ascii();
    let text = String::from_utf8_lossy(&whole);
    let kind = match place {
        OwnerPlace::Dkim => MailPolicy::Dkim,
        OwnerPlace::Dmarc if dmarc::is_meant(&text) => MailPolicy::Dmarc,
        OwnerPlace::Any | OwnerPlace::Dmarc if is_meant_as_spf(&text) => MailPolicy::Spf,
        OwnerPlace::Any | OwnerPlace::Dmarc => return None,
    };
    if !ascii {
        let message = format!("{} has characters other than ASCII", shown(&text));
        return Some((kind, Err(fault(message, "write it in ASCII: no typographic quotes"))));
    }
    let verdict = match kind {
        MailPolicy::Dkim => dkim::check(&text),
        MailPolicy::Dmarc => dmarc::check(&text),
        MailPolicy::Spf => check_spf(&text, strings),
    };
    Some((kind, verdict))
}

/// Whether `text` begins like an SPF record, perhaps behind blanks or quotes written by mistake.
fn is_meant_as_spf(text: &str) -> bool {
    let begin = text.trim_start_matches([' ', '\t', '"', '\'']);
    let version = begin.get(..6).is_some_and(|version| version.eq_ignore_ascii_case("v=spf1"));
    // `v=spf10` and `v=spf1.1` would be other versions.
    version && !begin[6..].starts_with(|next: char| next.is_ascii_digit() || next == '.')
}

fn check_spf(text: &str, strings: &[&[u8]]) -> Result<(), TextFault> {
    let verdict = match spf::is_record(text) {
        true => spf::check(text),
        false => Err(fault(
            format!("{} does not begin with `v=spf1` and a blank, and is not read", shown(text)),
            "write \"v=spf1 …\", the whole in one pair of quotes",
        )),
    };
    if strings.len() < 2 || (verdict.is_ok() && !joins_terms(strings)) {
        return verdict;
    }
    let spaced: Vec<_> = strings.iter().map(|part| String::from_utf8_lossy(part)).collect();
    let spaced = spaced.join(" ");
    if !spf::is_record(&spaced) || spf::check(&spaced).is_err() {
        return verdict;
    }
    // The text parses with blanks between the strings, so its author meant them.
    let message = format!(
        "the strings of this SPF record join without a blank (RFC 7208 §3.3), so receivers read {}",
        shown(text)
    );
    let help = match spaced.len() <= 255 {
        true => format!("write it in one pair of quotes: \"{spaced}\""),
        false => "end each string but the last with a blank within its quotes".into(),
    };
    Err(fault(message, help))
}

/// Whether a string ends with a whole term and the next one begins with another. Receivers read the
/// two as one word, which may be valid by chance, such as `include:a.example-all`.
fn joins_terms(strings: &[&[u8]]) -> bool {
    strings.array_windows().any(|[before, after]| {
        let last = before.rsplit(|octet| *octet == b' ').next().unwrap_or_default();
        let first = after.split(|octet| *octet == b' ').next().unwrap_or_default();
        let is_term = |term: &[u8]| std::str::from_utf8(term).is_ok_and(spf::is_term);
        is_term(last) && is_term(first)
    })
}

fn second(kind: MailPolicy, record: &Record, faults: &mut Faults) {
    let (what, rfc) = match kind {
        MailPolicy::Spf => ("SPF record", "receivers then answer permerror (RFC 7208 §4.5)"),
        MailPolicy::Dmarc => ("DMARC policy", "receivers then read none (RFC 7489 §6.6.3)"),
        MailPolicy::Dkim => ("DKIM key", "which one counts is not known (RFC 6376 §3.6.2.2)"),
    };
    let message = format!("a second {what} at this name: {rfc}");
    faults.warning(record.place, message, "keep one of them, with what both have to say");
}

/// The character-strings of checked RDATA.
fn strings(rdata: &[u8]) -> Vec<&[u8]> {
    let mut strings = vec![];
    let mut rest = rdata;
    while let Some((length, tail)) = rest.split_first() {
        let Some((string, after)) = tail.split_at_checked(usize::from(*length)) else { break };
        strings.push(string);
        rest = after;
    }
    strings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(place: OwnerPlace, strings: &[&str]) -> Option<Result<(), TextFault>> {
        let strings: Vec<&[u8]> = strings.iter().map(|string| string.as_bytes()).collect();
        judge(place, &strings).map(|(_, verdict)| verdict)
    }

    #[track_caller]
    fn told(place: OwnerPlace, strings: &[&str], part: &str) {
        let fault = verdict(place, strings).unwrap().unwrap_err();
        let text = format!("{}; {}", fault.message, fault.help);
        assert!(text.contains(part), "{strings:?}: {text}");
    }

    #[test]
    fn strings_that_join_without_a_blank_are_told_with_the_text_to_write() {
        told(
            OwnerPlace::Any,
            &["v=spf1", "mx", "-all"],
            "write it in one pair of quotes: \"v=spf1 mx -all\"",
        );
        told(
            OwnerPlace::Any,
            &["v=spf1 ip4:192.0.2.1", "ip4:192.0.2.2 -all"],
            "join without a blank",
        );
        told(OwnerPlace::Any, &["v=spf1 include:a.example", "-all"], "join without a blank");
        told(
            OwnerPlace::Any,
            &["v=spf1 include:a.example", "include:b.example -all"],
            "join without",
        );
        let long = format!("v=spf1 {}ip4:192.0.2.1", "ip4:192.0.2.1 ".repeat(17));
        told(OwnerPlace::Any, &[&long, "-all"], "end each string but the last with a blank");
    }

    #[test]
    fn a_record_may_be_parted_anywhere() {
        for strings in [
            &["v=spf1 mx ", "-all"][..],
            &["v=spf1 mx", " -all"],
            &["v=spf1 include:_spf.exam", "ple.com -all"],
            &["v=sp", "f1 mx -a", "ll"],
            &["v=spf1 mx ~", "all"],
            &["", "v=spf1 -all", ""],
        ] {
            assert_eq!(verdict(OwnerPlace::Any, strings), Some(Ok(())), "{strings:?}");
        }
    }

    #[test]
    fn slips_in_front_are_told_and_other_texts_are_nobodys() {
        told(OwnerPlace::Any, &[" v=spf1 -all"], "is not read");
        told(OwnerPlace::Any, &["\"v=spf1 -all\""], "is not read");
        told(OwnerPlace::Any, &["v=spf1; mx"], "is not read");
        told(OwnerPlace::Any, &["v=spf1 mx –all"], "other than ASCII");
        for text in ["", "v=spf10 x", "google-site-verification=x", "v=verifydomain MS=1", "spf"] {
            assert_eq!(verdict(OwnerPlace::Any, &[text]), None, "{text}");
        }
    }

    #[test]
    fn the_owner_says_what_a_text_is_for() {
        let place = |name: &str| OwnerPlace::of(&Name::parse(name).unwrap());
        assert_eq!(place("_DMARC.example.com"), OwnerPlace::Dmarc);
        assert_eq!(place("s1.sub._domainkey.example.com"), OwnerPlace::Dkim);
        assert_eq!(place("*._domainkey.example.com"), OwnerPlace::Dkim);
        // A policy of RFC 4870 or 5617, and a domain that allows reports to be sent here.
        for name in ["_domainkey.example.com", "_adsp._domainkey.example.com"] {
            assert_eq!(place(name), OwnerPlace::Any, "{name}");
        }
        assert_eq!(place("example.org._report._dmarc.example.com"), OwnerPlace::Any);
        assert_eq!(verdict(OwnerPlace::Dmarc, &["v=DMARC1; p=none"]), Some(Ok(())));
        assert_eq!(verdict(OwnerPlace::Dmarc, &["v=spf1 -all"]), Some(Ok(())));
        assert_eq!(verdict(OwnerPlace::Any, &["v=DMARC1"]), None);
        told(OwnerPlace::Dmarc, &["v=DMARC1"], "in one pair of quotes");
        told(OwnerPlace::Dkim, &["anything"], "has no `=`");
    }
}
