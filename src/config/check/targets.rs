//! Checks the target names of records against the zones and the pools.
//!
//! | target of MX, SRV, CNAME, NS | then |
//! |---|---|
//! | in none of our zones; behind a zone cut or a DNAME; the root, which says "none" | nothing |
//! | has records, or is a pool's name, or a wildcard answers for it | nothing |
//! | in one of our zones, which lacks it | warning |
//! | of MX and SRV: has records, but neither an address nor a CNAME | warning |
//!
//! The zone reader reports an NS in its own zone without an address, and an MX whose target is a
//! CNAME; they are not reported again.

use std::collections::{HashMap, HashSet};

use crate::config::check::names::Named;
use crate::config::fault::Fault;
use crate::config::zones::{LoadedZone, LoadedZones};
use crate::zone::name::Name;
use crate::zone::rdata::table::type_name;
use crate::zone::rdata::walk::{names, target};
use crate::zone::record::{Record, Severity, Zone};
use crate::zone::rtype::{A, AAAA, CNAME, DNAME, MX, NS, SRV};

/// Most warnings.
const MAX_WARNINGS: usize = 100;

pub fn check(named: &[Named<'_>], zones: &LoadedZones) -> Vec<Fault> {
    // The names of a faulty zone are not known.
    if !zones.is_complete || zones.loaded.len() < zones.apexes.len() {
        return vec![];
    }
    let known = KnownNames {
        pools: named.iter().map(|named| &named.published.owner).collect(),
        zones: zones.loaded.iter().map(|loaded| (&loaded.zone.apex, &loaded.zone)).collect(),
    };
    let warnings = zones.loaded.iter().flat_map(|loaded| {
        loaded.zone.records.iter().filter_map(|record| known.judge(loaded, record))
    });
    warnings.take(MAX_WARNINGS).collect()
}

struct KnownNames<'a> {
    pools: HashSet<&'a Name>,
    zones: HashMap<&'a Name, &'a Zone>,
}

/// The state of a name in our zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameState {
    /// The name is outside of our zones, or has an answer.
    Fine,
    Nothing,
    NoAddress,
}

impl KnownNames<'_> {
    fn judge(&self, loaded: &LoadedZone, record: &Record) -> Option<Fault> {
        if !matches!(record.rtype, MX | SRV | CNAME | NS) {
            return None;
        }
        let rdata = loaded.zone.rdata(record);
        let to = target(rdata, &names(record.rtype, rdata).next()?)?;
        let zone = self.zone_of(&to)?;
        if record.rtype == NS && zone.apex == loaded.zone.apex {
            return None;
        }
        let rtype = type_name(record.rtype);
        let (message, help) = match self.look(zone, &to, record.rtype) {
            NameState::Fine => return None,
            NameState::Nothing => (
                format!("the target {to} of this {rtype} is not in the zone {}", zone.apex),
                cure(&to, zone),
            ),
            NameState::NoAddress => (
                format!("the target {to} of this {rtype} has neither A nor AAAA"),
                format!("write {to} IN A with its address, or name another host"),
            ),
        };
        let mut fault = loaded.fault(record.place, message, help);
        fault.severity = Severity::Warning;
        Some(fault)
    }

    /// Our zone that is authoritative for a name.
    fn zone_of(&self, name: &Name) -> Option<&Zone> {
        let mut at = Some(name.clone());
        while let Some(name) = at.filter(|name| !name.is_root()) {
            if let Some(zone) = self.zones.get(&name) {
                return Some(zone);
            }
            at = name.parent();
        }
        None
    }

    fn look(&self, zone: &Zone, name: &Name, rtype: u16) -> NameState {
        if self.pools.contains(name) || is_of_others(zone, name) {
            return NameState::Fine;
        }
        let records = zone.at(name);
        if records.is_empty() {
            let answered = is_answered_by_wildcard(zone, name);
            return if answered { NameState::Fine } else { NameState::Nothing };
        }
        let leads_on = |record: &Record| matches!(record.rtype, A | AAAA | CNAME);
        match matches!(rtype, MX | SRV) && !records.iter().any(leads_on) {
            true => NameState::NoAddress,
            false => NameState::Fine,
        }
    }
}

/// Any wildcard above counts: a missing warning is better than a wrong one.
fn is_answered_by_wildcard(zone: &Zone, name: &Name) -> bool {
    above(zone, name)
        .any(|encloser| encloser.child(b"*").is_ok_and(|wildcard| !zone.at(&wildcard).is_empty()))
}

/// Whether the name lies at or below a zone cut, or below a DNAME.
fn is_of_others(zone: &Zone, name: &Name) -> bool {
    let is_cut = |name: &Name| *name != zone.apex && zone.has(name, NS);
    is_cut(name) || above(zone, name).any(|name| is_cut(&name) || zone.has(&name, DNAME))
}

/// The names above `name`, up to the apex.
fn above<'z>(zone: &'z Zone, name: &Name) -> impl Iterator<Item = Name> + use<'z> {
    let parents = std::iter::successors(name.parent(), Name::parent);
    parents.take_while(|name| name.is_within(&zone.apex))
}

/// A name with a dot in it was probably meant to be complete, without the zone appended.
fn cure(name: &Name, zone: &Zone) -> String {
    let relative = name.labels().count().saturating_sub(zone.apex.labels().count());
    let labels: Vec<&[u8]> = name.labels().take(relative).collect();
    let mut written = Name::root();
    for label in labels.iter().rev() {
        written = written.child(label).unwrap_or(written);
    }
    match relative {
        0 | 1 => format!("write {name} IN A with its address, or mend the name"),
        _ => format!("write {written} with the final dot, or give {name} its records"),
    }
}
