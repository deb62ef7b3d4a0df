//! Sorting the records of all zones by name, and laying them out as a [`Zones`].
//!
//! | a record of zone Z whose owner is | goes |
//! |---|---|
//! | in Z and in no zone below it that this server has | to its name |
//! | the apex of such a zone, and it is a DS | to that zone's head, as the parent's side |
//! | at or below such an apex otherwise | nowhere: that zone speaks for itself |
//! | below a DNAME | nowhere (RFC 6672 §2.4) |

use std::collections::HashSet;
use std::rc::Rc;

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::zone::index::Index;
use crate::zone::name::{MAX_NAME, Name};
use crate::zone::record::Zone;
use crate::zone::rtype;
use crate::zone::store::{
    Kind, NONE, Node, NodeId, Rrset, RrsetId, RrsetView, TooLarge, ZoneHead, ZoneId, Zones, packed,
    parent,
};

/// Sorts the records of all zones by name and lays them out.
pub(super) struct Builder {
    apexes: FxHashMap<Vec<u8>, ZoneId>,
    names: FxHashMap<Rc<[u8]>, u32>,
    owners: Vec<Owner>,
    /// Owner and record, by index into `owners` and into `Zone::records` of the owner's zone.
    records: Vec<(u32, u32)>,
    /// Most zones have none, and then no name needs to look for one above it.
    has_cuts: bool,
    has_dnames: bool,
}

/// How the records of an RRset follow a question of their own owner, if not as they are stored.
pub(super) type Render<'r> = &'r dyn Fn(&[u8], &RrsetView<'_>) -> Option<Vec<u8>>;

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
    lower: Rc<[u8]>,
    zone: ZoneId,
    slot: u32,
}

impl Builder {
    pub(super) fn new(zones: &[Zone]) -> Result<Builder, TooLarge> {
        let mut apexes = FxHashMap::default();
        for (index, zone) in zones.iter().enumerate() {
            apexes
                .insert(zone.apex.to_lower(), ZoneId(u16::try_from(index).map_err(|_| TooLarge)?));
        }
        let runs = zones.iter().map(Zone::runs).sum();
        let records = Vec::with_capacity(zones.iter().map(|zone| zone.records.len()).sum());
        Ok(Builder {
            apexes,
            names: FxHashMap::with_capacity_and_hasher(runs, FxBuildHasher),
            owners: Vec::with_capacity(runs),
            records,
            has_cuts: false,
            has_dnames: false,
        })
    }

    pub(super) fn build<'a>(
        mut self,
        zones: &[Zone],
        slots: impl Iterator<Item = (&'a Name, u32)>,
        render: Render<'_>,
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
        // Stable, so records stay in the order of their file; quick, as most are in order.
        self.records.sort_by_key(|(owner, _)| *owner);
        self.hide_below_dnames(zones);
        self.lay_out(zones, heads, &parent_ds, render)
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
                Holder::Own(owner) => {
                    self.records.push((owner, number as u32));
                    self.has_dnames |= record.rtype == rtype::DNAME;
                    self.has_cuts |= record.rtype == rtype::NS && record.owner != zone.apex;
                }
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
        let name: Rc<[u8]> = lower.into();
        self.names.insert(Rc::clone(&name), owner);
        self.owners.push(Owner { lower: name, zone, slot: NONE });
        if !self.apexes.contains_key(lower)
            && let Some(above) = parent(lower)
        {
            self.owner(above, zone);
        }
        owner
    }

    /// RFC 6672 §2.4: whatever is below a DNAME is not seen.
    fn hide_below_dnames(&mut self, zones: &[Zone]) {
        if !self.has_dnames {
            return;
        }
        let dnames: HashSet<u32> = self.owners_of(zones, rtype::DNAME).collect();
        let hidden = |owner: &Owner| {
            let mut at = &owner.lower[..];
            while !self.apexes.contains_key(at)
                && let Some(above) = parent(at)
            {
                if self.names.get(above).is_some_and(|owner| dnames.contains(owner)) {
                    return true;
                }
                at = above;
            }
            false
        };
        let mut kept = 0;
        let number = |owner: &Owner| {
            (!hidden(owner)).then(|| {
                kept += 1;
                kept - 1
            })
        };
        // The new number of each owner that stays.
        let numbers: Vec<Option<u32>> = self.owners.iter().map(number).collect();
        let mut stays = numbers.iter().map(Option::is_some);
        self.owners.retain(|_| stays.next().unwrap_or(true));
        let records = std::mem::take(&mut self.records).into_iter();
        let renumbered =
            records.filter_map(|(owner, record)| Some((numbers[owner as usize]?, record)));
        self.records = renumbered.collect();
        let owners = (0..).zip(&self.owners);
        self.names = owners.map(|(number, owner)| (Rc::clone(&owner.lower), number)).collect();
    }

