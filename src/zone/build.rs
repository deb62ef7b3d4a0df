//! Builds a [`Zones`]: sorts the records of all zones by name, and lays them out.
//!
//! | the owner of a record of zone Z is | the record is stored |
//! |---|---|
//! | in Z and in no zone below Z that this server has | at its name |
//! | the apex of such a zone, and the type is DS | in that zone's head, as the parent's side |
//! | at or below such an apex, with another type | nowhere: that zone is authoritative |
//! | below a DNAME | nowhere (RFC 6672 §2.4) |

use std::collections::HashSet;

use rustc_hash::FxHashMap;

use crate::zone::index::Index;
use crate::zone::layout::{Layout, Owner, Render};
use crate::zone::name::{MAX_NAME, Name};
use crate::zone::record::{Record, Zone, rrset_of};
use crate::zone::rrset::{Rrset, RrsetView};
use crate::zone::rtype;
use crate::zone::store::{
    Links, NONE, NameId, NameKind, TooLarge, ZoneHead, ZoneId, Zones, parent,
};

/// For each this many names, the index has space for one name without records.
const SPARE: usize = 16;

impl Zones {
    /// Builds the store. `slots` are the owners whose addresses the caller answers, each with a
    /// number below 2^32 - 1. `render` gets an owner and one RRset, and returns the records as they
    /// follow a question for that owner, or `None` when the stored form serves these questions too.
    pub fn build<'a>(
        zones: &[Zone],
        slots: impl Iterator<Item = (&'a Name, u32)>,
        render: impl Fn(&[u8], &RrsetView<'_>) -> Option<Vec<u8>>,
    ) -> Result<Zones, TooLarge> {
        Builder::new(zones)?.build(zones, slots, &render)
    }
}

/// Sorts the records of all zones by name.
struct Builder {
    apexes: FxHashMap<Vec<u8>, ZoneId>,
    /// Indices into `owners`, by name.
    index: Index,
    /// All names in lower case, one after the other.
    names: Vec<u8>,
    owners: Vec<Owner>,
    /// False for most zones. Then no name needs a search for a cut or DNAME above it.
    has_cuts: bool,
    has_dnames: bool,
}

/// The place of a record in the store.
#[derive(Clone, Copy)]
enum RecordHolder {
    /// A name of its own zone: index into `Builder::owners`.
    Own(u32),
    /// The apex of a child zone that this server has as well.
    ApexOf(ZoneId),
    /// Below that apex, or in no zone of this server: not stored.
    Hidden,
}

impl Builder {
    fn new(zones: &[Zone]) -> Result<Builder, TooLarge> {
        let mut apexes = FxHashMap::default();
        for (index, zone) in zones.iter().enumerate() {
            apexes
                .insert(zone.apex.to_lower(), ZoneId(u16::try_from(index).map_err(|_| TooLarge)?));
        }
        let names: usize = zones.iter().map(|zone| zone.owners.len()).sum();
        Ok(Builder {
            apexes,
            index: Index::with_capacity(names + names / SPARE),
            names: vec![],
            owners: Vec::with_capacity(names),
            has_cuts: false,
            has_dnames: false,
        })
    }

    fn build<'a>(
        mut self,
        zones: &[Zone],
        slots: impl Iterator<Item = (&'a Name, u32)>,
        render: Render<'_>,
    ) -> Result<Zones, TooLarge> {
        let mut heads: Vec<ZoneHead> = vec![];
        let mut parent_ds: Vec<(ZoneId, u32)> = vec![];
        for (index, zone) in zones.iter().enumerate() {
            let id = ZoneId(index as u16);
            let apex = zone.apex.to_lower();
            self.owner(&apex, id);
            self.own_names_above(&apex);
            heads.push(self.head(zone));
            self.add_records(zone, id, &mut parent_ds);
        }
        for (name, slot) in slots {
            let lower = name.to_lower();
            if let Some(zone) = self.zone_of(&lower) {
                let owner = self.owner(&lower, zone);
                self.owners[owner as usize].slot = slot;
            }
        }
        self.hide_below_dnames(zones);
        self.lay_out(zones, heads, &parent_ds, render)
    }

    fn head(&self, zone: &Zone) -> ZoneHead {
        let lower = zone.apex.to_lower();
        let parent = parent(&lower).and_then(|above| self.zone_of(above));
        ZoneHead {
            apex: zone.apex.clone(),
            apex_entry: NameId(0),
            soa: Rrset::default(),
            parent,
            parent_ds: None,
            serial: 0,
            records: zone.records.len(),
        }
    }

