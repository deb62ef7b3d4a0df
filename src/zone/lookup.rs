//! The look-up of RFC 1034 §4.3.2, for one name. Following aliases is the caller's: he has the
//! message in hand.
//!
//! | the name is | outcome |
//! |---|---|
//! | in none of the zones | [`Outcome::NotOurs`] |
//! | at or below a zone cut | [`Outcome::Referral`]; DS at the cut is ours (RFC 4035 §3.1.4.1) |
//! | there, with a CNAME and another type asked | [`Outcome::Alias`] |
//! | there, with the type | [`Outcome::Data`] |
//! | there, its addresses are the caller's | [`Outcome::Slot`] |
//! | there, without the type; or empty (RFC 8020) | [`Outcome::NoData`] |
//! | below a DNAME | [`Outcome::Redirect`] (RFC 6672) |
//! | covered by a wildcard of the closest encloser (RFC 4592) | as if it were there |
//! | not there | [`Outcome::NxDomain`] |

use crate::zone::rrset::RrsetView;
use crate::zone::rtype;
use crate::zone::store::{Kind, NodeId, ZoneId, Zones, parent};

/// Every way that a look-up can end. The owner of what is answered is the name asked for, but for
/// `Redirect` and `Referral`.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'z> {
    Data {
        rrset: RrsetView<'z>,
        /// False when a wildcard made it up: then nothing rendered ahead fits.
        own: bool,
    },
    /// The caller answers A and AAAA, and HTTPS where the zone does not; `qtype` is one of them,
    /// or ANY.
    Slot {
        zone: ZoneId,
        slot: u32,
    },
    Alias {
        rrset: RrsetView<'z>,
        /// Uncompressed.
        target: &'z [u8],
    },
    Redirect {
        /// Lower case, an ancestor of the name.
        owner: &'z [u8],
        rrset: RrsetView<'z>,
        target: &'z [u8],
    },
    NoData {
        zone: ZoneId,
        /// The name has a slot: its negative answers must not outlive a change of it.
        is_slot: bool,
    },
    NxDomain {
        zone: ZoneId,
    },
    Referral {
        cut: NodeId,
    },
    NotOurs,
}

impl Zones {
    /// `lower` is the name in lower-case wire form.
    #[inline(never)]
    pub fn look_up(&self, lower: &[u8], qtype: u16) -> Outcome<'_> {
        match self.find(lower) {
            Some(node) => self.at_node(node, qtype),
            None => self.below_nothing(lower, qtype),
        }
    }

    /// As [`Zones::look_up`], if `name`, in any letter case, is there.
    #[inline(always)]
    pub fn look_up_sent(&self, name: &[u8], qtype: u16) -> Option<Outcome<'_>> {
        Some(self.at_node(self.find_sent(name)?, qtype))
    }

    #[inline(always)]
    fn at_node(&self, id: NodeId, qtype: u16) -> Outcome<'_> {
        let node = self.node(id);
        match node.kind {
            Kind::Inside if qtype != rtype::DS => self.data(id, true, qtype),
            Kind::Inside if id == self.apex_node(node.zone) => self.ds_at_apex(node.zone),
            Kind::Inside => self.data(id, true, qtype),
            Kind::Cut if qtype != rtype::DS => Outcome::Referral { cut: id },
            Kind::Cut => self.data(id, true, qtype),
            Kind::Below => Outcome::Referral { cut: self.cut(node).unwrap_or(id) },
        }
    }

    /// What the records of `id` say, be it the name's `own` node or the wildcard for it.
    #[inline(always)]
    fn data(&self, id: NodeId, own: bool, qtype: u16) -> Outcome<'_> {
        let node = self.node(id);
        if let Some(slot) = self.slot(node)
            && matches!(qtype, rtype::A | rtype::AAAA | rtype::ANY)
        {
            return Outcome::Slot { zone: node.zone, slot };
        }
        match self.rrset(id, qtype) {
            Some(rrset) => Outcome::Data { rrset, own },
            None => self.other_data(id, own, qtype),
        }
    }

    /// The name has no RRset of that type: an alias, anything at all (RFC 8482 §4.1: of everything,
    /// one RRset), or nothing.
    fn other_data(&self, id: NodeId, own: bool, qtype: u16) -> Outcome<'_> {
        let node = self.node(id);
        match self.rrsets(id).next() {
            Some(rrset) if qtype == rtype::ANY => Outcome::Data { rrset, own },
            // A CNAME stands alone, or before RRSIG and NSEC (RFC 4034 §4, types above it).
            Some(rrset) if rrset.rtype() == rtype::CNAME => match rrset.rdatas().next() {
                Some(target) => Outcome::Alias { rrset, target },
                None => Outcome::NoData { zone: node.zone, is_slot: false },
            },
            _ => match self.slot(node) {
                Some(slot) if qtype == rtype::HTTPS => Outcome::Slot { zone: node.zone, slot },
                slot => Outcome::NoData { zone: node.zone, is_slot: slot.is_some() },
            },
        }
    }

    /// DS lives above the cut: the parent zone answers, if it is ours too.
    fn ds_at_apex(&self, zone: ZoneId) -> Outcome<'_> {
        match self.parent_side(zone) {
            Some((_, Some(rrset))) => Outcome::Data { rrset, own: true },
            Some((parent, None)) => Outcome::NoData { zone: parent, is_slot: false },
            None => Outcome::NoData { zone, is_slot: false },
        }
    }

    /// The name does not exist: its closest encloser decides.
    fn below_nothing(&self, lower: &[u8], qtype: u16) -> Outcome<'_> {
        let mut name = parent(lower);
        let encloser = loop {
            match name {
                None => return Outcome::NotOurs,
                Some(at) => match self.find(at) {
                    Some(node) => break node,
                    None => name = parent(at),
                },
            }
        };
        let node = self.node(encloser);
        match node.kind {
            Kind::Cut => return Outcome::Referral { cut: encloser },
            Kind::Below => return Outcome::Referral { cut: self.cut(node).unwrap_or(encloser) },
            Kind::Inside => {}
        }
        if let Some(rrset) = self.rrset(encloser, rtype::DNAME)
            && let Some(target) = rrset.rdatas().next()
        {
            return Outcome::Redirect { owner: self.name_of(encloser), rrset, target };
        }
        match self.wildcard(node) {
            Some(wildcard) => match self.node(wildcard).kind {
                Kind::Cut => Outcome::Referral { cut: wildcard },
                Kind::Inside | Kind::Below => self.data(wildcard, false, qtype),
            },
            None => Outcome::NxDomain { zone: node.zone },
        }
    }
}
