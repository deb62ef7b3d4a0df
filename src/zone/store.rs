//! All zones of a server in one compact, immutable store.
//!
//! The idea: an RRset is kept in the very form in which it is sent, a row of resource records
//! whose owner is a pointer to the question (offset 12). Answering an existing name is then one
//! probe of the index and one copy. Names below a zone cut, or hidden by a zone of their own, are
//! sorted out while building, so that a look-up finds the verdict at the node.
//!
//! ```text
//! index  hash → node            one table for all zones
//! nodes  name, kind, RRsets     every existing name, empty non-terminals included
//! bytes  name | RR RR | RR ...  of one node side by side
//! ```
//!
//! Names that the caller answers himself (pools) carry a `slot`, a number whose meaning is his.

use crate::zone::build::Builder;
use crate::zone::index::Index;
use crate::zone::name::Name;
use crate::zone::record::Zone;

/// Octets of a stored record before its RDATA: pointer, type, class, TTL, length.
pub const RR_HEAD: usize = 12;

/// See the module.
#[derive(Debug)]
pub struct Zones {
    pub(super) index: Index,
    pub(super) nodes: Vec<Node>,
    pub(super) rrsets: Vec<Rrset>,
    pub(super) bytes: Vec<u8>,
    pub(super) zones: Vec<ZoneHead>,
}

/// One existing name.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    pub(super) name: u32,
    pub(super) first_rrset: u32,
    /// For `Kind::Below` the cut's node, for a name with a wildcard child that child's node.
    pub(super) link: u32,
    pub(super) slot: u32,
    pub zone: ZoneId,
    pub(super) rrsets: u16,
    pub(super) name_len: u8,
    pub kind: Kind,
}

/// What a look-up that ends at a node means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
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

/// Index of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeId(pub(super) u32);

/// Index of an RRset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RrsetId(pub(super) u32);

#[derive(Debug, Clone, Copy)]
pub(super) struct Rrset {
    pub(super) start: u32,
    pub(super) len: u32,
    /// The rendering for a question of this very owner; the stored form again when that is as good.
    pub(super) body: u32,
    pub(super) body_len: u32,
    pub(super) rtype: u16,
    pub(super) count: u16,
    /// Octets of each RDATA when all are equally long, else 0.
    pub(super) rdata_len: u16,
}

#[derive(Debug, Clone)]
pub(super) struct ZoneHead {
    pub(super) apex: Name,
    pub(super) apex_node: NodeId,
    pub(super) soa: RrsetId,
    /// The zone above that this server has too: it answers for DS at our apex (RFC 4035 §3.1.4.1).
    pub(super) parent: Option<ZoneId>,
    /// DS of the parent's side.
    pub(super) parent_ds: Option<RrsetId>,
    pub(super) serial: u32,
    pub(super) records: usize,
}

/// A view of one stored RRset.
#[derive(Debug, Clone, Copy)]
pub struct RrsetView<'z> {
    bytes: &'z [u8],
    rrset: &'z Rrset,
}

pub(super) const NONE: u32 = u32::MAX;

/// More data than 32-bit offsets reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than 4 GiB of zone data, or more than 65535 zones")]
pub struct TooLarge;

impl Zones {
    /// `slots` names the owners whose addresses the caller answers; a slot is below 2^32 - 1.
    /// `render` makes an RRset's body ([`RrsetView::body`]) where the stored form is not as good;
    /// it is given the owner.
    pub fn build<'a>(
        zones: &[Zone],
        slots: impl Iterator<Item = (&'a Name, u32)>,
        render: impl Fn(&[u8], &RrsetView<'_>) -> Option<Vec<u8>>,
    ) -> Result<Zones, TooLarge> {
        let mut store = Builder::new(zones)?.build(zones, slots)?;
        store.render(render);
        Ok(store)
    }

    fn render(&mut self, render: impl Fn(&[u8], &RrsetView<'_>) -> Option<Vec<u8>>) {
        let mut bodies = vec![];
        for node in (0..self.nodes.len() as u32).map(NodeId) {
            let first = self.node(node).first_rrset as usize;
            for (offset, rrset) in self.rrsets(node).enumerate() {
                if let Some(body) = render(self.name_of(node), &rrset) {
                    bodies.push((first + offset, body));
                }
            }
        }
        for (rrset, body) in bodies {
            self.rrsets[rrset].body = self.bytes.len() as u32;
            self.rrsets[rrset].body_len = body.len() as u32;
            self.bytes.extend_from_slice(&body);
        }
        self.bytes.shrink_to_fit();
    }

    /// The node of a name in lower-case wire form.
    #[inline(never)]
    pub fn find(&self, lower: &[u8]) -> Option<NodeId> {
        self.index
            .find(self.index.hash(lower), |node| self.name_of(NodeId(node)) == lower)
            .map(NodeId)
    }

    /// The node of a name in any letter case. Nearly every question comes in lower case.
    #[inline(always)]
    pub fn find_sent(&self, name: &[u8]) -> Option<NodeId> {
        let is = |node| {
            let ours = self.name_of(NodeId(node));
            ours == name || name.eq_ignore_ascii_case(ours)
        };
        self.index.find(self.index.hash(name), is).map(NodeId)
    }

    /// Names that differ nearly always differ in it.
    #[inline]
    pub fn hash(&self, lower: &[u8]) -> u64 {
        self.index.exact_hash(lower)
    }

    #[inline]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Lower-case wire form.
    #[inline]
    pub fn name_of(&self, id: NodeId) -> &[u8] {
        let node = &self.nodes[id.0 as usize];
        let start = node.name as usize;
        self.bytes.get(start..start + usize::from(node.name_len)).unwrap_or_default()
    }

    #[inline]
    pub fn rrset(&self, id: NodeId, rtype: u16) -> Option<RrsetView<'_>> {
        let rrset = self.stored(self.node(id)).iter().find(|rrset| rrset.rtype == rtype)?;
        Some(RrsetView { bytes: &self.bytes, rrset })
    }

    pub fn rrsets(&self, id: NodeId) -> impl Iterator<Item = RrsetView<'_>> {
        self.stored(self.node(id)).iter().map(|rrset| RrsetView { bytes: &self.bytes, rrset })
    }

