//! Checks the rules between records, and corrects some faults, silently or with a warning.
//!
//! | found | then |
//! |---|---|
//! | no SOA or no NS at the apex (RFC 1034 §4.2.1) | error |
//! | two SOA, two CNAME or two DNAME at one owner | error |
//! | SOA below the apex | error |
//! | CNAME beside other data but RRSIG and NSEC (RFC 1034 §3.6.2, RFC 4034 §2.5) | error |
//! | TTLs that differ in an RRset (RFC 2181 §5.2) | warning, all get the lowest |
//! | an RRset that does not fit into any message | error |
//! | the same record twice (RFC 2181 §5) | dropped silently |
//! | `@` in the mail address of the SOA (RFC 1035 §3.3.13) | warning |
//!
//! Missing records are reported only when every line was read: a line with a fault is not absent.

use std::collections::HashSet;
use std::ops::Range;

use crate::zone::rdata::table::type_name;
use crate::zone::rdata::walk::{EmbeddedName, names, target};
use crate::zone::read::faults::Faults;
use crate::zone::read::{delegation, mail};
use crate::zone::record::{FilePosition, Record, Zone, rrset_of};
use crate::zone::rtype::{A, AAAA, CNAME, DNAME, MX, NS, NSEC, PTR, RRSIG, SOA};

/// Up to this number, the records of an RRset are compared pairwise, without a hash table.
const SMALL_RRSET: usize = 16;

/// Checks the zone when all its files are read, and applies the corrections.
pub fn check(zone: &mut Zone, faults: &mut Faults) {
    let all_read = !faults.any_errors();
    let mut changes = Changes::default();
    let mut start = 0;
    for rrset in zone.records.chunk_by(|a, b| (a.owner, a.rtype) == (b.owner, b.rtype)) {
        if rrset.len() > 1 {
            check_rrset(zone, rrset, start, faults, &mut changes);
        }
        start += rrset.len();
    }
    for run in zone.runs() {
        if let [cname, ..] = rrset_of(run, CNAME) {
            beside_cname(zone, run, cname, faults);
        }
        if let [soa, ..] = rrset_of(run, SOA)
            && *zone.owner(soa) != zone.apex
        {
            let message = format!("an SOA below the apex {} (RFC 1034 §4.2.1)", zone.apex);
            faults.error(soa.place, message, "remove it: a zone has one SOA, at its apex");
        }
        if let [soa, ..] = rrset_of(run, SOA) {
            check_mail_address(zone, soa, faults);
        }
    }
    if all_read {
        check_apex(zone, faults);
    }
    delegation::check(zone, all_read, faults);
    mail::check(zone, faults);
    changes.apply(zone);
}

/// Warns of an `@` in RNAME, which has a dot in its place (RFC 1035 §8).
fn check_mail_address(zone: &Zone, soa: &Record, faults: &mut Faults) {
    let rdata = zone.rdata(soa);
    let Some(address) = names(SOA, rdata).nth(1).and_then(|name| target(rdata, &name)) else {
        return;
    };
    let Some(label) = address.labels().find(|label| label.contains(&b'@')) else { return };
    let label = String::from_utf8_lossy(label);
    let message = format!("the mail address of the SOA has an `@`: `{}`", label.escape_debug());
    let help = "write a dot in its place: hostmaster.example.com. for hostmaster@example.com";
    faults.warning(soa.place, message, help);
}

fn check_apex(zone: &Zone, faults: &mut Faults) {
    let apex = &zone.apex;
    if !zone.has(apex, SOA) {
        let help = "write @ IN SOA ns1 hostmaster ( 2026010101 14400 3600 1209600 300 )";
        faults.error(
            FilePosition::START,
            format!("no SOA at the apex {apex} (RFC 1034 §4.2.1)"),
            help,
        );
    }
    if !zone.has(apex, NS) {
        let help = "write @ IN NS ns1, once for each name server";
        faults.error(
            FilePosition::START,
            format!("no NS at the apex {apex} (RFC 1034 §4.2.1)"),
            help,
        );
    }
}

