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

use crate::zone::build::Builder;
use crate::zone::index::Index;
use crate::zone::name::Name;
use crate::zone::record::Zone;
use crate::zone::rtype;

/// Octets of a stored record before its RDATA: pointer, type, class, TTL, length.
pub const RR_HEAD: usize = 12;

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

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rrset {
    pub(super) start: u32,
    /// Without `RENDERED`. A zone has at most 1 GiB of RDATA.
    pub(super) len: u32,
    pub(super) rtype: u16,
    pub(super) count: u16,
}

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

/// Octets of an address, of a type whose RRsets are kept as their TTL and addresses alone.
#[inline(always)]
pub(super) fn packed(rtype: u16) -> Option<usize> {
    match rtype {
        rtype::A => Some(4),
        rtype::AAAA => Some(16),
        _ => None,
    }
}

/// In `Rrset::len`: behind the stored form come, as four octets, the length of the rendering for a
/// question of this very owner, and that rendering. Without it the stored form is as good.
pub(super) const RENDERED: u32 = 1 << 31;

/// A view of one stored RRset.
#[derive(Debug, Clone, Copy)]
pub struct RrsetView<'z> {
    pub(super) bytes: &'z [u8],
    pub(super) rrset: &'z Rrset,
}

pub(super) const NONE: u32 = u32::MAX;

/// More data than 32-bit offsets reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than 4 GiB of zone data, or more than 65535 zones")]
pub struct TooLarge;

impl Zones {
    /// `slots` names the owners whose addresses the caller answers; a slot is below 2^32 - 1.
    /// `render` makes the records as they follow a question of their own owner, which it is given,
    /// where the stored form is not as good.
    pub fn build<'a>(
        zones: &[Zone],
        slots: impl Iterator<Item = (&'a Name, u32)>,
        render: impl Fn(&[u8], &RrsetView<'_>) -> Option<Vec<u8>>,
    ) -> Result<Zones, TooLarge> {
        Builder::new(zones)?.build(zones, slots, &render)
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

    /// Octets of the records behind a question, names in RDATA in full.
    pub fn len(&self) -> usize {
        match self.packed() {
            Some(rdata_len) => usize::from(self.count()) * (RR_HEAD + rdata_len),
            None => self.stored().len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Writes the records to the start of `room`, as they follow a question, and returns their
    /// length; `None` when they do not fit. Names in RDATA are compressed when the question is for
    /// their very owner. Addresses, as those of pools, begin with record number `first`; the
    /// order of other records may mean something to people.
    #[inline(always)]
    pub fn write(&self, is_own: bool, first: usize, room: &mut [u8]) -> Option<usize> {
        match self.packed() {
            Some(4) => self.write_addresses::<4>(first, room),
            Some(_) => self.write_addresses::<16>(first, room),
            None => {
                let is_rendered = self.rrset.len & RENDERED != 0;
                let records = if is_own && is_rendered { self.rendered()? } else { self.stored() };
                room.get_mut(..records.len())?.copy_from_slice(records);
                Some(records.len())
            }
        }
    }

    #[inline]
    fn write_addresses<const N: usize>(&self, first: usize, room: &mut [u8]) -> Option<usize> {
        let (ttl, addresses) = self.stored().split_first_chunk::<4>()?;
        let (addresses, _) = addresses.as_chunks::<N>();
        let (before, from) = addresses.split_at_checked(first)?;
        let ([high, low], [a, b, c, d]) = (self.rtype().to_be_bytes(), *ttl);
        let head: [u8; RR_HEAD] = [0xc0, 12, high, low, 0, 1, a, b, c, d, 0, N as u8];
        let len = addresses.len() * (RR_HEAD + N);
        let records = room.get_mut(..len)?.chunks_exact_mut(RR_HEAD + N);
        for (record, address) in records.zip(from.iter().chain(before)) {
            let (to_head, to_address) = record.split_first_chunk_mut::<RR_HEAD>()?;
            *to_head = head;
            to_address.copy_from_slice(address);
        }
        Some(len)
    }

    /// Octets of an address, of an RRset that is kept as its TTL and addresses alone.
    #[inline(always)]
    fn packed(&self) -> Option<usize> {
        packed(self.rrset.rtype)
    }

    #[inline]
    fn stored(&self) -> &'z [u8] {
        let (start, end) = self.range();
        self.bytes.get(start..end).unwrap_or_default()
    }

    #[inline]
    fn rendered(&self) -> Option<&'z [u8]> {
        let (len, rendering) = self.bytes.get(self.range().1..)?.split_first_chunk::<4>()?;
        rendering.get(..u32::from_ne_bytes(*len) as usize)
    }

    #[inline]
    fn range(&self) -> (usize, usize) {
        let start = self.rrset.start as usize;
        (start, start + (self.rrset.len & !RENDERED) as usize)
    }

    pub fn ttl(&self) -> u32 {
        let at = if self.packed().is_some() { 0 } else { 6 };
        let ttl = self.stored().get(at..at + 4).and_then(|ttl| ttl.first_chunk());
        ttl.map_or(0, |ttl| u32::from_be_bytes(*ttl))
    }

    /// Uncompressed RDATA, record by record.
    pub fn rdatas(&self) -> impl Iterator<Item = &'z [u8]> + use<'z> {
        let packed = self.packed();
        let mut rest = self.stored();
        if packed.is_some() {
            rest = rest.get(4..).unwrap_or_default();
        }
        std::iter::from_fn(move || {
            if let Some(len) = packed {
                let (address, more) = rest.split_at_checked(len)?;
                rest = more;
                return Some(address);
            }
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
