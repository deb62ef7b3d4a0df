//! Makes text from outside safe to show: replies of nodes, and what operators or clients write.
//!
//! | in a text | shown as |
//! |---|---|
//! | a control character but tab and line feed | `\u{1b}` |
//! | a character that reorders the line (bidi: U+202E and its like) | `\u{202e}` |
//! | U+2028 and U+2029, which some programs treat as line ends | `\u{2028}` |
//! | an invisible blank (U+200B, U+2060, U+FEFF) | `\u{feff}` |
//! | anything else | itself |
//!
//! Without this a node could control the terminal of a reader of the log, or make `down` look like
//! `up`.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` with hidden characters escaped. Line feeds and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    escape(text, |char| is_hidden(char) && !matches!(char, '\n' | '\t'))
}

/// As [`visible`], with line feeds and tabs escaped, too.
pub fn visible_line(text: &str) -> Cow<'_, str> {
    escape(text, is_hidden)
}

/// The beginning of `text` on one line: at most `most` characters as they are shown, counting each
/// character of an escape.
pub fn excerpt(text: &str, most: usize) -> String {
    let mut shown = 0;
    let end = text.char_indices().find(|&(_, char)| {
        shown += if is_hidden(char) { char.escape_unicode().len() } else { 1 };
        shown > most
    });
    visible_line(&text[..end.map_or(text.len(), |(at, _)| at)]).into_owned()
}

/// Whether a character is invisible or changes how the text around it is shown.
pub fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn escape(text: &str, hide: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&hide) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if hide(char) {
            // Writing to a String never fails.
            let _ = write!(escaped, "{}", char.escape_unicode());
        } else {
            escaped.push(char);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_be_seen_is_escaped_and_all_else_stays() {
        let plain = "niño\t日本 ☂ \"a\"\n";
        assert!(matches!(visible(plain), Cow::Borrowed(text) if text == plain));
        assert_eq!(visible("\u{1b}[2Jup\r\u{202e}nwod"), "\\u{1b}[2Jup\\u{d}\\u{202e}nwod");
        assert_eq!(visible_line("a\nb\u{9b}\u{2066}"), "a\\u{a}b\\u{9b}\\u{2066}");
    }

    #[test]
    fn an_excerpt_is_no_longer_for_its_escapes() {
        assert_eq!(excerpt("niño", 4), "niño");
        assert_eq!(excerpt("niño", 3), "niñ");
        assert_eq!(excerpt("a\0b", 6), "a\\u{0}");
        assert_eq!(excerpt("a\0b", 5), "a");
        assert_eq!(excerpt(&"\0".repeat(1000), 200).len(), 200);
    }
}