/// Corrections, applied after all checks.
#[derive(Debug, Default)]
struct Changes {
    /// Indices in `Zone::records`, ascending.
    dropped: Vec<usize>,
    ttl: Vec<(Range<usize>, u32)>,
}

impl Changes {
    fn apply(self, zone: &mut Zone) {
        for (rrset, ttl) in self.ttl {
            for record in zone.records.get_mut(rrset).unwrap_or_default() {
                record.ttl = ttl;
            }
        }
        if self.dropped.is_empty() {
            return;
        }
        let mut dropped = self.dropped.iter().peekable();
        let mut at = 0;
        zone.records.retain(|_| {
            let keep = dropped.next_if_eq(&&at).is_none();
            at += 1;
            keep
        });
    }
}

/// Checks an RRset, which begins at index `start` of `Zone::records`.
fn check_rrset(
    zone: &Zone,
    rrset: &[Record],
    start: usize,
    faults: &mut Faults,
    changes: &mut Changes,
) {
    let Some(first) = rrset.first() else { return };
    let repeated = repeated(zone, rrset);
    if matches!(first.rtype, SOA | CNAME | DNAME)
        && let Some((_, second)) =
            rrset.iter().enumerate().skip(1).find(|(at, _)| !repeated.contains(at))
    {
        let (rtype, there) = (type_name(first.rtype), where_is(zone, first, second));
        let message = format!("a second {rtype} for this owner; the first is in {there}");
        faults.error(second.place, message, "keep one of the two");
    }
    check_size(zone, rrset, &repeated, faults);
    changes.dropped.extend(repeated.iter().map(|at| start + at));
    // RRSIGs of one owner are no RRset: each has the TTL of the RRset that it covers (RFC 4034 §3).
    let lowest = rrset.iter().map(|record| record.ttl).min().unwrap_or(0);
    let other = rrset.iter().find(|record| record.ttl != first.ttl);
    if let (Some(other), false) = (other, first.rtype == RRSIG) {
        let rtype = type_name(first.rtype);
        let message = format!(
            "the TTLs of this {rtype} RRset differ (RFC 2181 §5.2); the lowest, {lowest}, holds"
        );
        faults.warning(other.place, message, "write the same TTL in each of its lines");
        changes.ttl.push((start..start + rrset.len(), lowest));
    }
}

/// Octets of the longest message over TCP (RFC 1035 §4.2.2).
const MAX_MESSAGE: usize = 65_535;
/// Octets of its header, of type and class of the question, and of OPT.
const FIXED: usize = 12 + 4 + 11;
/// Octets of owner (a pointer), type, class, TTL and length.
const RECORD_HEAD: usize = 12;

/// Reports an RRset that does not fit into a message: it could never be answered, even over TCP.
fn check_size(zone: &Zone, rrset: &[Record], repeated: &[usize], faults: &mut Faults) {
    let Some(first) = rrset.first().filter(|first| first.rtype != RRSIG) else { return };
    let room = MAX_MESSAGE - FIXED - zone.owner(first).as_wire().len();
    let full: usize = rrset.iter().map(|record| RECORD_HEAD + usize::from(record.rdata_len)).sum();
    if full <= room {
        return;
    }
    let (mut total, mut beyond) = (0, None);
    let mut repeated = repeated.iter().peekable();
    for (at, record) in rrset.iter().enumerate() {
        if repeated.next_if_eq(&&at).is_none() {
            total += RECORD_HEAD + least_octets(record.rtype, zone.rdata(record));
            beyond = beyond.or((total > room).then_some(record));
        }
    }
    if let Some(record) = beyond {
        let message = format!(
            "from here on, the {} RRset of {} does not fit into a message: it takes {total} \
             octets, and there is room for {room}",
            type_name(first.rtype),
            zone.owner(first)
        );
        faults.error(record.place, message, "write fewer records, or spread them over more names");
    }
}

