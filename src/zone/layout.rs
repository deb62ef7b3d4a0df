//! Lays out names and RRsets one after another, in the arrays of [`Zones`].
//!
//! [`Zones`]: crate::zone::store::Zones

use crate::zone::record::{Record, Zone};
use crate::zone::rrset::{RENDERED, Rrset, RrsetView, packed};
use crate::zone::store::ZoneId;
use crate::zone::store::{NONE, NameEntry, NameKind};

/// Renders the records of an RRset as they follow a question for their owner. `None` when the
/// stored form serves these questions too.
pub(super) type Render<'r> = &'r dyn Fn(&[u8], &RrsetView<'_>) -> Option<Vec<u8>>;

/// The arrays of a [`Zones`], while they grow.
pub(super) struct Layout<'r> {
    pub(super) entries: Vec<NameEntry>,
    pub(super) rrsets: Vec<Rrset>,
    pub(super) bytes: Vec<u8>,
    render: Render<'r>,
}

impl<'r> Layout<'r> {
    pub(super) fn new(names: usize, render: Render<'r>) -> Layout<'r> {
        Layout { entries: Vec::with_capacity(names), rrsets: vec![], bytes: vec![], render }
    }

    /// Adds a name with all its records. `lower` is the name in lower case.
    pub(super) fn entry(&mut self, owner: &Owner, lower: &[u8], zones: &[Zone]) {
        let name = self.bytes.len() as u32;
        self.bytes.extend_from_slice(lower);
        let others = self.rrsets.len();
        let zone = &zones[owner.zone.index()];
        let mut first = None;
        for records in owner.of(zones).chunk_by(|a, b| a.rtype == b.rtype) {
            let rrset = self.rrset(zone, lower, records);
            match first {
                None => first = Some(rrset),
                Some(_) => self.rrsets.push(rrset),
            }
        }
        self.entries.push(NameEntry {
            name,
            rrsets: (usize::from(first.is_some()) + self.rrsets.len() - others) as u16,
            zone: owner.zone,
            first: first.unwrap_or_default(),
            others: others as u32,
            links: NONE,
            name_len: owner.name_len,
            kind: NameKind::Inside,
        });
    }

    /// Stores `records`, one RRset of `owner`, and its rendering if it has one.
    pub(super) fn rrset(&mut self, zone: &Zone, owner: &[u8], records: &[Record]) -> Rrset {
        let start = self.bytes.len();
        let mut rtype = 0;
        for (number, record) in records.iter().enumerate() {
            let rdata = zone.rdata(record);
            rtype = record.rtype;
            if packed(rtype).is_none() {
                self.bytes.extend_from_slice(&[0xc0, 12]);
                self.bytes.extend_from_slice(&rtype.to_be_bytes());
                self.bytes.extend_from_slice(&[0, 1]);
                self.bytes.extend_from_slice(&record.ttl.to_be_bytes());
                self.bytes.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
            } else if number == 0 {
                self.bytes.extend_from_slice(&record.ttl.to_be_bytes());
            }
            self.bytes.extend_from_slice(rdata);
        }
        let len = (self.bytes.len() - start) as u32;
        let count = records.len() as u16;
        let mut rrset = Rrset { start: start as u32, len, rtype, count };
        let view = RrsetView { bytes: &self.bytes, rrset: &rrset };
        if let Some(own) = (self.render)(owner, &view) {
            rrset.len |= RENDERED;
            self.bytes.extend_from_slice(&(own.len() as u32).to_ne_bytes());
            self.bytes.extend_from_slice(&own);
        }
        rrset
    }

    pub(super) fn has(&self, entry: u32, rtype: u16) -> bool {
        self.find(&self.entries[entry as usize], rtype).is_some()
    }

    pub(super) fn find<'l>(&'l self, entry: &'l NameEntry, rtype: u16) -> Option<&'l Rrset> {
        entry.rrsets(&self.rrsets).find(|rrset| rrset.rtype == rtype)
    }
}

/// A name while the store is built, and the place of its records.
pub(super) struct Owner {
    /// Start in `Builder::names`.
    pub(super) name: u32,
    pub(super) name_len: u8,
    pub(super) zone: ZoneId,
    /// The slot, or `NONE`.
    pub(super) slot: u32,
    /// Index of the first record in the `Zone`.
    pub(super) first: u32,
    /// Number of records.
    pub(super) records: u32,
}

impl Owner {
    /// The records of this name.
    pub(super) fn of<'z>(&self, zones: &'z [Zone]) -> &'z [Record] {
        let start = self.first as usize;
        &zones[self.zone.index()].records[start..start + self.records as usize]
    }
}
