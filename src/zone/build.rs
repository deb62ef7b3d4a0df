//! Sorting the records of all zones by name, and laying them out as a [`Zones`].
//!
//! | a record of zone Z whose owner is | goes |
//! |---|---|
//! | in Z and in no zone below it that this server has | to its name |
//! | the apex of such a zone, and it is a DS | to that zone's head, as the parent's side |
//! | at or below such an apex otherwise | nowhere: that zone speaks for itself |
//! | below a DNAME | nowhere (RFC 6672 §2.4) |

use std::collections::HashMap;

use crate::zone::index::Index;
use crate::zone::name::{MAX_NAME, Name};
use crate::zone::record::Zone;
use crate::zone::rtype;
use crate::zone::store::{
    Kind, NONE, Node, NodeId, Rrset, RrsetId, TooLarge, ZoneHead, ZoneId, Zones, parent,
};

/// Sorts the records of all zones by name and lays them out.
pub(super) struct Builder {
    apexes: HashMap<Vec<u8>, ZoneId>,
    names: HashMap<Vec<u8>, u32>,
    owners: Vec<Owner>,
}

/// Whose business a record is.
#[derive(Clone, Copy)]
enum Holder {
    /// The zone's own name, by index into `Builder::owners`.
    Own(u32),
    /// The apex of a child zone that this server has as well.
    ApexOf(ZoneId),
    /// Below that apex, or in no zone of ours.
    Hidden,
}

/// A name while building: which records it has.
struct Owner {
    lower: Box<[u8]>,
    zone: ZoneId,
    /// Records of its own zone, by index into `Zone::records`.
    records: Vec<u32>,
    slot: u32,
}

impl Builder {
    pub(super) fn new(zones: &[Zone]) -> Result<Builder, TooLarge> {
        let mut apexes = HashMap::new();
        for (index, zone) in zones.iter().enumerate() {
            apexes
                .insert(zone.apex.to_lower(), ZoneId(u16::try_from(index).map_err(|_| TooLarge)?));
        }
        Ok(Builder { apexes, names: HashMap::new(), owners: vec![] })
    }

