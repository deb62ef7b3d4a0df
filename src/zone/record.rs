//! What a zone file says, record by record.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::zone::name::Name;

/// A zone as read: the records in the order of the file, checked, duplicates dropped.
#[derive(Debug, Clone)]
pub struct Zone {
    pub apex: Name,
    pub records: Vec<Record>,
    /// RDATA of all records in uncompressed wire form, one after the other.
    pub rdata: Vec<u8>,
    /// Names of the files that it was read from; `Place::file` points in here.
    pub files: Vec<Arc<str>>,
}

#[derive(Debug, Clone)]
pub struct Record {
    pub owner: Name,
    pub rtype: u16,
    /// Seconds, at most 2^31 - 1 (RFC 2181 §8); the same for all records of an RRset.
    pub ttl: u32,
    /// Where in `Zone::rdata`; at most 65535 octets.
    pub rdata: Range<u32>,
    pub place: Place,
}

/// A place in a zone file. Line and column count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: u16,
    pub line: u32,
    pub column: u32,
}

/// Something wrong in a zone file, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneFault {
    /// As in `$INCLUDE` or `file:`.
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
    /// Lower case, no full stop: what is wrong, with the RFC section where one orders it.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    pub severity: Severity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth telling; the zone loads.
    Warning,
    /// The zone does not load.
    Error,
}

impl Zone {
    /// Runs of records with the very same owner: as many as owners or a few more, and known without
    /// a table, so that tables can be made as large as they will be.
    pub fn runs(&self) -> usize {
        let same = |a: &Record, b: &Record| std::ptr::eq(a.owner.as_wire(), b.owner.as_wire());
        self.records.chunk_by(same).count()
    }

    pub fn rdata(&self, record: &Record) -> &[u8] {
        &self.rdata[record.rdata.start as usize..record.rdata.end as usize]
    }
}

impl fmt::Display for ZoneFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}
