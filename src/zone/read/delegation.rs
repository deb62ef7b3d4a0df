//! Checks the rules of zone cuts, glue, DNAME, and of the names that records point to.
//!
//! | found | then |
//! |---|---|
//! | apex NS whose target is a CNAME (RFC 2181 §10.3) | error |
//! | apex NS whose target has no A and AAAA in the zone | error: the delegation would be lame |
//! | either of these for NS at a zone cut, or a target at or below one | warning: glue is missing |
//! | NS at a wildcard (RFC 4592 §4.2) | error |
//! | data below a DNAME (RFC 6672 §2.4) | error |
//! | MX or SRV whose target is a CNAME (RFC 2181 §10.3, RFC 2782) | warning |
//! | data below a zone cut but glue, or at it but NS, DS, NSEC, RRSIG (RFC 1034 §4.2.1) | warning |
//! | DS without NS (RFC 4035 §2.4) | warning |
//!
//! Whether the target of an MX has an address is not checked: a pool may answer for it.

use rustc_hash::FxHashSet;

use crate::zone::name::Name;
use crate::zone::rdata::table::type_name;
use crate::zone::rdata::walk::{names, target};
use crate::zone::read::faults::Faults;
use crate::zone::record::{FaultCode, Record, Severity, Zone, rrset_of};
use crate::zone::rtype::{A, AAAA, CNAME, DNAME, DS, MX, NS, NSEC, NSEC3, RRSIG, SRV};

/// Checks a zone. `all_read` is false if a line had a fault: then missing addresses are no fault.
pub fn check(zone: &Zone, all_read: bool, faults: &mut Faults) {
    let apex = &zone.apex;
    let mut cuts = FxHashSet::default();
    let mut dnames = FxHashSet::default();
    let mut servers = FxHashSet::default();
    for run in zone.runs() {
        let Some(owner) = run.first().map(|record| zone.owner(record)) else { continue };
        let servers_here = rrset_of(run, NS);
        if let ([first, ..], true) = (servers_here, owner.is_wildcard()) {
            let message = "NS at a wildcard delegates nothing (RFC 4592 §4.2)";
            faults.error(first.place, message, "write the NS at the names themselves");
        }
        if !servers_here.is_empty() && owner != apex {
            cuts.insert(owner);
        }
        if !rrset_of(run, DNAME).is_empty() {
            dnames.insert(owner);
        }
        for record in servers_here {
            let Some(server) = target_of(zone, record) else { continue };
            check_server(zone, owner, record, &server, all_read, faults);
            servers.insert(server);
        }
        for record in rrset_of(run, MX).iter().chain(rrset_of(run, SRV)) {
            check_alias(zone, record, faults);
        }
        if let ([ds, ..], []) = (rrset_of(run, DS), servers_here) {
            let message = "DS without NS is never used (RFC 4035 §2.4)";
            faults.warning(ds.place, message, "write the NS of the delegation too");
        }
    }
    if cuts.is_empty() && dnames.is_empty() {
        return;
    }
    let cover = Cover { cuts: &cuts, dnames: &dnames, servers: &servers };
    for run in zone.runs() {
        if let Some(first) = run.first() {
            check_cover(zone, zone.owner(first), run, &cover, faults);
        }
    }
}

fn target_of(zone: &Zone, record: &Record) -> Option<Name> {
    let rdata = zone.rdata(record);
    target(rdata, &names(record.rtype, rdata).next()?)
}

/// Checks one NS record: a target within the zone needs addresses, and must be no alias.
fn check_server(
    zone: &Zone,
    owner: &Name,
    record: &Record,
    server: &Name,
    all_read: bool,
    faults: &mut Faults,
) {
    let apex = &zone.apex;
    if !server.is_within(apex) {
        return;
    }
    let place = record.place;
    let ours = owner == apex && !is_delegated(zone, server);
    let severity = if ours { Severity::Error } else { Severity::Warning };
    if zone.has(server, CNAME) {
        let message = format!("the name server {server} is a CNAME (RFC 2181 §10.3)");
        let help = "name the host itself, the one with A or AAAA records";
        faults.add(severity, FaultCode::NameServerIsAlias, place, message, help);
    } else if all_read && !has_address(zone, server) {
        let message = format!("the name server {server} has neither A nor AAAA in this zone");
        let help = hint(server, apex)
            .unwrap_or_else(|| format!("write {server} IN A with the server's address"));
        faults.add(severity, FaultCode::NameServerWithoutAddress, place, message, &help);
    }
}

