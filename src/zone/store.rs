//! All zones of a server in one compact, immutable store.
//!
//! An RRset is stored in the form in which it is sent: a row of resource records whose owner is a
//! pointer to the question (offset 12). Answering an existing name is then one probe of the index
//! and one copy. Names below a zone cut, or hidden by a zone of their own, are marked or removed
//! while building, so that a look-up finds the result at the entry of the name.
//!
//! ```text
//! index    hash → entry          one table for all zones
//! entries  name, kind, RRsets    every existing name, empty non-terminals included
//! bytes    name | RR RR | TTL A A ...  of one entry next to each other
//! ```
//!
//! A name whose addresses the caller answers (from a pool) has a `slot`, a number that the caller
//! gave it.

use crate::zone::index::Index;
use crate::zone::name::Name;
use crate::zone::rrset::{Rrset, RrsetView};

/// The zones; see the module.
#[derive(Debug)]
pub struct Zones {
    pub(super) index: Index,
    pub(super) entries: Vec<NameEntry>,
    pub(super) links: Vec<Links>,
    /// All RRsets but the first of each entry, which is in the entry.
    pub(super) rrsets: Vec<Rrset>,
    pub(super) bytes: Vec<u8>,
    pub(super) zones: Vec<ZoneHead>,
}

/// One existing name. Together with its first RRset, the only one of most names, it fills half a
/// cache line: in a large zone each cache line less saves a wait for memory.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub struct NameEntry {
    /// Start of the name in `Zones::bytes`.
    pub(super) name: u32,
    /// Number of RRsets. That of the lowest type is `first`, the others are in `Zones::rrsets`.
    pub(super) rrsets: u16,
    pub zone: ZoneId,
    pub(super) first: Rrset,
    /// Index of the second RRset in `Zones::rrsets`.
    pub(super) others: u32,
    /// Index into `Zones::links`; `NONE` for most names.
    pub(super) links: u32,
    pub(super) name_len: u8,
    pub kind: NameKind,
}

const _: () = assert!(size_of::<NameEntry>() == 32);

/// What a few names have in addition to records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Links {
    /// The slot of a name whose addresses the caller answers, or `NONE`.
    pub(super) slot: u32,
    /// The cut above a name of `NameKind::Below`, the wildcard right below another name, or `NONE`.
    pub(super) entry: u32,
}

/// Where a name is, seen from the zone cuts; this decides how it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// Authoritative data, or an empty non-terminal.
    Inside,
    /// Zone cut: a delegation to a zone that this server does not have.
    Cut,
    /// Below a cut: glue.
    Below,
}

/// Index into the zones of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneId(pub(super) u16);

/// Index of a name's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameId(pub(super) u32);

/// The parts of a zone that belong to no single name.
#[derive(Debug, Clone)]
pub(super) struct ZoneHead {
    pub(super) apex: Name,
    pub(super) apex_entry: NameId,
    pub(super) soa: Rrset,
    /// The zone above, if this server has it. It answers for DS at this apex (RFC 4035 §3.1.4.1).
    pub(super) parent: Option<ZoneId>,
    /// The DS records in the parent zone.
    pub(super) parent_ds: Option<Rrset>,
    pub(super) serial: u32,
    pub(super) records: usize,
}

/// Stands for a missing index or slot.
pub(super) const NONE: u32 = u32::MAX;

/// The error for more data than 32-bit offsets can address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than 4 GiB of zone data, or more than 65535 zones")]
pub struct TooLarge;

impl Zones {
    /// Finds a name in lower-case wire form.
    #[inline(never)]
    pub fn find(&self, lower: &[u8]) -> Option<NameId> {
        self.index
            .find(self.index.hash(lower), |entry| self.name_of(NameId(entry)) == lower)
            .map(NameId)
    }

    /// Finds a name in any letter case. Nearly all questions come in lower case.
    #[inline(always)]
    pub fn find_sent(&self, name: &[u8]) -> Option<NameId> {
        let is = |entry| {
            let ours = self.name_of(NameId(entry));
            ours == name || name.eq_ignore_ascii_case(ours)
        };
        self.index.find(self.index.hash(name), is).map(NameId)
    }

    /// The hash of a name: different names nearly always have different hashes.
    #[inline]
    pub fn hash(&self, lower: &[u8]) -> u64 {
        self.index.exact_hash(lower)
    }

    /// The entry of a name.
    #[inline]
    pub fn entry(&self, id: NameId) -> &NameEntry {
        &self.entries[id.0 as usize]
    }

