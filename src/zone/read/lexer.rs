//! Splits the text of a master file into entries of words (RFC 1035 §5.1).
//!
//! An entry is a line, or several lines that parentheses join. Words are ranges of the text;
//! nothing is copied or unescaped here. A quoted string over several lines and nested parentheses
//! are refused, as by at least two of BIND, NSD and Knot, so that a forgotten closing sign is
//! reported where it was forgotten.

use crate::zone::rdata::words::Token;

/// Maximum number of words of an entry: 65535 octets of RDATA, each as a word of hex digits.
const MAX_TOKENS: usize = 1 << 17;

/// Reads one entry after another from a text.
#[derive(Debug)]
pub struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
    line_start: usize,
}

/// A fault in how a text is split, such as a quote that is not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LexFault {
    pub line: u32,
    /// Offset of the line's first octet.
    pub line_start: u32,
    /// Offset of the fault.
    pub at: u32,
    pub message: &'static str,
    pub help: &'static str,
}

/// An entry. It is `indented` if it begins with a space and so has the owner of the entry before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub indented: bool,
}

const PLAIN: u8 = 0;
const SPACE: u8 = 1;
const SPECIAL: u8 = 2;
static CLASS: [u8; 256] = {
    let mut class = [PLAIN; 256];
    let mut control = 0;
    while control < 32 {
        class[control] = SPECIAL;
        control += 1;
    }
    class[127] = SPECIAL;
    class[b'\t' as usize] = SPACE;
    class[b' ' as usize] = SPACE;
    class[b'"' as usize] = SPECIAL;
    class[b'(' as usize] = SPECIAL;
    class[b')' as usize] = SPECIAL;
    class[b';' as usize] = SPECIAL;
    class[b'\\' as usize] = SPECIAL;
    class
};

const LONE_RETURN: (&str, &str) =
    ("a carriage return without a line feed", "end lines with a line feed");
const CONTROL: (&str, &str) = ("a control character", "remove it, or write it as \\DDD");
const OPEN_QUOTE: (&str, &str) =
    ("this quote is not closed on its line", "close it, and continue with a new string in quotes");

impl<'a> Lexer<'a> {
    /// `text` is shorter than 4 GiB. A byte order mark at its start is skipped.
    pub fn new(text: &'a [u8]) -> Lexer<'a> {
        let at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Lexer { text, at, line: 1, line_start: at }
    }

    /// Reads the words of the next entry into `tokens`; `None` at the end of the text. After a
    /// fault, the next call continues with the next line.
    pub fn entry(&mut self, tokens: &mut Vec<Token>) -> Option<Result<Entry, LexFault>> {
        loop {
            tokens.clear();
            let indented = CLASS[usize::from(*self.text.get(self.at)?)] == SPACE;
            if let Err(fault) = self.words(tokens) {
                self.skip_line();
                return Some(Err(fault));
            }
            if !tokens.is_empty() {
                return Some(Ok(Entry { indented }));
            }
        }
    }

    /// Reads words up to and with the line feed that ends the entry.
    fn words(&mut self, tokens: &mut Vec<Token>) -> Result<(), LexFault> {
        let mut open: Option<LexFault> = None;
        loop {
            let Some(&byte) = self.text.get(self.at) else {
                return open.map_or(Ok(()), Err);
            };
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'\n' => {
                    self.new_line();
                    if open.is_none() {
                        return Ok(());
                    }
                }
                b'\r' if matches!(self.text.get(self.at + 1), Some(b'\n') | None) => self.at += 1,
                b';' => self.skip_comment(),
                b'(' => {
                    if let Some(fault) = open {
                        let message = "this parenthesis is not closed before the next one opens";
                        return Err(LexFault { message, ..fault });
                    }
                    let what = ("this parenthesis is never closed", "write ) behind the record");
                    open = Some(self.fault(self.at, what));
                    self.at += 1;
                }
                b')' => {
                    if open.take().is_none() {
                        let what = (
                            "this parenthesis closes nothing",
                            "remove it, or write ( on \
                                     the line where the record begins",
                        );
                        return Err(self.fault(self.at, what));
                    }
                    self.at += 1;
                }
                b'"' => {
                    let start = self.at;
                    self.quoted(start)?;
                    self.push(tokens, start + 1, self.at - 1, true)?;
                }
                _ => {
                    let start = self.at;
                    self.word(start)?;
                    self.push(tokens, start, self.at, false)?;
                }
            }
        }
    }

    fn push(
        &self,
        tokens: &mut Vec<Token>,
        start: usize,
        end: usize,
        quoted: bool,
    ) -> Result<(), LexFault> {
        if tokens.len() >= MAX_TOKENS {
            let what = (
                "more words than one record can hold",
                "close the parenthesis that opened \
                         the record",
            );
            return Err(self.fault(start, what));
        }
        tokens.push(Token {
            start: start as u32,
            end: end as u32,
            line: self.line,
            line_start: self.line_start as u32,
            quoted,
        });
        Ok(())
    }

