//! Reads `tag=value; tag=value;`, the form of DKIM keys (RFC 6376 §3.2) and of DMARC policies
//! (RFC 7489 §6.4).

use crate::zone::mail::{TextFault, fault, shown};

/// Maximum number of tags in one record; more are a fault.
const MAX_TAGS: usize = 64;

/// Names and values of the tags in their order, without the blanks around them.
#[derive(Debug)]
pub struct Tags<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Tags<'a> {
    /// Reads the tags of `text`, whose kind of record messages call `what`. A part that is not
    /// `name=value`, or a name given twice, is a fault.
    pub fn read(text: &'a str, what: &str) -> Result<Tags<'a>, TextFault> {
        let mut tags: Vec<(&str, &str)> = vec![];
        let mut parts = text.split(';').map(blanks).peekable();
        while let Some(part) = parts.next() {
            if part.is_empty() && parts.peek().is_none() {
                break;
            }
            let Some((name, value)) = part.split_once('=') else {
                let message = format!("{} is no tag of this {what}: it has no `=`", shown(part));
                return Err(fault(message, "write tags as name=value, parted by `;`"));
            };
            let (name, value) = (blanks(name), blanks(value));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let is_name = name.bytes().all(plain)
                && name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
            if !is_name {
                let message = format!("{} is no name of a tag in this {what}", shown(name));
                return Err(fault(message, "write tags as name=value, parted by `;`"));
            }
            if tags.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                let message = format!("the tag `{name}` stands twice in this {what}");
                return Err(fault(message, "keep one of the two"));
            }
            if tags.len() == MAX_TAGS {
                return Err(fault(
                    format!("more than {MAX_TAGS} tags in this {what}"),
                    "remove some",
                ));
            }
            tags.push((name, value));
        }
        Ok(Tags(tags))
    }

    /// The value of the tag `name`, in any letter case.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Name and value of the first tag.
    pub fn first(&self) -> Option<(&'a str, &'a str)> {
        self.0.first().copied()
    }
}

/// `text` without spaces, tabs and line breaks at both ends.
fn blanks(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_a_last_semicolon_are_nothing() {
        let tags = Tags::read(" v = DMARC1 ;\tp=none ; x= a b ;", "policy").unwrap();
        assert_eq!(tags.0, [("v", "DMARC1"), ("p", "none"), ("x", "a b")]);
        assert_eq!(tags.get("P"), Some("none"));
    }

    #[test]
    fn what_is_no_tag_is_told() {
        for (text, part) in [
            ("v=DMARC1; p", "has no `=`"),
            ("v=DMARC1;; p=none", "has no `=`"),
            ("v=DMARC1; =none", "no name of a tag"),
            ("v=DMARC1; p q=none", "no name of a tag"),
            ("v=DMARC1; p=none; p=none", "stands twice"),
        ] {
            let fault = Tags::read(text, "policy").unwrap_err();
            assert!(fault.message.contains(part), "{text}: {}", fault.message);
        }
    }
}
