//! The records of a zone file.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::zone::index::Index;
use crate::zone::name::Name;
use crate::zone::rtype::SOA;

/// Maximum TTL in seconds (RFC 2181 §8).
pub const MAX_TTL: u32 = i32::MAX as u32;

/// A zone as read: checked, duplicates dropped.
#[derive(Debug, Clone)]
pub struct Zone {
    pub apex: Name,
    pub owners: Owners,
    /// Sorted by owner, then by type, then in the order of the file.
    pub records: Vec<Record>,
    /// RDATA of all records in uncompressed wire form, one after another.
    pub rdata: Vec<u8>,
    /// Names of the files that it was read from. `FilePosition::file` is an index into them.
    pub files: Vec<Arc<str>>,
}

/// The names that have records, without duplicates in another letter case, in the order of the
/// file.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    names: Vec<Name>,
    index: Index,
}

/// Index into the owners of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnerId(pub u32);

/// A large zone has a million records, so each octet here is a megabyte.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    pub owner: OwnerId,
    /// Seconds, at most 2^31 - 1 (RFC 2181 §8); the same for all records of an RRset.
    pub ttl: u32,
    pub rtype: u16,
    pub rdata_len: u16,
    /// Start of its RDATA in `Zone::rdata`.
    pub rdata: u32,
    pub place: FilePosition,
}

/// A position in a zone file. Line and column count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePosition {
    pub file: u16,
    pub line: u32,
    pub column: u32,
}

impl FilePosition {
    /// The start of the first file. Faults about missing records are reported
    /// here.
    pub(super) const START: FilePosition = FilePosition { file: 0, line: 1, column: 1 };
}

/// A fault in a zone file, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneFault {
    /// The name as in `$INCLUDE` or `file:`.
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
    /// Lower case, no full stop: what is wrong, with the RFC section where one orders it.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    pub severity: Severity,
    /// `None` for faults that no caller has to tell from others.
    pub code: Option<FaultCode>,
}

/// A fault that the checks of a delegation look for, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultCode {
    NameServerIsAlias,
    NameServerWithoutAddress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Reported; the zone loads.
    Warning,
    /// The zone does not load.
    Error,
}

impl Zone {
    pub fn owner(&self, record: &Record) -> &Name {
        &self.owners.names[record.owner.index()]
    }

    /// The records of each owner, in the order of their numbers.
    pub fn runs(&self) -> impl Iterator<Item = &[Record]> {
        self.records.chunk_by(|a, b| a.owner == b.owner)
    }

    /// The records of an owner; empty when it has none.
    pub fn at(&self, name: &Name) -> &[Record] {
        let Some(owner) = self.owners.find(name) else { return &[] };
        let start = self.records.partition_point(|record| record.owner < owner);
        let end = self.records.partition_point(|record| record.owner <= owner);
        self.records.get(start..end).unwrap_or_default()
    }

    pub fn rrset(&self, name: &Name, rtype: u16) -> &[Record] {
        rrset_of(self.at(name), rtype)
    }

    pub fn has(&self, name: &Name, rtype: u16) -> bool {
        !self.rrset(name, rtype).is_empty()
    }

    /// A digest of all records except SOA, independent of their order. Equal zones have equal
    /// digests. It is not cryptographic.
    pub fn digest(&self) -> u64 {
        let of_others = self.records.iter().filter(|record| record.rtype != SOA);
        let digests = of_others.map(|record| {
            let mut hasher = FxHasher::default();
            self.owner(record).hash(&mut hasher);
            (record.rtype, record.ttl).hash(&mut hasher);
            self.rdata(record).hash(&mut hasher);
            hasher.finish()
        });
        digests.fold(0, u64::wrapping_add)
    }

    pub fn rdata(&self, record: &Record) -> &[u8] {
        let start = record.rdata as usize;
        &self.rdata[start..start + usize::from(record.rdata_len)]
    }
}

/// The records of one type among those of one owner.
pub fn rrset_of(of_owner: &[Record], rtype: u16) -> &[Record] {
    let start = of_owner.partition_point(|record| record.rtype < rtype);
    let end = of_owner.partition_point(|record| record.rtype <= rtype);
    of_owner.get(start..end).unwrap_or_default()
}

impl Owners {
    /// The number of a name. A new name gets the next number.
    pub fn number(&mut self, name: Name) -> OwnerId {
        let hash = self.index.hash(name.as_wire());
        self.hashed(hash, &name).unwrap_or_else(|| {
            let next = self.names.len() as u32;
            self.index.insert(hash, next);
            self.names.push(name);
            OwnerId(next)
        })
    }

    pub fn find(&self, name: &Name) -> Option<OwnerId> {
        self.hashed(self.index.hash(name.as_wire()), name)
    }

    fn hashed(&self, hash: u64, name: &Name) -> Option<OwnerId> {
        self.index.find(hash, |number| self.names[number as usize] == *name).map(OwnerId)
    }

    /// In the order of their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.names.iter()
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl OwnerId {
    pub fn index(self) -> usize {
        self.0 as usize
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