    /// The zone of a name: the zone with the longest apex at or above it.
    fn zone_of(&self, lower: &[u8]) -> Option<ZoneId> {
        let mut name = Some(lower);
        while let Some(at) = name {
            if let Some(zone) = self.apexes.get(at) {
                return Some(*zone);
            }
            name = parent(at);
        }
        None
    }

    /// Gives each owner its records, if it belongs to this zone. Records of a parent zone at or
    /// below the apex of another zone of this server are dropped, except DS.
    fn add_records(&mut self, zone: &Zone, id: ZoneId, parent_ds: &mut Vec<(ZoneId, u32)>) {
        let mut first = 0;
        for run in zone.runs() {
            let records = first..first + run.len() as u32;
            first = records.end;
            let Some(name) = run.first().map(|record| zone.owner(record)) else { continue };
            match self.holder(name, id) {
                RecordHolder::Own(number) => {
                    self.has_dnames |= !rrset_of(run, rtype::DNAME).is_empty();
                    self.has_cuts |= !rrset_of(run, rtype::NS).is_empty() && *name != zone.apex;
                    let owner = &mut self.owners[number as usize];
                    (owner.first, owner.records) = (records.start, run.len() as u32);
                }
                RecordHolder::ApexOf(child) => {
                    let is_ds = |number: &u32| zone.records[*number as usize].rtype == rtype::DS;
                    parent_ds.extend(records.filter(is_ds).map(|record| (child, record)));
                }
                RecordHolder::Hidden => {}
            }
        }
    }

    fn holder(&mut self, name: &Name, id: ZoneId) -> RecordHolder {
        let mut room = [0; MAX_NAME];
        let lower = name.lower(&mut room);
        let Some(real) = self.zone_of(lower) else { return RecordHolder::Hidden };
        if real == id {
            return RecordHolder::Own(self.owner(lower, id));
        }
        if self.apexes.contains_key(lower) {
            RecordHolder::ApexOf(real)
        } else {
            RecordHolder::Hidden
        }
    }

    /// Creates the names between an apex and the zone above it. They exist even if they are empty
    /// (RFC 4592 §2.2.2), also when that zone has no NS for the apex.
    fn own_names_above(&mut self, apex: &[u8]) {
        if let Some(above) = parent(apex)
            && let Some(zone) = self.zone_of(above)
        {
            self.owner(above, zone);
        }
    }

    /// The index of the owner `lower`. Creates it and all empty non-terminals above it if
    /// necessary.
    fn owner(&mut self, lower: &[u8], zone: ZoneId) -> u32 {
        let hash = self.index.hash(lower);
        if let Some(owner) = self.hashed(hash, lower) {
            return owner;
        }
        let number = self.owners.len() as u32;
        self.index.insert(hash, number);
        let (name, name_len) = (self.names.len() as u32, lower.len() as u8);
        self.names.extend_from_slice(lower);
        self.owners.push(Owner { name, name_len, zone, slot: NONE, first: 0, records: 0 });
        if !self.apexes.contains_key(lower)
            && let Some(above) = parent(lower)
        {
            self.owner(above, zone);
        }
        number
    }

    fn find(&self, lower: &[u8]) -> Option<u32> {
        self.hashed(self.index.hash(lower), lower)
    }

    fn hashed(&self, hash: u64, lower: &[u8]) -> Option<u32> {
        self.index.find(hash, |number| self.name_of(&self.owners[number as usize]) == lower)
    }

    fn name_of(&self, owner: &Owner) -> &[u8] {
        let start = owner.name as usize;
        &self.names[start..start + usize::from(owner.name_len)]
    }

    /// Removes all names below a DNAME (RFC 6672 §2.4).
    fn hide_below_dnames(&mut self, zones: &[Zone]) {
        if !self.has_dnames {
            return;
        }
        let has_dname = |owner: &Owner| !rrset_of(owner.of(zones), rtype::DNAME).is_empty();
        let owners = (0..).zip(&self.owners);
        let dnames: HashSet<u32> =
            owners.filter(|(_, owner)| has_dname(owner)).map(|(number, _)| number).collect();
        let stays = |owner: &Owner| {
            let mut at = self.name_of(owner);
            while !self.apexes.contains_key(at)
                && let Some(above) = parent(at)
            {
                if self.find(above).is_some_and(|owner| dnames.contains(&owner)) {
                    return false;
                }
                at = above;
            }
            true
        };
        let stays: Vec<bool> = self.owners.iter().map(stays).collect();
        let mut stays = stays.into_iter();
        self.owners.retain(|_| stays.next().unwrap_or(true));
        let mut index = Index::with_capacity(self.owners.len());
        for (number, owner) in (0..).zip(&self.owners) {
            index.insert(index.hash(self.name_of(owner)), number);
        }
        self.index = index;
    }

