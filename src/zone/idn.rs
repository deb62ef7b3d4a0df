//! Converts names that are not ASCII to A-labels by IDNA 2008 (RFC 5890 to 5893), and back.
//!
//! UTS 46 without transitional processing maps what people write (capital letters, full width) and
//! checks Bidi and joiners. What it accepts beyond RFC 5892, mostly symbols, is refused here.
//!
//! | in a name | then |
//! |---|---|
//! | letters, digits and marks of any script | `xn--…`, label by label |
//! | symbols, and marks out of their context (RFC 5892 appendix A) | refused: write `xn--…` |
//! | an invisible character | refused; the fault names the character |
//! | octets that are no UTF-8 | refused: the name would differ in each encoding |
//! | `\DDD` | the octet itself (RFC 1035 §5.1) |

use std::borrow::Cow;

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, Script};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::zone::name_fault::{NameFault, invisible};

/// Converts a name in presentation form to A-labels. Escapes stay unchanged.
pub fn to_ascii(text: &[u8]) -> Result<Vec<u8>, NameFault> {
    let text = std::str::from_utf8(text).map_err(|_| NameFault::NotUtf8)?;
    let mut ascii = String::with_capacity(2 * text.len());
    for part in text.split_inclusive('.') {
        let label = part.strip_suffix('.').unwrap_or(part);
        match label.is_ascii() {
            true => ascii.push_str(label),
            false => ascii.push_str(&a_label(label)?),
        }
        ascii.push_str(&part[label.len()..]);
    }
    Ok(ascii.into_bytes())
}

fn a_label(label: &str) -> Result<String, NameFault> {
    // Joiners are allowed in some scripts, as UTS 46 checks; it silently drops others.
    let joins = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
    if let Some(c) = label.chars().find(|c| invisible(*c).is_some() && !joins(*c)) {
        return Err(NameFault::Invisible(c));
    }
    let (deny, length) = (AsciiDenyList::STD3, DnsLength::Verify);
    let ascii = Uts46::new().to_ascii(label.as_bytes(), deny, Hyphens::Check, length);
    let refused = || match label.chars().find(|c| joins(*c)) {
        Some(joiner) => NameFault::Invisible(joiner),
        None => NameFault::NotIdna,
    };
    let ascii = ascii.map_err(|_| refused())?;
    if ascii.contains('.') || u_label(&ascii).is_none_or(|label| !is_allowed(&label)) {
        return Err(refused());
    }
    Ok(ascii.into_owned())
}

/// The Unicode form of a label in ASCII. `None` when it has no valid form.
fn u_label(ascii: &str) -> Option<Cow<'_, str>> {
    let (label, result) =
        Uts46::new().to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    result.ok().map(|()| label)
}

/// Whether RFC 5892 §3 allows a label that UTS 46 has mapped and found stable.
fn is_allowed(label: &str) -> bool {
    let chars: Vec<char> = label.chars().collect();
    let category = CodePointMapData::<GeneralCategory>::new();
    let script = CodePointMapData::<Script>::new();
    let any = |wanted: &[Script]| chars.iter().any(|c| wanted.contains(&script.get(*c)));
    chars.iter().enumerate().all(|(at, &c)| {
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at + 1);
        match c {
            // Exceptions (RFC 5892 §2.6); first those that depend on the context (appendix A).
            '\u{b7}' => before == Some(&'l') && after == Some(&'l'),
            '\u{375}' => after.is_some_and(|c| script.get(*c) == Script::Greek),
            '\u{5f3}' | '\u{5f4}' => before.is_some_and(|c| script.get(*c) == Script::Hebrew),
            '\u{30fb}' => any(&[Script::Hiragana, Script::Katakana, Script::Han]),
            '\u{660}'..='\u{669}' => !chars.iter().any(|c| ('\u{6f0}'..='\u{6f9}').contains(c)),
            '\u{200c}' | '\u{200d}' => true, // UTS 46 has checked the context
            '-' | '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '\u{3007}' => true,
            '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{303b}' => false,
            '\u{3031}'..='\u{3035}' => false,
            // The old letters of Hangul (RFC 5892 §2.9).
            '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}' => false,
            c => matches!(
                category.get(c),
                GeneralCategory::LowercaseLetter
                    | GeneralCategory::OtherLetter
                    | GeneralCategory::ModifierLetter
                    | GeneralCategory::NonspacingMark
                    | GeneralCategory::SpacingMark
                    | GeneralCategory::DecimalNumber
            ),
        }
    })
}

/// A name in presentation form with its A-labels in Unicode. `None` when it has no A-label that
/// [`to_ascii`] would make.
pub fn unicode(text: &str) -> Option<String> {
    let mut found = false;
    let labels = text.split('.').map(|label| {
        let prefix = label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"));
        let made = |unicode: &Cow<'_, str>| {
            a_label(unicode).is_ok_and(|ascii| ascii.eq_ignore_ascii_case(label))
        };
        match u_label(label).filter(|_| prefix).filter(made) {
            Some(unicode) => {
                found = true;
                unicode
            }
            None => label.into(),
        }
    });
    let labels: Vec<Cow<'_, str>> = labels.collect();
    found.then(|| labels.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::name_fault::invisible_name;

    fn ascii(text: &str) -> Result<String, NameFault> {
        to_ascii(text.as_bytes()).map(|ascii| String::from_utf8(ascii).unwrap())
    }

    #[test]
    fn labels_become_a_labels() {
        for (text, wanted) in [
            ("münchen", "xn--mnchen-3ya"),
            ("MÜNCHEN.Example.", "xn--mnchen-3ya.Example."),
            ("_dmarc.mañana.es", "_dmarc.xn--maana-pta.es"),
            // As they are, not as `ss` and `σ` (RFC 5894 §7.2).
            ("straße", "xn--strae-oqa"),
            ("βόλος", "xn--nxasmm1c"),
            ("例え。".trim_end_matches('。'), "xn--r8jz45g"),
            ("ｗｗｗ", "www"),
            ("عربي", "xn--ngbrx4e"),
            ("נ״ל", "xn--hebh4d"),
            ("l·l", "xn--ll-0ea"),
            ("n\\195\\177", "n\\195\\177"),
            ("*.ñ.", "*.xn--ida."),
        ] {
            assert_eq!(ascii(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_idna_2008_does_not_allow_is_refused() {
        for text in [
            "☃", "i♥dns", "💩", "a·b", "ـ", "_ñ", "-ñ", "ñ-", "ñ\\.b", "ñ b", "ñ。b", "\u{301}a",
            "ab--ñ", "אa", "ﷺ", "xn--ñ",
        ] {
            assert_eq!(ascii(text), Err(NameFault::NotIdna), "{text}");
        }
        let long = "ñ".repeat(60);
        assert!(ascii(&long).is_err());
        assert_eq!(to_ascii(b"m\xfcnchen"), Err(NameFault::NotUtf8));
    }

    #[test]
    fn what_nobody_sees_is_named() {
        for c in ['\u{a0}', '\u{200b}', '\u{200d}', '\u{ad}', '\u{202e}', '\u{feff}'] {
            assert_eq!(ascii(&format!("www{c}")), Err(NameFault::Invisible(c)));
        }
        assert_eq!(invisible_name('\u{a0}'), "a no-break space (U+00A0)");
        // In Persian, a zero-width non-joiner is part of the word (RFC 5892 appendix A.1).
        assert_eq!(ascii("نامه\u{200c}ای").as_deref(), Ok("xn--mgba3gch31f060k"));
    }
}
