//! Looks one name up (RFC 1034 §4.3.2). The caller, which writes the message, follows aliases.
//!
//! | the name | outcome |
//! |---|---|
//! | is in none of the zones | [`Outcome::NotOurs`] |
//! | is at or below a zone cut | [`Outcome::Referral`], except DS at the cut (RFC 4035 §3.1.4.1) |
//! | has a CNAME, and the question is for another type | [`Outcome::Alias`] |
//! | has the type of the question | [`Outcome::Data`] |
//! | has addresses that the caller answers | [`Outcome::Slot`] |
//! | exists without the type, or is empty (RFC 8020) | [`Outcome::NoData`] |
//! | is below a DNAME | [`Outcome::Redirect`] (RFC 6672) |
//! | is covered by a wildcard of the closest encloser (RFC 4592) | as if it had these records |
//! | does not exist | [`Outcome::NxDomain`] |

use crate::zone::rrset::RrsetView;
use crate::zone::rtype;
use crate::zone::store::{NameId, NameKind, ZoneId, Zones, parent};

/// Every result of a look-up. The owner of the answer is the name asked for, except for `Redirect`
/// and `Referral`.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'z> {
    Data {
        rrset: RrsetView<'z>,
        /// False when a wildcard was expanded: the rendering for questions about the owner does
        /// not fit then.
        own: bool,
    },
    /// The caller answers A and AAAA, and HTTPS if the zone has no HTTPS records there. The
    /// question is for one of these types, or for ANY.
    Slot {
        zone: ZoneId,
        slot: u32,
    },
    Alias {
        rrset: RrsetView<'z>,
        /// The uncompressed name that the alias points to.
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
        /// Whether the name has a slot. Then its negative answers have a limited TTL.
        is_slot: bool,
    },
    NxDomain {
        zone: ZoneId,
    },
    Referral {
        cut: NameId,
    },
    NotOurs,
}

impl Zones {
    /// Looks up a name in lower-case wire form.
    #[inline(never)]
    pub fn look_up(&self, lower: &[u8], qtype: u16) -> Outcome<'_> {
        match self.find(lower) {
            Some(entry) => self.at_node(entry, qtype),
            None => self.below_nothing(lower, qtype),
        }
    }

    /// As [`Zones::look_up`], for a name in any letter case that exists. `None` otherwise.
    #[inline(always)]
    pub fn look_up_sent(&self, name: &[u8], qtype: u16) -> Option<Outcome<'_>> {
        Some(self.at_node(self.find_sent(name)?, qtype))
    }

    #[inline(always)]
    fn at_node(&self, id: NameId, qtype: u16) -> Outcome<'_> {
        let entry = self.entry(id);
        match entry.kind {
            NameKind::Inside if qtype != rtype::DS => self.data(id, true, qtype),
            NameKind::Inside if id == self.apex_entry(entry.zone) => self.ds_at_apex(entry.zone),
            NameKind::Inside => self.data(id, true, qtype),
            NameKind::Cut if qtype != rtype::DS => Outcome::Referral { cut: id },
            NameKind::Cut => self.data(id, true, qtype),
            NameKind::Below => Outcome::Referral { cut: self.cut(entry).unwrap_or(id) },
        }
    }

    /// The outcome from the records at `id`: the name itself (`own`), or the wildcard for it.
    #[inline(always)]
    fn data(&self, id: NameId, own: bool, qtype: u16) -> Outcome<'_> {
        let entry = self.entry(id);
        if let Some(slot) = self.slot(entry)
            && matches!(qtype, rtype::A | rtype::AAAA | rtype::ANY)
        {
            return Outcome::Slot { zone: entry.zone, slot };
        }
        match self.rrset(id, qtype) {
            Some(rrset) => Outcome::Data { rrset, own },
            None => self.other_data(id, own, qtype),
        }
    }

    /// The outcome at a name without an RRset of the type: an alias, any RRset for ANY (RFC 8482
    /// §4.1: one of them), or no data.
    fn other_data(&self, id: NameId, own: bool, qtype: u16) -> Outcome<'_> {
        let entry = self.entry(id);
        match self.rrsets(id).next() {
            Some(rrset) if qtype == rtype::ANY => Outcome::Data { rrset, own },
            // Only RRSIG and NSEC may be beside a CNAME (RFC 4034 §4); their types are higher.
            Some(rrset) if rrset.rtype() == rtype::CNAME => match rrset.rdatas().next() {
                Some(target) => Outcome::Alias { rrset, target },
                None => Outcome::NoData { zone: entry.zone, is_slot: false },
            },
            _ => match self.slot(entry) {
                Some(slot) if qtype == rtype::HTTPS => Outcome::Slot { zone: entry.zone, slot },
                slot => Outcome::NoData { zone: entry.zone, is_slot: slot.is_some() },
            },
        }
    }

    /// DS belongs to the parent side of a cut: the parent zone answers, if this server has it.
    fn ds_at_apex(&self, zone: ZoneId) -> Outcome<'_> {
        match self.parent_side(zone) {
            Some((_, Some(rrset))) => Outcome::Data { rrset, own: true },
            Some((parent, None)) => Outcome::NoData { zone: parent, is_slot: false },
            None => Outcome::NoData { zone, is_slot: false },
        }
    }

    /// The outcome for a name that does not exist, from its closest encloser.
    fn below_nothing(&self, lower: &[u8], qtype: u16) -> Outcome<'_> {
        let mut name = parent(lower);
        let encloser = loop {
            match name {
                None => return Outcome::NotOurs,
                Some(at) => match self.find(at) {
                    Some(entry) => break entry,
                    None => name = parent(at),
                },
            }
        };
        let entry = self.entry(encloser);
        match entry.kind {
            NameKind::Cut => return Outcome::Referral { cut: encloser },
            NameKind::Below => {
                return Outcome::Referral { cut: self.cut(entry).unwrap_or(encloser) };
            }
            NameKind::Inside => {}
        }
        if let Some(rrset) = self.rrset(encloser, rtype::DNAME)
            && let Some(target) = rrset.rdatas().next()
        {
            return Outcome::Redirect { owner: self.name_of(encloser), rrset, target };
        }
        match self.wildcard(entry) {
            Some(wildcard) => match self.entry(wildcard).kind {
                NameKind::Cut => Outcome::Referral { cut: wildcard },
                NameKind::Inside | NameKind::Below => self.data(wildcard, false, qtype),
            },
            None => Outcome::NxDomain { zone: entry.zone },
        }
    }
}
