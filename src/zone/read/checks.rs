//! The rules between records, and what is put right in silence or with a warning.
//!
//! | found | then |
//! |---|---|
//! | no SOA or no NS at the apex (RFC 1034 §4.2.1) | error |
//! | two SOA, two CNAME or two DNAME at one owner | error |
//! | SOA below the apex | error |
//! | CNAME beside other data but RRSIG and NSEC (RFC 1034 §3.6.2, RFC 4034 §2.5) | error |
//! | TTLs that differ in an RRset (RFC 2181 §5.2) | warning, the lowest holds |
//! | the same record twice (RFC 2181 §5) | dropped in silence |
//!
//! What is missing is told only when every line was read: a line with a fault is not absent.

use std::collections::HashSet;

use crate::zone::rdata::table::type_name;
use crate::zone::rdata::walk::names;
use crate::zone::read::faults::Faults;
use crate::zone::read::index::{Index, Slot, rrset_of};
use crate::zone::read::{START, delegation};
use crate::zone::record::Zone;
use crate::zone::rtype::{A, AAAA, CNAME, DNAME, NS, NSEC, RRSIG, SOA};

/// Up to this many records are compared each with each, without a table.
const SMALL_RRSET: usize = 16;

pub fn check(zone: &mut Zone, faults: &mut Faults) {
    let all_read = !faults.any_errors();
    let mut changes = Changes::default();
    let index = Index::new(zone);
    for owner in &index.owners {
        let slots = index.slots(owner);
        for rrset in slots.chunk_by(|a, b| a.rtype == b.rtype) {
            if rrset.len() > 1 {
                check_rrset(&index, rrset, faults, &mut changes);
            }
        }
        if let [cname, ..] = rrset_of(slots, CNAME) {
            beside_cname(&index, slots, cname, faults);
        }
        if let ([soa, ..], false) = (rrset_of(slots, SOA), *owner.name == zone.apex) {
            let message = format!("an SOA below the apex {} (RFC 1034 §4.2.1)", zone.apex);
            faults.error(index.place(soa), message, "remove it: a zone has one SOA, at its apex");
        }
    }
    if all_read {
        check_apex(&index, faults);
    }
    delegation::check(&index, all_read, faults);
    changes.apply(zone);
}

fn check_apex(index: &Index<'_>, faults: &mut Faults) {
    let apex = &index.zone.apex;
    if !index.has(apex, SOA) {
        let help = "write @ IN SOA ns1 hostmaster ( 2026010101 14400 3600 1209600 300 )";
        faults.error(START, format!("no SOA at the apex {apex} (RFC 1034 §4.2.1)"), help);
    }
    if !index.has(apex, NS) {
        let help = "write @ IN NS ns1, once for each name server";
        faults.error(START, format!("no NS at the apex {apex} (RFC 1034 §4.2.1)"), help);
    }
}

#[derive(Debug, Default)]
struct Changes {
    /// Indices in `Zone::records`.
    dropped: Vec<u32>,
    ttl: Vec<(u32, u32)>,
}

impl Changes {
    fn apply(mut self, zone: &mut Zone) {
        for (record, ttl) in self.ttl {
            if let Some(record) = zone.records.get_mut(record as usize) {
                record.ttl = ttl;
            }
        }
        if self.dropped.is_empty() {
            return;
        }
        self.dropped.sort_unstable();
        let mut dropped = self.dropped.iter().peekable();
        let mut at = 0u32;
        zone.records.retain(|_| {
            let keep = dropped.next_if_eq(&&at).is_none();
            at += 1;
            keep
        });
    }
}

fn check_rrset(index: &Index<'_>, rrset: &[Slot], faults: &mut Faults, changes: &mut Changes) {
    let Some(first) = rrset.first() else { return };
    let repeated = repeated(index, rrset);
    if matches!(first.rtype, SOA | CNAME | DNAME)
        && let Some(second) = rrset.iter().skip(1).find(|slot| !repeated.contains(&slot.record))
    {
        let (rtype, there) = (type_name(first.rtype), index.where_is(first, second));
        let message = format!("a second {rtype} for this owner; the first is in {there}");
        faults.error(index.place(second), message, "keep one of the two");
    }
    changes.dropped.extend(repeated);
    // RRSIGs of one owner are no RRset: each has the TTL of what it covers (RFC 4034 §3).
    let lowest = rrset.iter().map(|slot| index.ttl(slot)).min().unwrap_or(0);
    let other = rrset.iter().find(|slot| index.ttl(slot) != index.ttl(first));
    if let (Some(other), false) = (other, first.rtype == RRSIG) {
        let rtype = type_name(first.rtype);
        let message = format!(
            "the TTLs of this {rtype} RRset differ (RFC 2181 §5.2); the lowest, {lowest}, holds"
        );
        faults.warning(index.place(other), message, "write the same TTL in each of its lines");
        changes.ttl.extend(rrset.iter().map(|slot| (slot.record, lowest)));
    }
}

/// Records that say the same as an earlier one of their RRset.
fn repeated(index: &Index<'_>, rrset: &[Slot]) -> Vec<u32> {
    if rrset.len() > SMALL_RRSET {
        let mut seen = HashSet::with_capacity(rrset.len());
        let again = |slot: &&Slot| !seen.insert(canonical(slot.rtype, index.rdata(slot)));
        return rrset.iter().filter(again).map(|slot| slot.record).collect();
    }
    let same = |a: &Slot, b: &Slot| {
        let (rtype, a, b) = (a.rtype, index.rdata(a), index.rdata(b));
        match rtype {
            // Most sets are these, and there are no letters in them.
            A => a.first_chunk::<4>() == b.first_chunk(),
            AAAA => a.first_chunk::<16>() == b.first_chunk(),
            _ if a == b => true,
            _ => a.eq_ignore_ascii_case(b) && canonical(rtype, a) == canonical(rtype, b),
        }
    };
    let before = |at: usize| rrset.get(..at).unwrap_or_default();
    let again = |(at, slot): (usize, &Slot)| {
        before(at).iter().any(|earlier| same(earlier, slot)).then_some(slot.record)
    };
    rrset.iter().enumerate().filter_map(again).collect()
}

/// RDATA with its names in lower case: the letter case of names makes no other record.
fn canonical(rtype: u16, rdata: &[u8]) -> Vec<u8> {
    let mut canonical = rdata.to_vec();
    for name in names(rtype, rdata) {
        if let Some(octets) = canonical.get_mut(name.range) {
            octets.make_ascii_lowercase();
        }
    }
    canonical
}

fn beside_cname(index: &Index<'_>, slots: &[Slot], cname: &Slot, faults: &mut Faults) {
    let owner = &index.zone.records[cname.record as usize].owner;
    let other = slots.iter().find(|slot| !matches!(slot.rtype, CNAME | RRSIG | NSEC));
    if *owner == index.zone.apex {
        let help = "write A and AAAA for the apex, or let a pool answer for it";
        let message = "a CNAME at the apex, where SOA and NS stand (RFC 1034 §3.6.2)";
        faults.error(index.place(cname), message, help);
    } else if let Some(other) = other {
        let rtype = type_name(other.rtype);
        let (here, message) = if cname.record < other.record {
            let there = index.where_is(cname, other);
            (other, format!("{rtype} beside the CNAME of {there} (RFC 1034 §3.6.2)"))
        } else {
            let there = index.where_is(other, cname);
            (cname, format!("a CNAME beside the {rtype} of {there} (RFC 1034 §3.6.2)"))
        };
        let help = "remove the CNAME, or everything else of this owner";
        faults.error(index.place(here), message, help);
    }
}