/// Whether a name is at or below a zone cut, so that another zone is authoritative.
fn is_delegated(zone: &Zone, name: &Name) -> bool {
    let apex = &zone.apex;
    let mut at = Some(name.clone());
    while let Some(name) = at.filter(|name| name != apex) {
        if zone.has(&name, NS) {
            return true;
        }
        at = name.parent();
    }
    false
}

/// Whether A or AAAA is at the name, or at the wildcard that answers for it (RFC 4592 §3.3.1).
fn has_address(zone: &Zone, name: &Name) -> bool {
    let address = |name: &Name| zone.has(name, A) || zone.has(name, AAAA);
    if !zone.at(name).is_empty() {
        return address(name);
    }
    let mut above = name.parent();
    while let Some(encloser) = above.filter(|encloser| encloser.is_within(&zone.apex)) {
        if encloser.child(b"*").is_ok_and(|wildcard| address(&wildcard)) {
            return true;
        }
        if !zone.at(&encloser).is_empty() {
            return false;
        }
        above = encloser.parent();
    }
    false
}

/// Help for two common mistakes: an address in place of the name, and a missing final dot.
fn hint(target: &Name, apex: &Name) -> Option<String> {
    let relative = target.labels().count().checked_sub(apex.labels().count())?;
    let labels: Vec<&[u8]> = target.labels().take(relative).collect();
    let numbers = labels.iter().all(|label| label.iter().all(u8::is_ascii_digit));
    if labels.len() == 4 && numbers {
        return Some("write a name here, and the address in an A record of that name".into());
    }
    let mut written = Name::root();
    for label in labels.iter().rev() {
        written = written.child(label).ok()?;
    }
    let doubled = !written.is_root() && written.is_within(apex);
    doubled.then(|| format!("write {written} with the final dot"))
}

fn check_alias(zone: &Zone, record: &Record, faults: &mut Faults) {
    let Some(target) = target_of(zone, record).filter(|target| zone.has(target, CNAME)) else {
        return;
    };
    let (rtype, rfc) = match record.rtype {
        MX => ("MX", "RFC 2181 §10.3"),
        _ => ("SRV", "RFC 2782"),
    };
    let message = format!("the target {target} of this {rtype} is a CNAME ({rfc})");
    faults.warning(record.place, message, "name the host itself");
}

/// The owners of NS and DNAME that hide names below them.
struct Cover<'c> {
    cuts: &'c FxHashSet<&'c Name>,
    dnames: &'c FxHashSet<&'c Name>,
    /// Targets of NS.
    servers: &'c FxHashSet<Name>,
}

/// Checks the records at or below a zone cut, or below a DNAME.
fn check_cover(zone: &Zone, owner: &Name, run: &[Record], cover: &Cover<'_>, faults: &mut Faults) {
    let apex = &zone.apex;
    let (mut cut, mut dname) = (None, None);
    let mut above = owner.parent();
    while let Some(name) = above.filter(|name| name.is_within(apex)) {
        above = name.parent();
        cut = cover.cuts.contains(&name).then(|| name.clone()).or(cut);
        dname = cover.dnames.contains(&name).then_some(name).or(dname);
    }
    let server = cover.servers.contains(owner);
    let below = |record: &&Record| !(server && matches!(record.rtype, A | AAAA));
    if let (Some(cut), Some(record)) = (&cut, run.iter().find(below)) {
        let message = format!("{owner} is below the zone cut at {cut} and is never answered");
        faults.warning(record.place, message, "move it to the zone of that name");
        return;
    }
    let signed = |record: &&Record| !matches!(record.rtype, NSEC3 | RRSIG);
    if let (Some(dname), None, Some(record)) = (dname, &cut, run.iter().find(signed)) {
        let message = format!("{owner} is below the DNAME at {dname} (RFC 6672 §2.4)");
        faults.error(record.place, message, "remove it or the DNAME");
    }
    let at_cut = cut.is_none() && cover.cuts.contains(owner);
    let stays = |record: &&Record| matches!(record.rtype, NS | DS | NSEC | RRSIG) || !below(record);
    if let (true, Some(record)) = (at_cut, run.iter().find(|record| !stays(record))) {
        let rtype = type_name(record.rtype);
        let message = format!("{rtype} at the zone cut {owner} is never answered");
        faults.warning(record.place, message, "move it to the zone of that name");
    }
}
