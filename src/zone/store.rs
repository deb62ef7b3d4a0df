//! All zones of a server in one compact, immutable store.
//!
//! The idea: an RRset is kept in the very form in which it is sent, a row of resource records
//! whose owner is a pointer to the question (offset 12). Answering an existing name is then one
//! probe of the index and one copy. Addresses are kept bare behind their TTL: they are most of
//! most zones, and a quarter of the memory is a quarter of the cache lines to wait for. While
//! building, names below a zone cut, or hidden by a zone of their own, are sorted out, so that a
//! look-up finds the verdict at the node.
//!
//! ```text
//! index  hash → node            one table for all zones
//! nodes  name, kind, RRsets     every existing name, empty non-terminals included
//! bytes  name | RR RR | TTL A A ...  of one node side by side
//! ```
//!
//! Names that the caller answers himself (pools) carry a `slot`, a number whose meaning is his.

use crate::zone::index::Index;
use crate::zone::name::Name;
use crate::zone::rrset::{Rrset, RrsetView};

/// See the module.
#[derive(Debug)]
pub struct Zones {
    pub(super) index: Index,
    pub(super) nodes: Vec<Node>,
    pub(super) links: Vec<Links>,
    /// But for the first of each node, which is in the node.
    pub(super) rrsets: Vec<Rrset>,
    pub(super) bytes: Vec<u8>,
    pub(super) zones: Vec<ZoneHead>,
}

/// One existing name. Half a cache line with its first RRset, which for most names is the only one:
/// in a large zone each line that is not looked at is a wait less.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub struct Node {
    pub(super) name: u32,
    /// Of all types; the lowest is `first`, the others are side by side in `Zones::rrsets`.
    pub(super) rrsets: u16,
    pub zone: ZoneId,
    pub(super) first: Rrset,
    pub(super) others: u32,
    /// Into `Zones::links`; most names have none.
    pub(super) links: u32,
    pub(super) name_len: u8,
    pub kind: Kind,
}

const _: () = assert!(size_of::<Node>() == 32);

/// What few names have beside their records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Links {
    /// Whose addresses the caller answers.
    pub(super) slot: u32,
    /// For `Kind::Below` the cut's node, for a name with a wildcard child that child's node.
    pub(super) node: u32,
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

#[derive(Debug, Clone)]
pub(super) struct ZoneHead {
    pub(super) apex: Name,
    pub(super) apex_node: NodeId,
    pub(super) soa: Rrset,
    /// The zone above that this server has too: it answers for DS at our apex (RFC 4035 §3.1.4.1).
    pub(super) parent: Option<ZoneId>,
    /// DS of the parent's side.
    pub(super) parent_ds: Option<Rrset>,
    pub(super) serial: u32,
    pub(super) records: usize,
}

pub(super) const NONE: u32 = u32::MAX;

/// More data than 32-bit offsets reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than 4 GiB of zone data, or more than 65535 zones")]
pub struct TooLarge;

impl Zones {
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
        let node = self.node(id);
        let rrset = match node.rrsets {
            0 => return None,
            _ if node.first.rtype == rtype => &node.first,
            1 => return None,
            _ => node.others(&self.rrsets).iter().find(|rrset| rrset.rtype == rtype)?,
        };
        Some(self.view(rrset))
    }

    /// Ascending by type.
    pub fn rrsets(&self, id: NodeId) -> impl Iterator<Item = RrsetView<'_>> {
        self.node(id).rrsets(&self.rrsets).map(|rrset| self.view(rrset))
    }

    #[inline]
    fn view<'z>(&'z self, rrset: &'z Rrset) -> RrsetView<'z> {
        RrsetView { bytes: &self.bytes, rrset }
    }

    #[inline]
    pub fn slot(&self, node: &Node) -> Option<u32> {
        let slot = self.links.get(node.links as usize)?.slot;
        (slot != NONE).then_some(slot)
    }

    /// The wildcard right below this name.
    pub fn wildcard(&self, node: &Node) -> Option<NodeId> {
        let wildcard = self.links.get(node.links as usize)?.node;
        (node.kind == Kind::Inside && wildcard != NONE).then_some(NodeId(wildcard))
    }

    /// The cut that this name is below.
    pub fn cut(&self, node: &Node) -> Option<NodeId> {
        let cut = self.links.get(node.links as usize)?.node;
        (node.kind == Kind::Below).then_some(NodeId(cut))
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
        self.view(&self.zones[zone.index()].soa)
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
        head.parent.map(|parent| (parent, head.parent_ds.as_ref().map(|ds| self.view(ds))))
    }
}

impl Node {
    /// Ascending by type. `all` is `Zones::rrsets`.
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

impl NodeId {
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
