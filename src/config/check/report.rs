//! Collects the faults of the check, and finds the line of each by its key path.

use crate::config::fault::{Fault, Source};
use crate::config::suggestion;
use crate::config::written::{Found, KeyPath, Written};
use crate::zone::record::Severity;

/// Most faults that are kept; beyond, they are counted and no longer placed.
pub const MAX_FAULTS: usize = 500;

#[derive(Debug)]
pub struct Report<'a> {
    source: &'a Source<'a>,
    tree: &'a Written,
    any_pruned: bool,
    pub faults: Vec<Fault>,
    /// Errors beyond [`MAX_FAULTS`].
    pub more: usize,
}

impl<'a> Report<'a> {
    /// `faults` are those of the stages before.
    pub fn new(source: &'a Source<'a>, tree: &'a Written, faults: Vec<Fault>) -> Report<'a> {
        Report { source, tree, any_pruned: tree.any_pruned(), faults, more: 0 }
    }

    /// At the value of `path`; at what is nearest above it when it is not written.
    pub fn error(&mut self, path: &KeyPath, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Error, path, message.into(), help.into(), None);
    }

    pub fn warning(&mut self, path: &KeyPath, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Warning, path, message.into(), help.into(), None);
    }

    /// As [`Report::error`], and shows what is at `other` too.
    pub fn clash(
        &mut self,
        path: &KeyPath,
        message: impl Into<String>,
        help: impl Into<String>,
        other: (&KeyPath, &str),
    ) {
        self.push(Severity::Error, path, message.into(), help.into(), Some(other));
    }

    /// The required `key` is not there. Kept back when it is there but faulty.
    pub fn missing(&mut self, path: &KeyPath, key: &str, help: impl Into<String>) {
        if !self.is_told(&path.key(key)) {
            self.error(path, format!("`{key}` is missing"), help);
        }
    }

    /// `did you mean …? `, while there are few enough faults that somebody reads it.
    pub fn meant<'b>(&self, word: &str, known: impl Iterator<Item = &'b str>) -> String {
        const MAX_MEANT: usize = 50;
        if self.faults.len() < MAX_MEANT {
            suggestion::did_you_mean(word, known)
        } else {
            String::new()
        }
    }

    /// A fault of this value, or of one around it, is told already.
    pub fn is_told(&self, path: &KeyPath) -> bool {
        self.any_pruned && self.tree.is_told(path)
    }

    /// The value as it is written.
    pub fn find(&self, path: &KeyPath) -> Option<Found<'a>> {
        self.tree.find(path)
    }

    pub fn has_errors(&self) -> bool {
        self.more > 0 || self.faults.iter().any(|fault| fault.severity == Severity::Error)
    }

    fn push(
        &mut self,
        severity: Severity,
        path: &KeyPath,
        message: String,
        help: String,
        other: Option<(&KeyPath, &str)>,
    ) {
        if self.faults.len() >= MAX_FAULTS {
            self.more += usize::from(severity == Severity::Error);
            return;
        }
        let nearest = self.tree.nearest(path);
        let mut fault = self.source.fault(nearest.span(), message).help(help);
        fault.severity = severity;
        fault.key_path = (!path.is_root()).then(|| self.tree.as_written(path).to_string());
        fault.also = other.map(|(path, label)| {
            (self.source.spot(self.tree.nearest(path).span()), label.to_owned())
        });
        if std::ptr::eq(nearest.value, self.tree) {
            // The first line has nothing to do with what is missing in the file.
            fault.spot = None;
        }
        self.faults.push(fault);
    }
}
