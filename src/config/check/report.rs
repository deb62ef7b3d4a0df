//! Collects the faults of the check, and finds the line of each by its key path.

use crate::config::fault::{Fault, Source};
use crate::config::written::{Found, KeyPath, Written};
use crate::zone::record::Severity;

#[derive(Debug)]
pub struct Report<'a> {
    source: &'a Source<'a>,
    tree: &'a Written,
    pub faults: Vec<Fault>,
}

impl<'a> Report<'a> {
    /// `faults` are those of the stages before.
    pub fn new(source: &'a Source<'a>, tree: &'a Written, faults: Vec<Fault>) -> Report<'a> {
        Report { source, tree, faults }
    }

    /// At the value of `path`; at what is nearest above it when it is not written.
    pub fn error(
        &mut self,
        path: &KeyPath,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> &mut Fault {
        self.push(Severity::Error, path, message.into(), help.into())
    }

    pub fn warning(&mut self, path: &KeyPath, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Warning, path, message.into(), help.into());
    }

    /// As [`Report::error`], and shows what is at `other` too.
    pub fn clash(
        &mut self,
        path: &KeyPath,
        message: impl Into<String>,
        help: impl Into<String>,
        other: (&KeyPath, &str),
    ) {
        let span = self.tree.nearest(other.0).span();
        let also = Some((self.source.spot(span), other.1.to_owned()));
        self.error(path, message, help).also = also;
    }

    /// The required `key` is not there. Kept back when it is there but faulty.
    pub fn missing(&mut self, path: &KeyPath, key: &str, help: impl Into<String>) {
        if !self.is_told(&path.key(key)) {
            self.error(path, format!("`{key}` is missing"), help);
        }
    }

    /// A fault of this value, or of one around it, is told already.
    pub fn is_told(&self, path: &KeyPath) -> bool {
        self.tree.is_told(path)
    }

    /// The value as it is written.
    pub fn find(&self, path: &KeyPath) -> Option<Found<'a>> {
        self.tree.find(path)
    }

    pub fn has_errors(&self) -> bool {
        self.faults.iter().any(|fault| fault.severity == Severity::Error)
    }

    fn push(
        &mut self,
        severity: Severity,
        path: &KeyPath,
        message: String,
        help: String,
    ) -> &mut Fault {
        let nearest = self.tree.nearest(path);
        let mut fault = self.source.fault(nearest.span(), message).help(help);
        fault.severity = severity;
        fault.key_path = (!path.is_root()).then(|| self.tree.as_written(path).to_string());
        if std::ptr::eq(nearest.value, self.tree) {
            // The first line has nothing to do with what is missing in the file.
            fault.spot = None;
        }
        self.faults.push(fault);
        let last = self.faults.len() - 1;
        &mut self.faults[last]
    }
}