    /// Ascending by type.
    #[inline]
    fn stored(&self, node: &Node) -> &[Rrset] {
        let first = node.first_rrset as usize;
        self.rrsets.get(first..first + usize::from(node.rrsets)).unwrap_or_default()
    }

    fn view(&self, id: RrsetId) -> RrsetView<'_> {
        RrsetView { bytes: &self.bytes, rrset: &self.rrsets[id.0 as usize] }
    }

    pub fn zone_ids(&self) -> impl Iterator<Item = ZoneId> + use<> {
        (0..self.zones.len() as u16).map(ZoneId)
    }

    pub fn apex(&self, zone: ZoneId) -> &Name {
        &self.zones[zone.index()].apex
    }

    pub fn apex_node(&self, zone: ZoneId) -> NodeId {
        self.zones[zone.index()].apex_node
    }

    pub fn soa(&self, zone: ZoneId) -> RrsetView<'_> {
        self.view(self.zones[zone.index()].soa)
    }

    pub fn serial(&self, zone: ZoneId) -> u32 {
        self.zones[zone.index()].serial
    }

    pub fn record_count(&self, zone: ZoneId) -> usize {
        self.zones[zone.index()].records
    }

    /// The zone whose cut the apex of `zone` is, with the DS that it has there.
    pub fn parent_side(&self, zone: ZoneId) -> Option<(ZoneId, Option<RrsetView<'_>>)> {
        let head = &self.zones[zone.index()];
        head.parent.map(|parent| (parent, head.parent_ds.map(|ds| self.view(ds))))
    }
}

impl Node {
    #[inline]
    pub fn slot(&self) -> Option<u32> {
        (self.slot != NONE).then_some(self.slot)
    }

    /// The wildcard right below this name.
    pub fn wildcard(&self) -> Option<NodeId> {
        (self.kind == Kind::Inside && self.link != NONE).then_some(NodeId(self.link))
    }

    /// The cut that this name is below.
    pub fn cut(&self) -> Option<NodeId> {
        (self.kind == Kind::Below).then_some(NodeId(self.link))
    }
}

impl ZoneId {
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl NodeId {
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl<'z> RrsetView<'z> {
    #[inline]
    pub fn rtype(&self) -> u16 {
        self.rrset.rtype
    }

    /// Number of records.
    #[inline]
    pub fn count(&self) -> u16 {
        self.rrset.count
    }

    /// See [`RR_HEAD`]: the owner is a pointer to offset 12, names in RDATA are in full.
    #[inline]
    pub fn wire(&self) -> &'z [u8] {
        let (start, len) = (self.rrset.start as usize, self.rrset.len as usize);
        self.bytes.get(start..start + len).unwrap_or_default()
    }

    /// The records as they follow a question of their very owner, compressed.
    #[inline]
    pub fn body(&self) -> &'z [u8] {
        let (start, len) = (self.rrset.body as usize, self.rrset.body_len as usize);
        self.bytes.get(start..start + len).unwrap_or_default()
    }

    pub fn ttl(&self) -> u32 {
        let ttl = self.wire().get(6..10).and_then(|ttl| ttl.first_chunk());
        ttl.map_or(0, |ttl| u32::from_be_bytes(*ttl))
    }

    /// Octets of each record when all are equally long: then the set can be rotated by blocks.
    #[inline]
    pub fn block(&self) -> Option<usize> {
        (self.rrset.rdata_len != 0).then(|| RR_HEAD + usize::from(self.rrset.rdata_len))
    }

    /// Uncompressed RDATA, record by record.
    pub fn rdatas(&self) -> impl Iterator<Item = &'z [u8]> + use<'z> {
        let mut rest = self.wire();
        std::iter::from_fn(move || {
            let len = rest.get(10..RR_HEAD)?;
            let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
            let rdata = rest.get(RR_HEAD..RR_HEAD + len)?;
            rest = &rest[RR_HEAD + len..];
            Some(rdata)
        })
    }
}

/// The name without its leftmost label; `None` for the root.
pub fn parent(lower: &[u8]) -> Option<&[u8]> {
    match lower.first() {
        None | Some(0) => None,
        Some(len) => lower.get(1 + usize::from(*len)..),
    }
}