/// The minimum octets of RDATA in a message. A compressed name needs at least its first label and a
/// pointer, because each record of an RRset has another name.
fn least_octets(rtype: u16, rdata: &[u8]) -> usize {
    let saved = |name: EmbeddedName| {
        let label = rdata.get(name.range.start).copied().map_or(0, usize::from);
        name.range.len().saturating_sub(label + 3)
    };
    let saved: usize = match rtype {
        NS | PTR | MX => names(rtype, rdata).map(saved).sum(),
        _ => 0,
    };
    rdata.len() - saved
}

/// Indices of records that are equal to an earlier record of their RRset.
fn repeated(zone: &Zone, rrset: &[Record]) -> Vec<usize> {
    if rrset.len() > SMALL_RRSET {
        let mut seen = HashSet::with_capacity(rrset.len());
        let again = |record: &Record| !seen.insert(canonical(record.rtype, zone.rdata(record)));
        return positions(rrset, again);
    }
    let same = |a: &Record, b: &Record| {
        let (rtype, a, b) = (a.rtype, zone.rdata(a), zone.rdata(b));
        match rtype {
            // The most frequent types; their RDATA has no letter case.
            A => a.first_chunk::<4>() == b.first_chunk(),
            AAAA => a.first_chunk::<16>() == b.first_chunk(),
            _ if a == b => true,
            _ => a.eq_ignore_ascii_case(b) && canonical(rtype, a) == canonical(rtype, b),
        }
    };
    let mut before = 0;
    positions(rrset, |record| {
        let earlier = rrset.get(..before).unwrap_or_default();
        before += 1;
        earlier.iter().any(|earlier| same(earlier, record))
    })
}

fn positions(rrset: &[Record], mut meant: impl FnMut(&Record) -> bool) -> Vec<usize> {
    rrset.iter().enumerate().filter(|(_, record)| meant(record)).map(|(at, _)| at).collect()
}

/// RDATA with its names in lower case: records that differ only in the case of names are equal.
fn canonical(rtype: u16, rdata: &[u8]) -> Vec<u8> {
    let mut canonical = rdata.to_vec();
    for name in names(rtype, rdata) {
        if let Some(octets) = canonical.get_mut(name.range) {
            octets.make_ascii_lowercase();
        }
    }
    canonical
}

fn beside_cname(zone: &Zone, run: &[Record], cname: &Record, faults: &mut Faults) {
    let other = run.iter().find(|record| !matches!(record.rtype, CNAME | RRSIG | NSEC));
    if *zone.owner(cname) == zone.apex {
        let help = "write A and AAAA for the apex, or let a pool answer for it";
        let message = "a CNAME at the apex, where SOA and NS stand (RFC 1034 §3.6.2)";
        faults.error(cname.place, message, help);
    } else if let Some(other) = other {
        let rtype = type_name(other.rtype);
        // RDATA is stored in the order in which it was read.
        let (here, message) = if cname.rdata < other.rdata {
            let there = where_is(zone, cname, other);
            (other, format!("{rtype} beside the CNAME of {there} (RFC 1034 §3.6.2)"))
        } else {
            let there = where_is(zone, other, cname);
            (cname, format!("a CNAME beside the {rtype} of {there} (RFC 1034 §3.6.2)"))
        };
        let help = "remove the CNAME, or everything else of this owner";
        faults.error(here.place, message, help);
    }
}

/// The position of a record in words, for a fault at another record.
fn where_is(zone: &Zone, record: &Record, told_at: &Record) -> String {
    let (place, here) = (record.place, told_at.place);
    match zone.files.get(usize::from(place.file)).filter(|_| place.file != here.file) {
        Some(file) => format!("{file}, line {}", place.line),
        None => format!("line {}", place.line),
    }
}
