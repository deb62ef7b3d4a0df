//! A fault in a file, with all that the operator needs to mend it.
//!
//! A fault has a copy of the source line, so that printing it opens no file and shows the text that
//! was read, even when the file has changed since.

use std::fmt;
use std::ops::Range;

use crate::cluster::visible::{is_hidden, visible_line};
use crate::zone::name_fault::invisible;
use crate::zone::record::{FaultCode, Severity};

/// Most characters of a source line that are kept; of a longer line, the characters around the
/// fault.
pub const MAX_EXCERPT: usize = 160;

/// A message, its place, and a help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub severity: Severity,
    /// The path as it was given: the argument of `--config`, or its folder with the name in
    /// `file:`.
    pub file: String,
    /// `None` when the fault concerns the whole file.
    pub spot: Option<Spot>,
    /// `pools.web.check.timeout`; `None` in a zone file, and when the file is no YAML.
    pub key_path: Option<String>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Another place of the same file that the fault concerns, and a label for it.
    pub also: Option<(Spot, String)>,
    /// `None` for faults that no caller has to tell from others.
    pub code: Option<FaultCode>,
}

/// A message and a help whose place the caller knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to write instead, or what to do.
    pub help: Option<String>,
}

impl Problem {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Problem {
        Problem { message: message.into(), help: Some(help.into()) }
    }

    pub fn without_help(message: impl Into<String>) -> Problem {
        Problem { message: message.into(), help: None }
    }

    /// Appends to the help.
    pub fn and_help(self, more: &str) -> Problem {
        let help = self.help.unwrap_or_default() + more;
        Problem { help: Some(help), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.help {
            Some(help) => write!(f, "{}; {help}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// A range of characters in one line. Line and column count from 1; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub line: u32,
    pub column: u32,
    pub length: u32,
}

/// A [`Span`] with its source line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    pub span: Span,
    /// The source line, or the part of a long one around the span.
    pub excerpt: String,
    /// The range of the span in `excerpt`, in bytes.
    pub marked: Range<usize>,
}

impl Fault {
    /// An error without a key path or help.
    pub fn error(file: &str, spot: Option<Spot>, message: impl Into<String>) -> Fault {
        Fault {
            severity: Severity::Error,
            file: file.to_owned(),
            spot,
            key_path: None,
            message: message.into(),
            help: None,
            also: None,
            code: None,
        }
    }

    /// A fault of the whole file.
    pub fn of_file(file: &str, problem: Problem) -> Fault {
        Fault { help: problem.help, ..Fault::error(file, None, problem.message) }
    }

    pub fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(spot) = &self.spot {
            write!(f, ":{}:{}", spot.span.line, spot.span.column)?;
        }
        f.write_str(": ")?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if let Some(path) = &self.key_path {
            write!(f, "{path}: ")?;
        }
        f.write_str(&visible_line(&self.message))?;
        match &self.help {
            Some(help) => write!(f, "; {}", visible_line(help)),
            None => Ok(()),
        }
    }
}

/// The text of a file, from which [`Spot`]s are made.
#[derive(Debug)]
pub struct Source<'a> {
    pub file: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> Source<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Source<'a> {
        let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        // The YAML parser ends a line also at a lone carriage return.
        Source { file, lines: lines.flat_map(|line| line.split('\r')).collect() }
    }

    pub fn lines(&self) -> &[&'a str] {
        &self.lines
    }

    /// A span with its source line.
    pub fn spot(&self, span: Span) -> Spot {
        let index = (span.line as usize).saturating_sub(1);
        Spot::new(self.lines.get(index).copied().unwrap_or_default(), span)
    }

    /// The span from `column` to `end` without trailing blanks; one character when the value ends
    /// in another line (`None`). `line` counts from 1, columns from 0.
    pub fn trimmed_span(&self, line: usize, column: usize, end: Option<usize>) -> Span {
        let text = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let width = end.map_or(0, |end| end.saturating_sub(column));
        let is_ink = |(_, char): &(usize, char)| !char.is_whitespace();
        let last = text.chars().skip(column).take(width).enumerate().filter(is_ink).last();
        let length = last.map_or(1, |(at, _)| at as u32 + 1);
        Span { line: line as u32, column: column as u32 + 1, length }
    }

    /// An error at `span`.
    pub fn fault(&self, span: Span, message: impl Into<String>) -> Fault {
        Fault::error(self.file, Some(self.spot(span)), message)
    }
}

impl Spot {
    /// `line` is the source line of `span`.
    pub fn new(line: &str, span: Span) -> Spot {
        let column = (span.column as usize).saturating_sub(1);
        let is_short = line.chars().nth(MAX_EXCERPT).is_none();
        let first = if is_short { 0 } else { column.saturating_sub(MAX_EXCERPT / 2) };
        let mut excerpt = String::new();
        let mut marked = None;
        let mut end = None;
        for (at, char) in line.chars().enumerate().skip(first).take(MAX_EXCERPT) {
            if at == column {
                marked = Some(excerpt.len());
            }
            if at == column + span.length as usize {
                end = Some(excerpt.len());
            }
            // Replaced one by one, so that the mark stays under the right character.
            let is_safe = (!is_hidden(char) && invisible(char).is_none()) || char == '\t';
            excerpt.push(if is_safe { char } else { '\u{fffd}' });
        }
        let start = marked.unwrap_or(excerpt.len());
        let marked = start..end.unwrap_or(excerpt.len()).max(start);
        Spot { span, excerpt, marked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, line: u32, column: u32, length: u32) -> (String, String) {
        let spot = Source::new("f", text).spot(Span { line, column, length });
        (spot.excerpt[spot.marked.clone()].to_owned(), spot.excerpt)
    }

    #[test]
    fn a_spot_marks_characters_of_its_line() {
        assert_eq!(marked("a: 1\r\nñu: 2\r\n", 2, 5, 1), ("2".into(), "ñu: 2".into()));
        assert_eq!(marked("a: 1\n", 1, 4, 9).0, "1");
        // In YAML a lone carriage return ends a line (YAML 1.2 §5.4).
        assert_eq!(marked("a: 1\rb: 2\r\r\nc: 3", 2, 4, 1).0, "2");
        assert_eq!(marked("a: 1\rb: 2\r\r\nc: 3", 4, 4, 1).0, "3");
        assert_eq!(marked("a", 7, 7, 7), (String::new(), String::new()));
    }

    #[test]
    fn a_long_line_is_cut_around_the_fault() {
        let text = format!("{}!{}", "x".repeat(1000), "y".repeat(1000));
        let (mark, excerpt) = marked(&text, 1, 1001, 1);
        assert_eq!((mark.as_str(), excerpt.len()), ("!", MAX_EXCERPT));
    }

    #[test]
    fn one_line_says_where_what_and_what_instead() {
        let source = Source::new("config.yaml", "ttl: 0");
        let mut fault =
            source.fault(Span { line: 1, column: 6, length: 1 }, "0 is too small").help("write 1");
        fault.key_path = Some("ttl".into());
        assert_eq!(fault.to_string(), "config.yaml:1:6: ttl: 0 is too small; write 1");
        assert_eq!(Fault::error("f", None, "is empty").to_string(), "f: is empty");
    }
}
