//! Collects the faults of one zone while it is read and checked.

use std::borrow::Cow;
use std::sync::Arc;

use crate::zone::rdata::words::Token;
use crate::zone::record::{FaultCode, FilePosition, Severity, ZoneFault};

/// Maximum number of errors, and of warnings, that are kept. Further ones are only counted.
pub const MAX_FAULTS: usize = 100;

/// The faults found so far.
#[derive(Debug, Default)]
pub struct Faults {
    errors: Entries,
    warnings: Entries,
}

#[derive(Debug, Default)]
struct Entries {
    kept: Vec<Entry>,
    /// Faults beyond [`MAX_FAULTS`].
    more: usize,
}

#[derive(Debug)]
struct Entry {
    place: FilePosition,
    message: String,
    help: Option<String>,
    code: Option<FaultCode>,
}

impl Faults {
    /// Adds an error. An empty `help` counts as none.
    pub fn error<'a>(
        &mut self,
        place: FilePosition,
        message: impl Into<Cow<'a, str>>,
        help: impl Into<Cow<'a, str>>,
    ) {
        self.errors.add(None, place, message.into(), help.into());
    }

    /// Adds a warning. An empty `help` counts as none.
    pub fn warning<'a>(
        &mut self,
        place: FilePosition,
        message: impl Into<Cow<'a, str>>,
        help: impl Into<Cow<'a, str>>,
    ) {
        self.warnings.add(None, place, message.into(), help.into());
    }

    /// Adds a fault that callers tell from others by its code.
    pub fn add(
        &mut self,
        severity: Severity,
        code: FaultCode,
        place: FilePosition,
        message: String,
        help: &str,
    ) {
        let entries = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        entries.add(Some(code), place, message.into(), help.into());
    }

    /// Whether an error was added; warnings do not count.
    pub fn any_errors(&self) -> bool {
        !self.errors.kept.is_empty()
    }

    /// All errors in the order of the files, then all warnings. A last entry of each counts those
    /// beyond [`MAX_FAULTS`].
    pub fn into_list(self, files: &[Arc<str>]) -> Vec<ZoneFault> {
        let mut list = self.errors.into_list(Severity::Error, files);
        list.extend(self.warnings.into_list(Severity::Warning, files));
        list
    }
}

impl Entries {
    fn add(
        &mut self,
        code: Option<FaultCode>,
        place: FilePosition,
        message: Cow<'_, str>,
        help: Cow<'_, str>,
    ) {
        if self.kept.len() >= MAX_FAULTS {
            self.more += 1;
            return;
        }
        let help = (!help.is_empty()).then(|| help.into_owned());
        self.kept.push(Entry { place, message: message.into_owned(), help, code });
    }

    fn into_list(mut self, severity: Severity, files: &[Arc<str>]) -> Vec<ZoneFault> {
        self.kept.sort_by_key(|entry| entry.place);
        if let (Some(&Entry { place, .. }), true) = (self.kept.last(), self.more > 0) {
            let noun = if severity == Severity::Error { "faults" } else { "warnings" };
            let message = format!("and {} more {noun}", self.more);
            self.kept.push(Entry { place, message, help: None, code: None });
        }
        let fault = |Entry { place, message, help, code }| ZoneFault {
            file: files.get(usize::from(place.file)).cloned().unwrap_or_else(|| "".into()),
            line: place.line,
            column: place.column,
            message,
            help,
            severity,
            code,
        };
        self.kept.into_iter().map(fault).collect()
    }
}

/// The position of a token, including its opening quote.
pub fn place_of(file: u16, text: &[u8], token: &Token) -> FilePosition {
    let at = token.start - u32::from(token.quoted);
    place_at(file, text, token.line, token.line_start, at)
}

/// The position of a missing word: directly behind the last word.
pub fn place_behind(file: u16, text: &[u8], token: &Token) -> FilePosition {
    let at = token.end + u32::from(token.quoted);
    place_at(file, text, token.line, token.line_start, at)
}

/// Columns count characters, as editors do.
pub fn place_at(file: u16, text: &[u8], line: u32, line_start: u32, at: u32) -> FilePosition {
    let before = text.get(line_start as usize..at as usize).unwrap_or_default();
    let characters = match before.is_ascii() {
        true => before.len(),
        // As the line is shown: an octet that is not UTF-8 counts as one character.
        false => String::from_utf8_lossy(before).chars().count(),
    };
    FilePosition { file, line, column: characters as u32 + 1 }
}