    /// The name in lower-case wire form.
    #[inline]
    pub fn name_of(&self, id: NameId) -> &[u8] {
        let entry = &self.entries[id.0 as usize];
        let start = entry.name as usize;
        self.bytes.get(start..start + usize::from(entry.name_len)).unwrap_or_default()
    }

    /// The RRset of a type at a name.
    #[inline]
    pub fn rrset(&self, id: NameId, rtype: u16) -> Option<RrsetView<'_>> {
        let entry = self.entry(id);
        let rrset = match entry.rrsets {
            0 => return None,
            _ if entry.first.rtype == rtype => &entry.first,
            1 => return None,
            _ => entry.others(&self.rrsets).iter().find(|rrset| rrset.rtype == rtype)?,
        };
        Some(self.view(rrset))
    }

    /// The RRsets of a name, in ascending order of type.
    pub fn rrsets(&self, id: NameId) -> impl Iterator<Item = RrsetView<'_>> {
        self.entry(id).rrsets(&self.rrsets).map(|rrset| self.view(rrset))
    }

    #[inline]
    fn view<'z>(&'z self, rrset: &'z Rrset) -> RrsetView<'z> {
        RrsetView { bytes: &self.bytes, rrset }
    }

    /// The caller's number of a name whose addresses the caller answers.
    #[inline]
    pub fn slot(&self, entry: &NameEntry) -> Option<u32> {
        let slot = self.links.get(entry.links as usize)?.slot;
        (slot != NONE).then_some(slot)
    }

    /// The wildcard directly below this name.
    pub fn wildcard(&self, entry: &NameEntry) -> Option<NameId> {
        let wildcard = self.links.get(entry.links as usize)?.entry;
        (entry.kind == NameKind::Inside && wildcard != NONE).then_some(NameId(wildcard))
    }

    /// The cut that this name is below.
    pub fn cut(&self, entry: &NameEntry) -> Option<NameId> {
        let cut = self.links.get(entry.links as usize)?.entry;
        (entry.kind == NameKind::Below).then_some(NameId(cut))
    }

    /// All zones, in the order in which they were given.
    pub fn zone_ids(&self) -> impl Iterator<Item = ZoneId> + use<> {
        (0..self.zones.len() as u16).map(ZoneId)
    }

    /// The name at the top of the zone.
    pub fn apex(&self, zone: ZoneId) -> &Name {
        &self.zones[zone.index()].apex
    }

    /// The entry of the apex.
    pub fn apex_entry(&self, zone: ZoneId) -> NameId {
        self.zones[zone.index()].apex_entry
    }

    /// The SOA record at the apex.
    pub fn soa(&self, zone: ZoneId) -> RrsetView<'_> {
        self.view(&self.zones[zone.index()].soa)
    }

    /// The serial of the SOA.
    pub fn serial(&self, zone: ZoneId) -> u32 {
        self.zones[zone.index()].serial
    }

    /// Number of records in the files of the zone, without duplicates.
    pub fn record_count(&self, zone: ZoneId) -> usize {
        self.zones[zone.index()].records
    }

    /// The parent zone of `zone`, if this server has it, with its DS records for `zone`.
    pub fn parent_side(&self, zone: ZoneId) -> Option<(ZoneId, Option<RrsetView<'_>>)> {
        let head = &self.zones[zone.index()];
        head.parent.map(|parent| (parent, head.parent_ds.as_ref().map(|ds| self.view(ds))))
    }
}

impl NameEntry {
    /// The RRsets of this name in ascending order of type. `all` is `Zones::rrsets`.
    pub(super) fn rrsets<'n>(&'n self, all: &'n [Rrset]) -> impl Iterator<Item = &'n Rrset> {
        let first = (self.rrsets > 0).then_some(&self.first);
        first.into_iter().chain(self.others(all))
    }

    #[inline]
    fn others<'a>(&self, all: &'a [Rrset]) -> &'a [Rrset] {
        let start = self.others as usize;
        let count = usize::from(self.rrsets).saturating_sub(1);
        all.get(start..start + count).unwrap_or_default()
    }
}

impl ZoneId {
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl NameId {
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The name without its leftmost label; `None` for the root.
pub fn parent(lower: &[u8]) -> Option<&[u8]> {
    match lower.first() {
        None | Some(0) => None,
        Some(len) => lower.get(1 + usize::from(*len)..),
    }
}