    fn lay_out(
        self,
        zones: &[Zone],
        mut heads: Vec<ZoneHead>,
        parent_ds: &[(ZoneId, u32)],
        render: Render<'_>,
    ) -> Result<Zones, TooLarge> {
        let mut out = Layout::new(self.owners.len(), render);
        for owner in &self.owners {
            out.entry(owner, self.name_of(owner), zones);
        }
        let has_wildcards =
            self.owners.iter().any(|owner| self.name_of(owner).starts_with(b"\x01*"));
        let mut links = vec![];
        for (id, owner) in self.owners.iter().enumerate() {
            let (kind, link) = match self.has_cuts {
                true => self.kind(id as u32, owner, &out),
                false => (NameKind::Inside, NONE),
            };
            let entry = match kind {
                NameKind::Inside if has_wildcards => self.wildcard(owner),
                _ => link,
            };
            out.entries[id].kind = kind;
            let own = Links { slot: owner.slot, entry };
            if own != (Links { slot: NONE, entry: NONE }) {
                out.entries[id].links = links.len() as u32;
                links.push(own);
            }
        }
        // The parent's DS records of a child zone, as one RRset.
        for (number, head) in heads.iter_mut().enumerate() {
            let child = ZoneId(number as u16);
            // Each apex has an entry: `build` creates it first.
            head.apex_entry = NameId(self.find(&head.apex.to_lower()).unwrap_or_default());
            if let Some(parent) = head.parent {
                let zone = &zones[parent.index()];
                let ds = parent_ds.iter().filter(|(zone, _)| *zone == child);
                let ds: Vec<Record> = ds.map(|(_, r)| zone.records[*r as usize]).collect();
                head.parent_ds =
                    (!ds.is_empty()).then(|| out.rrset(zone, &head.apex.to_lower(), &ds));
            }
            let apex = &out.entries[head.apex_entry.index()];
            // The reader refuses a zone without a SOA.
            head.soa = out.find(apex, rtype::SOA).copied().unwrap_or_default();
            head.serial = serial(&zones[number]);
        }
        if out.bytes.len() > NONE as usize {
            return Err(TooLarge);
        }
        out.bytes.shrink_to_fit();
        out.rrsets.shrink_to_fit();
        let mut index = self.index;
        index.shrink_to_fit();
        let Layout { entries, rrsets, bytes, .. } = out;
        Ok(Zones { index, entries, links, rrsets, bytes, zones: heads })
    }

    fn kind(&self, id: u32, owner: &Owner, out: &Layout) -> (NameKind, u32) {
        let is_cut = |entry: u32| {
            let lower = self.name_of(&self.owners[entry as usize]);
            !self.apexes.contains_key(lower) && out.has(entry, rtype::NS)
        };
        // The highest cut on the way to the apex counts.
        let mut cut = None;
        let mut name = Some(self.name_of(owner));
        while let Some(at) = name {
            if let Some(entry) = self.find(at)
                && is_cut(entry)
            {
                cut = Some(entry);
            }
            name = if self.apexes.contains_key(at) { None } else { parent(at) };
        }
        match cut {
            Some(cut) if cut == id => (NameKind::Cut, NONE),
            Some(cut) => (NameKind::Below, cut),
            None => (NameKind::Inside, NONE),
        }
    }

    /// The entry of the wildcard right below a name, or none.
    fn wildcard(&self, owner: &Owner) -> u32 {
        let mut wildcard = Vec::with_capacity(MAX_NAME + 2);
        wildcard.extend_from_slice(b"\x01*");
        wildcard.extend_from_slice(self.name_of(owner));
        self.find(&wildcard).unwrap_or(NONE)
    }
}

fn serial(zone: &Zone) -> u32 {
    let soa = zone.records.iter().find(|r| r.rtype == rtype::SOA).map(|r| zone.rdata(r));
    let serial = soa.and_then(|rdata| rdata.get(rdata.len().checked_sub(20)?..)?.first_chunk());
    serial.map_or(0, |serial| u32::from_be_bytes(*serial))
}
