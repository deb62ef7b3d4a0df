//! Domain names in wire form (RFC 1035 §3.1).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::zone::idn;
use crate::zone::name_fault::NameFault;

/// Octets of the longest name in wire form, root label included (RFC 1035 §2.3.4).
pub const MAX_NAME: usize = 255;
/// Octets of the longest label (RFC 1035 §2.3.4).
pub const MAX_LABEL: usize = 63;

/// An absolute domain name: length-prefixed labels up to the root, in the letter case in which it
/// was written. Comparing, ordering and hashing ignore the case of ASCII letters (RFC 4343).
/// Cheap to clone.
#[derive(Clone)]
pub struct Name(Arc<[u8]>);

impl Name {
    /// The root, `.`.
    pub fn root() -> Name {
        Name([0].into())
    }

    /// Parses presentation form (RFC 1035 §5.1) with `\DDD` and `\X` escapes. A missing final dot
    /// is supplied, and `.` is the root. A label that is not ASCII becomes an A-label (RFC 5890
    /// §2.3.2.1).
    pub fn parse(text: &str) -> Result<Name, NameFault> {
        Name::parse_relative(text.as_bytes(), None)
    }

    /// As [`Name::parse`], but a name without a final dot is completed by `origin`. `@` has no
    /// special meaning.
    pub fn parse_relative(text: &[u8], origin: Option<&Name>) -> Result<Name, NameFault> {
        let mut wire = [0u8; MAX_NAME];
        let (len, absolute) = parse_labels(text, &mut wire)?;
        match origin {
            Some(origin) if !absolute => Name::complete(&wire[..len], origin.as_wire()),
            _ => Name::complete(&wire[..len], &[0]),
        }
    }

    /// As [`Name::parse_relative`], but appends the wire form to `out` instead of creating a name.
    /// A fault leaves `out` unchanged.
    pub fn append_relative(text: &[u8], origin: &Name, out: &mut Vec<u8>) -> Result<(), NameFault> {
        let mut wire = [0u8; MAX_NAME];
        let (len, absolute) = parse_labels(text, &mut wire)?;
        let tail = if absolute { &[0] } else { origin.as_wire() };
        if len + tail.len() > MAX_NAME {
            return Err(NameFault::TooLong);
        }
        out.extend_from_slice(&wire[..len]);
        out.extend_from_slice(tail);
        Ok(())
    }

    fn complete(head: &[u8], tail: &[u8]) -> Result<Name, NameFault> {
        if head.len() + tail.len() > MAX_NAME {
            return Err(NameFault::TooLong);
        }
        Ok(Name([head, tail].concat().into()))
    }

    /// The uncompressed name at the start of `bytes`, and the octets behind it.
    pub fn from_wire(bytes: &[u8]) -> Result<(Name, &[u8]), NameFault> {
        let mut at = 0;
        loop {
            let label = usize::from(*bytes.get(at).ok_or(NameFault::Truncated)?);
            if label > MAX_LABEL {
                return Err(NameFault::LabelTooLong);
            }
            at += 1 + label;
            if at > MAX_NAME {
                return Err(NameFault::TooLong);
            }
            if label == 0 {
                return Ok((Name(bytes[..at].into()), &bytes[at..]));
            }
        }
    }

    /// The name with `label` in front of this name.
    pub fn child(&self, label: &[u8]) -> Result<Name, NameFault> {
        match label.len() {
            0 => Err(NameFault::EmptyLabel),
            1..=MAX_LABEL => Name::complete(&[&[label.len() as u8], label].concat(), &self.0),
            _ => Err(NameFault::LabelTooLong),
        }
    }

    /// Wire form, in the letter case in which the name was written.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// Wire form in lower case: the key of look-ups.
    pub fn to_lower(&self) -> Vec<u8> {
        self.0.to_ascii_lowercase()
    }

    /// As [`Name::to_lower`], into the caller's buffer.
    pub fn lower<'r>(&self, room: &'r mut [u8; MAX_NAME]) -> &'r [u8] {
        let Some(lower) = room.get_mut(..self.0.len()) else { return &[] };
        lower.copy_from_slice(&self.0);
        lower.make_ascii_lowercase();
        lower
    }

    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// Labels from the left, without the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        labels(&self.0)
    }

    /// The name without its leftmost label; `None` for the root.
    pub fn parent(&self) -> Option<Name> {
        (!self.is_root()).then(|| Name(self.0[1 + usize::from(self.0[0])..].into()))
    }

    /// Whether this is `ancestor` or below it.
    pub fn is_within(&self, ancestor: &Name) -> bool {
        let mut rest: &[u8] = &self.0;
        while rest.len() > ancestor.0.len() {
            rest = &rest[1 + usize::from(rest[0])..];
        }
        rest.eq_ignore_ascii_case(&ancestor.0)
    }

    /// Whether the leftmost label is `*` (RFC 4592 §2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }
}

/// Labels of a wire-form name from the left, without the root.
pub fn labels(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = wire;
    std::iter::from_fn(move || {
        let (&len, tail) = rest.split_first()?;
        if len == 0 {
            return None;
        }
        let (label, tail) = tail.split_at_checked(usize::from(len))?;
        rest = tail;
        Some(label)
    })
}

/// Writes labels in presentation form to `wire`, without the root. Returns the length, and whether
/// the text ends in a dot.
fn parse_labels(text: &[u8], wire: &mut [u8; MAX_NAME]) -> Result<(usize, bool), NameFault> {
    match text.is_ascii() {
        true => parse_ascii(text, wire),
        false => parse_ascii(&idn::to_ascii(text)?, wire),
    }
}

