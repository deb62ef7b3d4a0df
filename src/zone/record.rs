//! A zone in memory: its records, owner names and source positions, and the faults of its files.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::zone::index::Index;
use crate::zone::name::Name;
use crate::zone::rtype::SOA;

/// Maximum TTL in seconds (RFC 2181 §8).
pub const MAX_TTL: u32 = i32::MAX as u32;

/// A zone that the reader of zone files accepted: no fault of it is an error, and no record occurs
/// twice.
#[derive(Debug, Clone)]
pub struct Zone {
    pub apex: Name,
    pub owners: Owners,
    /// Sorted by `OwnerId`, then by type number, then in the order of the file.
    pub records: Vec<Record>,
    /// RDATA of all records in uncompressed wire form, one after another.
    pub rdata: Vec<u8>,
    /// Names of the files that the zone was read from.
    pub files: Vec<Arc<str>>,
}

/// The owner names of a zone, in the order in which they first occur. Names that differ only in
/// letter case are one name, and its first spelling is kept.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    names: Vec<Name>,
    index: Index,
}

/// The number of an owner name within its zone: from 0, in the order in which names first occur.
/// That is not the canonical order of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnerId(pub u32);

/// A resource record.
///
/// It is kept small: a zone of a million records pays a megabyte for each octet here.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    pub owner: OwnerId,
    /// TTL in seconds, at most [`MAX_TTL`]; the same for all records of an RRset.
    pub ttl: u32,
    /// Type number.
    pub rtype: u16,
    /// Length of the RDATA in octets.
    pub rdata_len: u16,
    /// Offset of the RDATA in `Zone::rdata` in octets.
    pub rdata: u32,
    /// Where the record begins.
    pub place: FilePosition,
}

/// A position in a zone file. Line and column count from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePosition {
    /// Index into `Zone::files`.
    pub file: u16,
    pub line: u32,
    pub column: u32,
}

impl FilePosition {
    /// The start of the first file, where faults about missing records are reported.
    pub(super) const START: FilePosition = FilePosition { file: 0, line: 1, column: 1 };
}

/// A fault in a zone file. It prints as `FILE:LINE:COLUMN: message; help`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneFault {
    /// The file name as the configuration (`file:`) or an `$INCLUDE` line writes it.
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
    /// Says what is wrong, in lower case and without a full stop; cites the RFC section that has
    /// the rule.
    pub message: String,
    /// What to write instead, if the reader of zone files knows it.
    pub help: Option<String>,
    pub severity: Severity,
    /// Set for the faults that callers tell apart.
    pub code: Option<FaultCode>,
}

/// The faults that the reader of zone files and the checks of a delegation both look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultCode {
    /// The target of an NS record has a CNAME record (RFC 2181 §10.3).
    NameServerIsAlias,
    /// The target of an NS record is in the zone and has neither A nor AAAA record.
    NameServerWithoutAddress,
}

/// Whether a fault keeps its zone from being loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Reported; the zone loads.
    Warning,
    /// The zone does not load.
    Error,
}

impl Zone {
    /// The owner name of a record of this zone.
    pub fn owner(&self, record: &Record) -> &Name {
        &self.owners.names[record.owner.index()]
    }

    /// The records of each owner, in the order of `OwnerId`.
    pub fn runs(&self) -> impl Iterator<Item = &[Record]> {
        self.records.chunk_by(|a, b| a.owner == b.owner)
    }

    /// The records whose owner name is `name`, sorted by type; empty when it has none. Wildcards do
    /// not apply.
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

    /// A digest of owner name, type, TTL and RDATA of all records except SOA, independent of the
    /// order of the records. Zones that differ in SOA alone have equal digests. It is not
    /// cryptographic, and another version of the program may compute another one.
    pub fn digest(&self) -> u64 {
        let without_soa = self.records.iter().filter(|record| record.rtype != SOA);
        let digests = without_soa.map(|record| {
            let mut hasher = FxHasher::default();
            self.owner(record).hash(&mut hasher);
            (record.rtype, record.ttl).hash(&mut hasher);
            self.rdata(record).hash(&mut hasher);
            hasher.finish()
        });
        digests.fold(0, u64::wrapping_add)
    }

    /// The RDATA of a record of this zone, in uncompressed wire form.
    pub fn rdata(&self, record: &Record) -> &[u8] {
        let start = record.rdata as usize;
        &self.rdata[start..start + usize::from(record.rdata_len)]
    }
}

/// The records of type `rtype` among the records of one owner, which are sorted by type as
/// [`Zone::at`] returns them.
pub fn rrset_of(owner_records: &[Record], rtype: u16) -> &[Record] {
    let start = owner_records.partition_point(|record| record.rtype < rtype);
    let end = owner_records.partition_point(|record| record.rtype <= rtype);
    owner_records.get(start..end).unwrap_or_default()
}

impl Owners {
    /// The number of a name. A name that is new is added, with the next number.
    pub fn find_or_add(&mut self, name: Name) -> OwnerId {
        let hash = self.index.hash(name.as_wire());
        self.find_with_hash(hash, &name).unwrap_or_else(|| {
            let next = self.names.len() as u32;
            self.index.insert(hash, next);
            self.names.push(name);
            OwnerId(next)
        })
    }

    /// The number of a name, in any letter case.
    pub fn find(&self, name: &Name) -> Option<OwnerId> {
        self.find_with_hash(self.index.hash(name.as_wire()), name)
    }

    /// Like [`Owners::find`], with the hash of the name already computed.
    fn find_with_hash(&self, hash: u64, name: &Name) -> Option<OwnerId> {
        self.index.find(hash, |number| self.names[number as usize] == *name).map(OwnerId)
    }

    /// All names, in the order of `OwnerId`.
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