    pub(super) fn build<'a>(
        mut self,
        zones: &[Zone],
        slots: impl Iterator<Item = (&'a Name, u32)>,
    ) -> Result<Zones, TooLarge> {
        let mut heads: Vec<ZoneHead> = vec![];
        let mut parent_ds: Vec<(ZoneId, u32)> = vec![];
        for (index, zone) in zones.iter().enumerate() {
            let id = ZoneId(index as u16);
            self.owner(&zone.apex.to_lower(), id);
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
        self.lay_out(zones, heads, &parent_ds)
    }

    fn head(&self, zone: &Zone) -> ZoneHead {
        let lower = zone.apex.to_lower();
        let parent = parent(&lower).and_then(|above| self.zone_of(above));
        ZoneHead {
            apex: zone.apex.clone(),
            apex_node: NodeId(0),
            soa: RrsetId(0),
            parent,
            parent_ds: None,
            serial: 0,
            records: zone.records.len(),
        }
    }

    /// Which of our zones a name is in: the one with the longest apex.
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

    /// A record counts in the zone that its owner is really in. What a parent zone says at or
    /// below the apex of a zone that this server has is that zone's own business, but for DS.
    fn add_records(&mut self, zone: &Zone, id: ZoneId, parent_ds: &mut Vec<(ZoneId, u32)>) {
        let mut last: Option<(&Name, Holder)> = None;
        for (number, record) in zone.records.iter().enumerate() {
            let holder = match last {
                Some((name, holder)) if same(name, &record.owner) => holder,
                _ => self.holder(&record.owner, id),
            };
            last = Some((&record.owner, holder));
            match holder {
                Holder::Own(owner) => self.owners[owner as usize].records.push(number as u32),
                Holder::ApexOf(child) if record.rtype == rtype::DS => {
                    parent_ds.push((child, number as u32));
                }
                Holder::ApexOf(_) | Holder::Hidden => {}
            }
        }
    }

    fn holder(&mut self, name: &Name, id: ZoneId) -> Holder {
        let lower = name.to_lower();
        let Some(real) = self.zone_of(&lower) else { return Holder::Hidden };
        if real == id {
            return Holder::Own(self.owner(&lower, id));
        }
        // The names between our apex and the child's exist, be they empty.
        let mut apex = &lower[..];
        while !self.apexes.contains_key(apex) {
            apex = parent(apex).unwrap_or(&[0]);
        }
        if let Some(above) = parent(apex)
            && self.zone_of(above) == Some(id)
        {
            self.owner(above, id);
        }
        if apex.len() == lower.len() { Holder::ApexOf(real) } else { Holder::Hidden }
    }

    /// The owner of that name, made with all the empty non-terminals above it.
    fn owner(&mut self, lower: &[u8], zone: ZoneId) -> u32 {
        if let Some(owner) = self.names.get(lower) {
            return *owner;
        }
        let owner = self.owners.len() as u32;
        self.names.insert(lower.to_vec(), owner);
        self.owners.push(Owner { lower: lower.into(), zone, records: vec![], slot: NONE });
        if !self.apexes.contains_key(lower)
            && let Some(above) = parent(lower)
        {
            self.owner(above, zone);
        }
        owner
    }

    /// RFC 6672 §2.4: whatever is below a DNAME is not seen.
    fn hide_below_dnames(&mut self, zones: &[Zone]) {
        let has_dname = |owner: &Owner| {
            let records = &zones[owner.zone.index()].records;
            owner.records.iter().any(|r| records[*r as usize].rtype == rtype::DNAME)
        };
        let dnames: Vec<bool> = self.owners.iter().map(has_dname).collect();
        if !dnames.contains(&true) {
            return;
        }
        let hidden = |owner: &Owner| {
            let mut at = &owner.lower[..];
            while !self.apexes.contains_key(at)
                && let Some(above) = parent(at)
            {
                if self.names.get(above).is_some_and(|owner| dnames[*owner as usize]) {
                    return true;
                }
                at = above;
            }
            false
        };
        let keep: Vec<bool> = self.owners.iter().map(|owner| !hidden(owner)).collect();
        let mut keep = keep.into_iter();
        self.owners.retain(|_| keep.next().unwrap_or(true));
        self.names =
            self.owners.iter().enumerate().map(|(i, o)| (o.lower.to_vec(), i as u32)).collect();
    }

    fn lay_out(
        self,
        zones: &[Zone],
        mut heads: Vec<ZoneHead>,
        parent_ds: &[(ZoneId, u32)],
    ) -> Result<Zones, TooLarge> {
        let mut out = Layout::default();
        let mut index = Index::with_capacity(self.owners.len());
        for owner in &self.owners {
            let node = out.nodes.len() as u32;
            index.insert(index.hash(&owner.lower), node);
            out.node(owner, &zones[owner.zone.index()]);
        }
        for (id, owner) in self.owners.iter().enumerate() {
            let (kind, link) = self.kind(id as u32, owner, &out);
            out.nodes[id].kind = kind;
            out.nodes[id].link = link;
        }
        // The parent's DS of a child zone, side by side so that they are one RRset.
        for (number, head) in heads.iter_mut().enumerate() {
            let child = ZoneId(number as u16);
            head.apex_node = NodeId(self.names[&head.apex.to_lower()]);
            if let Some(parent) = head.parent {
                let zone = &zones[parent.index()];
                let ds: Vec<u32> =
                    parent_ds.iter().filter(|(zone, _)| *zone == child).map(|(_, r)| *r).collect();
                head.parent_ds = (!ds.is_empty()).then(|| out.rrset(zone, &ds));
            }
            let apex = &out.nodes[head.apex_node.index()];
            let soa = (apex.first_rrset..apex.first_rrset + u32::from(apex.rrsets))
                .find(|r| out.rrsets[*r as usize].rtype == rtype::SOA);
            // The reader has refused a zone without a SOA.
            head.soa = RrsetId(soa.unwrap_or(apex.first_rrset));
            head.serial = serial(&zones[number]);
        }
        if out.bytes.len() > NONE as usize {
            return Err(TooLarge);
        }
        Ok(Zones { index, nodes: out.nodes, rrsets: out.rrsets, bytes: out.bytes, zones: heads })
    }

    fn kind(&self, id: u32, owner: &Owner, out: &Layout) -> (Kind, u32) {
        let is_cut = |node: u32| {
            let lower = &self.owners[node as usize].lower;
            !self.apexes.contains_key(&lower[..]) && out.has(node, rtype::NS)
        };
        // The highest cut on the way to the apex is the one that counts.
        let mut cut = None;
        let mut name = Some(&owner.lower[..]);
        while let Some(at) = name {
            if let Some(node) = self.names.get(at)
                && is_cut(*node)
            {
                cut = Some(*node);
            }
            name = if self.apexes.contains_key(at) { None } else { parent(at) };
        }
        match cut {
            Some(cut) if cut == id => (Kind::Cut, NONE),
            Some(cut) => (Kind::Below, cut),
            None => {
                let mut wildcard = Vec::with_capacity(MAX_NAME + 2);
                wildcard.extend_from_slice(b"\x01*");
                wildcard.extend_from_slice(&owner.lower);
                (Kind::Inside, self.names.get(&wildcard).copied().unwrap_or(NONE))
            }
        }
    }
}

#[derive(Default)]
struct Layout {
    nodes: Vec<Node>,
    rrsets: Vec<Rrset>,
    bytes: Vec<u8>,
}

impl Layout {
    fn node(&mut self, owner: &Owner, zone: &Zone) {
        let name = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&owner.lower);
        let first_rrset = self.rrsets.len() as u32;
        let mut records = owner.records.clone();
        records.sort_by_key(|r| zone.records[*r as usize].rtype);
        for rrset in records
            .chunk_by(|a, b| zone.records[*a as usize].rtype == zone.records[*b as usize].rtype)
        {
            self.rrset(zone, rrset);
        }
        self.nodes.push(Node {
            name,
            first_rrset,
            link: NONE,
            slot: owner.slot,
            zone: owner.zone,
            rrsets: (self.rrsets.len() as u32 - first_rrset) as u16,
            name_len: owner.lower.len() as u8,
            kind: Kind::Inside,
        });
    }