    fn word(&mut self, start: usize) -> Result<(), LexFault> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest.iter().take_while(|byte| CLASS[usize::from(**byte)] == PLAIN).count();
            self.at += plain;
            match self.text.get(self.at) {
                None | Some(b' ' | b'\t' | b'\n' | b'(' | b')' | b';') => return Ok(()),
                Some(b'\r') if matches!(self.text.get(self.at + 1), Some(b'\n') | None) => {
                    return Ok(());
                }
                Some(b'\r') => return Err(self.fault(self.at, LONE_RETURN)),
                Some(b'\\') => match self.text.get(self.at + 1) {
                    None | Some(b'\n' | b'\r') => {
                        let what = ("a backslash at the end of the line", "remove it");
                        return Err(self.fault(self.at, what));
                    }
                    Some(_) => self.at += 2,
                },
                // RFC 9460 §2.1 writes alpn="h2,h3"; any other word ends here.
                Some(b'"') if self.at > start && self.text.get(self.at - 1) == Some(&b'=') => {
                    self.quoted(self.at)?;
                }
                Some(b'"') => return Ok(()),
                Some(_) => return Err(self.fault(self.at, CONTROL)),
            }
        }
    }

    /// Reads from the quote at `start` to behind the closing quote.
    fn quoted(&mut self, start: usize) -> Result<(), LexFault> {
        self.at = start + 1;
        loop {
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                None | Some(b'\n') => return Err(self.fault(start, OPEN_QUOTE)),
                Some(b'\\') if self.text.get(self.at + 1) != Some(&b'\n') => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
    }

    fn skip_comment(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }

    fn skip_line(&mut self) {
        self.skip_comment();
        if self.at < self.text.len() {
            self.new_line();
        }
    }

    fn new_line(&mut self) {
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
    }

    fn fault(&self, at: usize, (message, help): (&'static str, &'static str)) -> LexFault {
        LexFault {
            line: self.line,
            line_start: self.line_start as u32,
            at: at as u32,
            message,
            help,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Indented or not, and the words; or line, column and message.
    type Found = Result<(bool, Vec<String>), (u32, u32, &'static str)>;

    fn entries(text: &str) -> Vec<Found> {
        let mut lexer = Lexer::new(text.as_bytes());
        let mut tokens = Vec::new();
        let mut found = Vec::new();
        while let Some(entry) = lexer.entry(&mut tokens) {
            found.push(match entry {
                Ok(entry) => {
                    let word = |t: &Token| text[t.start as usize..t.end as usize].to_owned();
                    Ok((entry.indented, tokens.iter().map(word).collect()))
                }
                Err(fault) => Err((fault.line, fault.at - fault.line_start + 1, fault.message)),
            });
        }
        found
    }

    fn words(text: &str) -> Vec<String> {
        match entries(text).as_slice() {
            [Ok((_, words))] => words.clone(),
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn spaces_comments_and_line_ends() {
        assert_eq!(words("a  b\tc ; d\n"), ["a", "b", "c"]);
        assert_eq!(words("\u{feff}a b\r\n\r\n;x\n  \n"), ["a", "b"]);
        assert_eq!(words("a b"), ["a", "b"]);
        assert_eq!(words("a;b"), ["a"]);
        assert_eq!(entries(" a\nb\n").len(), 2);
        assert_eq!(entries(" a\n"), [Ok((true, vec!["a".into()]))]);
    }

    #[test]
    fn parentheses_hold_lines_together() {
        assert_eq!(words("a (b ; c )\n d)e\n"), ["a", "b", "d", "e"]);
        assert_eq!(words("(a\nb)\n"), ["a", "b"]);
        let unclosed = "this parenthesis is never closed";
        assert_eq!(entries("a\nb (\nc\n")[1], Err((2, 3, unclosed)));
        let nested = "this parenthesis is not closed before the next one opens";
        assert_eq!(entries("a ( b\nc ( d )\ne f\n")[0], Err((1, 3, nested)));
        assert!(entries("a ( b\nc ( d )\ne f\n")[1].is_ok());
        assert_eq!(entries("a )\n")[0], Err((1, 3, "this parenthesis closes nothing")));
    }

    #[test]
    fn quotes_and_escapes() {
        assert_eq!(words(r#"a "b c;(" "" "d\"e""#), ["a", "b c;(", "", "d\\\"e"]);
        assert_eq!(words(r#""a""b""#), ["a", "b"]);
        assert_eq!(
            words(r#"alpn="h2,h3" x\"y \; \( a\ b"#),
            ["alpn=\"h2,h3\"", "x\\\"y", "\\;", "\\(", "a\\ b"]
        );
        assert_eq!(entries("a \"b\nc\n")[0], Err((1, 3, OPEN_QUOTE.0)));
        assert_eq!(entries("a \"b\\\nc\n")[0], Err((1, 3, OPEN_QUOTE.0)));
        assert_eq!(entries("a \"b\\")[0], Err((1, 3, OPEN_QUOTE.0)));
        assert_eq!(entries("a b\\\n")[0], Err((1, 4, "a backslash at the end of the line")));
    }

    #[test]
    fn control_characters_are_faults() {
        assert_eq!(entries("a\rb\n")[0], Err((1, 2, LONE_RETURN.0)));
        assert_eq!(entries("a\0b\n")[0], Err((1, 2, CONTROL.0)));
        assert_eq!(entries("a \u{c}\n")[0], Err((1, 3, CONTROL.0)));
    }
}
