//! Collects the faults of the check, each with the line of its key path.

use crate::config::fault::{Fault, Source};
use crate::config::key_path::KeyPath;
use crate::config::suggestion;
use crate::config::yaml_value::{Found, YamlValue};
use crate::zone::record::Severity;

/// Most faults that are kept; further ones are only counted.
pub const MAX_FAULTS: usize = 500;

#[derive(Debug)]
pub struct Report<'a> {
    source: &'a Source<'a>,
    tree: &'a YamlValue,
    any_pruned: bool,
    pub faults: Vec<Fault>,
    /// Errors beyond [`MAX_FAULTS`].
    pub more: usize,
}

impl<'a> Report<'a> {
    /// `faults` are those of earlier stages.
    pub fn new(source: &'a Source<'a>, tree: &'a YamlValue, faults: Vec<Fault>) -> Report<'a> {
        Report { source, tree, any_pruned: tree.any_pruned(), faults, more: 0 }
    }

    /// Reports a fault at the value of `path`, or at the nearest one above it that is written.
    pub fn error(&mut self, path: &KeyPath, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Error, path, message.into(), help.into(), None);
    }

    pub fn warning(&mut self, path: &KeyPath, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Warning, path, message.into(), help.into(), None);
    }

    /// The same, and shows a second place with a label.
    pub fn clash(
        &mut self,
        path: &KeyPath,
        message: impl Into<String>,
        help: impl Into<String>,
        other: (&KeyPath, &str),
    ) {
        self.push(Severity::Error, path, message.into(), help.into(), Some(other));
    }

    /// Reports that the required `key` is missing, unless it is there but faulty.
    pub fn missing(&mut self, path: &KeyPath, key: &str, help: impl Into<String>) {
        if !self.is_faulty(&path.key(key)) {
            self.error(path, format!("`{key}` is missing"), help);
        }
    }

    /// `did you mean …? `, or nothing when there are so many faults that nobody reads it.
    pub fn meant<'b>(&self, word: &str, known: impl Iterator<Item = &'b str>) -> String {
        const MAX_MEANT: usize = 50;
        if self.faults.len() < MAX_MEANT {
            suggestion::did_you_mean(word, known)
        } else {
            String::new()
        }
    }

    /// Whether a fault of this value, or of one above it, is reported already.
    pub fn is_faulty(&self, path: &KeyPath) -> bool {
        self.any_pruned && self.tree.is_faulty(path)
    }

    /// The value at `path`.
    pub fn find(&self, path: &KeyPath) -> Option<Found<'a>> {
        self.tree.find(path)
    }

    /// Whether the list at `path` has entries, faulty ones included.
    pub fn has_items(&self, path: &KeyPath) -> bool {
        self.find(path).is_some_and(|found| !found.value.is_empty())
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
            // The place of the whole file would be its first line, which says nothing.
            fault.spot = None;
        }
        self.faults.push(fault);
    }
}