    fn rrset(&mut self, zone: &Zone, records: &[u32]) -> RrsetId {
        let id = RrsetId(self.rrsets.len() as u32);
        let start = self.bytes.len() as u32;
        let mut rtype = 0;
        let mut len = None;
        for record in records.iter().map(|r| &zone.records[*r as usize]) {
            let rdata = zone.rdata(record);
            rtype = record.rtype;
            self.bytes.extend_from_slice(&[0xc0, 12]);
            self.bytes.extend_from_slice(&rtype.to_be_bytes());
            self.bytes.extend_from_slice(&[0, 1]);
            self.bytes.extend_from_slice(&record.ttl.to_be_bytes());
            self.bytes.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
            self.bytes.extend_from_slice(rdata);
            let rdata = rdata.len() as u16;
            len = Some(if len.is_none_or(|len| len == rdata) { rdata } else { 0 });
        }
        let octets = self.bytes.len() as u32 - start;
        self.rrsets.push(Rrset {
            start,
            len: octets,
            body: start,
            body_len: octets,
            rtype,
            count: records.len() as u16,
            rdata_len: len.unwrap_or(0),
        });
        id
    }

    fn has(&self, node: u32, rtype: u16) -> bool {
        let node = &self.nodes[node as usize];
        let rrsets =
            node.first_rrset as usize..node.first_rrset as usize + usize::from(node.rrsets);
        self.rrsets[rrsets].iter().any(|rrset| rrset.rtype == rtype)
    }
}

/// The very same name, not an equal one: cheap, and nearly always right within an RRset.
fn same(a: &Name, b: &Name) -> bool {
    std::ptr::eq(a.as_wire(), b.as_wire())
}

fn serial(zone: &Zone) -> u32 {
    let soa = zone.records.iter().find(|r| r.rtype == rtype::SOA).map(|r| zone.rdata(r));
    let serial = soa.and_then(|rdata| rdata.get(rdata.len().checked_sub(20)?..)?.first_chunk());
    serial.map_or(0, |serial| u32::from_be_bytes(*serial))
}