    /// Owners that have records of a type.
    fn owners_of<'b>(&'b self, zones: &'b [Zone], rtype: u16) -> impl Iterator<Item = u32> + 'b {
        let of_type = move |(owner, record): &(u32, u32)| {
            let zone = &zones[self.owners[*owner as usize].zone.index()];
            zone.records[*record as usize].rtype == rtype
        };
        self.records.iter().filter(move |pair| of_type(pair)).map(|(owner, _)| *owner)
    }

    fn lay_out(
        self,
        zones: &[Zone],
        mut heads: Vec<ZoneHead>,
        parent_ds: &[(ZoneId, u32)],
        render: Render<'_>,
    ) -> Result<Zones, TooLarge> {
        let mut out = Layout::new(self.owners.len(), self.records.len(), render);
        let mut index = Index::with_capacity(self.owners.len());
        let mut rest = &self.records[..];
        for (node, owner) in (0..).zip(&self.owners) {
            index.insert(index.hash(&owner.lower), node);
            let own = rest.iter().take_while(|(owner, _)| *owner == node).count();
            let (own, others) = rest.split_at(own);
            rest = others;
            out.node(owner, &zones[owner.zone.index()], own.iter().map(|(_, record)| *record));
        }
        let has_wildcards = self.owners.iter().any(|owner| owner.lower.starts_with(b"\x01*"));
        for (id, owner) in self.owners.iter().enumerate() {
            let (kind, link) = match self.has_cuts {
                true => self.kind(id as u32, owner, &out),
                false => (Kind::Inside, NONE),
            };
            let link = match kind {
                Kind::Inside if has_wildcards => self.wildcard(owner),
                _ => link,
            };
            out.nodes[id].kind = kind;
            out.nodes[id].link = link;
        }
        // The parent's DS of a child zone, side by side so that they are one RRset.
        for (number, head) in heads.iter_mut().enumerate() {
            let child = ZoneId(number as u16);
            head.apex_node = NodeId(self.names[&head.apex.to_lower()[..]]);
            if let Some(parent) = head.parent {
                let zone = &zones[parent.index()];
                let ds: Vec<u32> =
                    parent_ds.iter().filter(|(zone, _)| *zone == child).map(|(_, r)| *r).collect();
                head.parent_ds =
                    (!ds.is_empty()).then(|| out.rrset(zone, &head.apex.to_lower(), &ds));
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
        out.bytes.shrink_to_fit();
        out.rrsets.shrink_to_fit();
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
            None => (Kind::Inside, NONE),
        }
    }

    /// The node of the wildcard right below a name, or none.
    fn wildcard(&self, owner: &Owner) -> u32 {
        let mut wildcard = Vec::with_capacity(MAX_NAME + 2);
        wildcard.extend_from_slice(b"\x01*");
        wildcard.extend_from_slice(&owner.lower);
        self.names.get(&wildcard[..]).copied().unwrap_or(NONE)
    }
}

struct Layout<'r> {
    nodes: Vec<Node>,
    rrsets: Vec<Rrset>,
    bytes: Vec<u8>,
    render: Render<'r>,
    /// Records of the node in hand.
    records: Vec<u32>,
}

impl<'r> Layout<'r> {
    fn new(names: usize, records: usize, render: Render<'r>) -> Layout<'r> {
        Layout {
            nodes: Vec::with_capacity(names),
            rrsets: Vec::with_capacity(names.min(records)),
            bytes: vec![],
            render,
            records: vec![],
        }
    }

    fn node(&mut self, owner: &Owner, zone: &Zone, records: impl Iterator<Item = u32>) {
        let name = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&owner.lower);
        let first_rrset = self.rrsets.len() as u32;
        let rtype = |record: &u32| zone.records[*record as usize].rtype;
        let mut of_node = std::mem::take(&mut self.records);
        of_node.clear();
        of_node.extend(records);
        of_node.sort_by_key(rtype);
        for rrset in of_node.chunk_by(|a, b| rtype(a) == rtype(b)) {
            self.rrset(zone, &owner.lower, rrset);
        }
        self.records = of_node;
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

    fn rrset(&mut self, zone: &Zone, owner: &[u8], records: &[u32]) -> RrsetId {
        let id = RrsetId(self.rrsets.len() as u32);
        let start = self.bytes.len();
        let mut rtype = 0;
        for (number, record) in records.iter().map(|r| &zone.records[*r as usize]).enumerate() {
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
        let mut rrset = Rrset { start: start as u32, len, own_len: 0, rtype, count };
        let view = RrsetView { bytes: &self.bytes, rrset: &rrset };
        if let Some(own) = (self.render)(owner, &view) {
            rrset.own_len = own.len() as u32;
            self.bytes.extend_from_slice(&own);
        }
        self.rrsets.push(rrset);
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