fn parse_ascii(text: &[u8], wire: &mut [u8; MAX_NAME]) -> Result<(usize, bool), NameFault> {
    if text == b"." {
        return Ok((0, true));
    }
    let mut len = 0;
    let mut rest = text;
    loop {
        let start = len;
        len += 1;
        let dotted = loop {
            let Some((&byte, tail)) = rest.split_first() else { break false };
            rest = tail;
            let byte = match byte {
                b'.' => break true,
                b'\\' => {
                    let (byte, tail) = unescape(rest)?;
                    rest = tail;
                    byte
                }
                byte => byte,
            };
            if len - start > MAX_LABEL {
                return Err(NameFault::LabelTooLong);
            }
            *wire.get_mut(len).ok_or(NameFault::TooLong)? = byte;
            len += 1;
        };
        let label = len - start - 1;
        if label == 0 {
            return Err(NameFault::EmptyLabel);
        }
        wire[start] = label as u8;
        if rest.is_empty() {
            return Ok((len, dotted));
        }
        if len >= MAX_NAME {
            return Err(NameFault::TooLong);
        }
    }
}

/// The octet that `\\DDD` or `\\X` stands for, and the text behind it (RFC 1035 §5.1).
pub fn unescape(after_backslash: &[u8]) -> Result<(u8, &[u8]), NameFault> {
    match after_backslash {
        [a, b, c, rest @ ..] if a.is_ascii_digit() => {
            let digit = |d: &u8| d.is_ascii_digit().then(|| u32::from(d - b'0'));
            let value = match (digit(a), digit(b), digit(c)) {
                (Some(a), Some(b), Some(c)) => a * 100 + b * 10 + c,
                _ => return Err(NameFault::BadEscape),
            };
            Ok((u8::try_from(value).map_err(|_| NameFault::BadEscape)?, rest))
        }
        [first, ..] if first.is_ascii_digit() => Err(NameFault::BadEscape),
        [first, rest @ ..] => Ok((*first, rest)),
        [] => Err(NameFault::BadEscape),
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.lower(&mut [0; MAX_NAME]));
    }
}

/// Canonical DNS order (RFC 4034 §6.1): labels compared from the right.
impl Ord for Name {
    fn cmp(&self, other: &Name) -> std::cmp::Ordering {
        let reversed = |name: &Name| {
            let mut labels: Vec<Vec<u8>> = name.labels().map(|l| l.to_ascii_lowercase()).collect();
            labels.reverse();
            labels
        };
        reversed(self).cmp(&reversed(other))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Presentation form with the final dot. Ambiguous characters are escaped.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                        write!(f, "\\{}", char::from(byte))?;
                    }
                    b'!'..=b'~' => write!(f, "{}", char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn presentation_and_back() {
        for text in [".", "midominio.com.", "a\\.b.c.", "\\000\\255.x.", "*.x.", "dkim._dk.x."] {
            assert_eq!(name(text).to_string(), text);
        }
        assert_eq!(name("www.Midominio.com").to_string(), "www.Midominio.com.");
        assert_eq!(name("\\119ww.x"), name("WWW.x."));
        assert_eq!(name("münchen.x").to_string(), "xn--mnchen-3ya.x.");
        assert_eq!(name("m\\252nchen.x").to_string(), "m\\252nchen.x.");
    }

    #[test]
    fn bounds_are_kept() {
        let label = "a".repeat(63);
        assert_eq!(name(&label).as_wire().len(), 65);
        assert_eq!(Name::parse(&format!("{label}a")), Err(NameFault::LabelTooLong));
        let long = [label.as_str(), &label, &label, &"a".repeat(61)].join(".");
        assert_eq!(name(&long).as_wire().len(), 255);
        assert_eq!(Name::parse(&format!("{long}a")), Err(NameFault::TooLong));
        for text in ["", "..", ".a", "a..b", "a.."] {
            assert_eq!(Name::parse(text), Err(NameFault::EmptyLabel), "{text:?}");
        }
        for text in ["\\", "\\1", "\\12", "\\256", "\\1a2"] {
            assert_eq!(Name::parse(text), Err(NameFault::BadEscape), "{text:?}");
        }
    }

    #[test]
    fn relative_names_are_completed() {
        let origin = name("midominio.com");
        let relative = |text: &str| Name::parse_relative(text.as_bytes(), Some(&origin)).unwrap();
        assert_eq!(relative("www"), name("www.midominio.com"));
        assert_eq!(relative("www."), name("www"));
    }

    #[test]
    fn ancestors() {
        let apex = name("midominio.com");
        assert!(name("MIDOMINIO.COM").is_within(&apex));
        assert!(name("a.b.midominio.com").is_within(&apex));
        assert!(!name("xmidominio.com").is_within(&apex));
        assert!(!name("com").is_within(&apex));
        assert!(apex.is_within(&Name::root()));
        assert_eq!(apex.parent(), Some(name("com")));
        assert_eq!(Name::root().parent(), None);
    }

    #[test]
    fn canonical_order_is_by_labels_from_the_right() {
        let mut names = ["z.example", "a.example", "example", "yljkjljk.a.example", "*.z.example"]
            .map(name)
            .to_vec();
        names.sort();
        let sorted: Vec<String> = names.iter().map(Name::to_string).collect();
        assert_eq!(
            sorted,
            ["example.", "a.example.", "yljkjljk.a.example.", "z.example.", "*.z.example."]
        );
    }

    #[test]
    fn wire_form_is_read_up_to_the_root() {
        let (got, rest) = Name::from_wire(b"\x01a\x00zz").unwrap();
        assert_eq!((got, rest), (name("a"), &b"zz"[..]));
        assert_eq!(Name::from_wire(b"\x01a"), Err(NameFault::Truncated));
        assert_eq!(Name::from_wire(b"\xc0\x0c"), Err(NameFault::LabelTooLong));
    }
}
