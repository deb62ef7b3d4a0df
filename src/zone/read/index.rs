//! The records of a zone by owner and type, for the rules between records. Built once with one
//! look-up per run of equal owners, and sorted by number, not by name.

use std::ops::Range;

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::zone::name::Name;
use crate::zone::record::{Place, Record, Zone};

#[derive(Debug)]
pub struct Index<'z> {
    pub zone: &'z Zone,
    pub owners: Vec<Owner<'z>>,
    by_name: FxHashMap<&'z Name, u32>,
    slots: Vec<Slot>,
}

#[derive(Debug)]
pub struct Owner<'z> {
    pub name: &'z Name,
    slots: Range<usize>,
}

/// A record, in the order of owner, type and file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    owner: u32,
    pub rtype: u16,
    /// Index in `Zone::records`.
    pub record: u32,
}

impl<'z> Index<'z> {
    pub fn new(zone: &'z Zone) -> Index<'z> {
        let runs = zone.runs();
        let mut owners: Vec<Owner<'z>> = Vec::with_capacity(runs);
        let mut by_name = FxHashMap::with_capacity_and_hasher(runs, FxBuildHasher);
        let mut slots = Vec::with_capacity(zone.records.len());
        let mut last: Option<(&Name, u32)> = None;
        for (record, Record { owner: name, rtype, .. }) in (0u32..).zip(&zone.records) {
            let same = last.filter(|(last, _)| std::ptr::eq(last.as_wire(), name.as_wire()));
            let owner = match same {
                Some((_, owner)) => owner,
                None => *by_name.entry(name).or_insert_with(|| {
                    owners.push(Owner { name, slots: 0..0 });
                    owners.len() as u32 - 1
                }),
            };
            last = Some((name, owner));
            slots.push(Slot { owner, rtype: *rtype, record });
        }
        // Stable, because that sort is quick where nearly everything is in order, as it is here.
        slots.sort();
        let mut start = 0;
        for run in slots.chunk_by(|a, b| a.owner == b.owner) {
            let end = start + run.len();
            if let Some(owner) = run.first().and_then(|slot| owners.get_mut(slot.owner as usize)) {
                owner.slots = start..end;
            }
            start = end;
        }
        Index { zone, owners, by_name, slots }
    }

    /// Records of an owner, by type.
    pub fn slots(&self, owner: &Owner<'_>) -> &[Slot] {
        self.slots.get(owner.slots.clone()).unwrap_or_default()
    }

    pub fn at(&self, name: &Name) -> Option<&Owner<'z>> {
        self.owners.get(*self.by_name.get(name)? as usize)
    }

    pub fn rrset(&self, name: &Name, rtype: u16) -> &[Slot] {
        self.at(name).map_or(&[], |owner| rrset_of(self.slots(owner), rtype))
    }

    pub fn has(&self, name: &Name, rtype: u16) -> bool {
        !self.rrset(name, rtype).is_empty()
    }

    pub fn place(&self, slot: &Slot) -> Place {
        self.zone.records[slot.record as usize].place
    }

    /// The place of a record in words, as told at another one.
    pub fn where_is(&self, slot: &Slot, told_at: &Slot) -> String {
        let (place, here) = (self.place(slot), self.place(told_at));
        match self.zone.files.get(usize::from(place.file)).filter(|_| place.file != here.file) {
            Some(file) => format!("{file}, line {}", place.line),
            None => format!("line {}", place.line),
        }
    }

    pub fn rdata(&self, slot: &Slot) -> &'z [u8] {
        self.zone.rdata(&self.zone.records[slot.record as usize])
    }

    pub fn ttl(&self, slot: &Slot) -> u32 {
        self.zone.records[slot.record as usize].ttl
    }
}

/// The records of one type among those of one owner.
pub fn rrset_of(slots: &[Slot], rtype: u16) -> &[Slot] {
    let start = slots.partition_point(|slot| slot.rtype < rtype);
    let end = slots.partition_point(|slot| slot.rtype <= rtype);
    slots.get(start..end).unwrap_or_default()
}
