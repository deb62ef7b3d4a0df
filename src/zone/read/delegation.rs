//! The rules of zone cuts, glue, DNAME and of the names that records point to.
//!
//! | found | then |
//! |---|---|
//! | apex NS whose target is a CNAME (RFC 2181 §10.3) | error |
//! | apex NS whose target has no A and AAAA in the zone | error: the delegation would be lame |
//! | either of these at a zone cut, or of a target below one | warning: glue is missing |
//! | NS at a wildcard (RFC 4592 §4.2) | error |
//! | data below a DNAME (RFC 6672 §2.4) | error |
//! | MX or SRV whose target is a CNAME (RFC 2181 §10.3, RFC 2782) | warning |
//! | data below a zone cut that are no glue, other data at it (RFC 1034 §4.2.1) | warning |
//! | DS without NS (RFC 4035 §2.4) | warning |
//!
//! That the target of an MX has an address is not asked: a pool may answer for it.

use rustc_hash::FxHashSet;

use crate::zone::name::Name;
use crate::zone::rdata::table::type_name;
use crate::zone::rdata::walk::{names, target};
use crate::zone::read::faults::Faults;
use crate::zone::read::index::{Index, Owner, Slot, rrset_of};
use crate::zone::rtype::{A, AAAA, CNAME, DNAME, DS, MX, NS, NSEC, NSEC3, RRSIG, SRV};

/// How faults of a name server begin and go on: whoever sorts faults by rule finds them by these.
pub const NAME_SERVER: &str = "the name server ";
pub const IS_CNAME: &str = "is a CNAME (RFC 2181 §10.3)";
pub const HAS_NO_ADDRESS: &str = "has neither A nor AAAA in this zone";

pub fn check(index: &Index<'_>, all_read: bool, faults: &mut Faults) {
    let apex = &index.zone.apex;
    let mut cuts = FxHashSet::default();
    let mut dnames = FxHashSet::default();
    let mut servers = FxHashSet::default();
    for owner in &index.owners {
        let slots = index.slots(owner);
        let servers_here = rrset_of(slots, NS);
        if let ([first, ..], true) = (servers_here, owner.name.is_wildcard()) {
            let message = "NS at a wildcard delegates nothing (RFC 4592 §4.2)";
            faults.error(index.place(first), message, "write the NS at the names themselves");
        }
        if !servers_here.is_empty() && owner.name != apex {
            cuts.insert(owner.name);
        }
        if !rrset_of(slots, DNAME).is_empty() {
            dnames.insert(owner.name);
        }
        for slot in servers_here {
            let Some(server) = target_of(index, slot) else { continue };
            check_server(index, owner, slot, &server, all_read, faults);
            servers.insert(server);
        }
        for slot in rrset_of(slots, MX).iter().chain(rrset_of(slots, SRV)) {
            check_alias(index, slot, faults);
        }
        if let ([ds, ..], []) = (rrset_of(slots, DS), servers_here) {
            let message = "DS without NS is never used (RFC 4035 §2.4)";
            faults.warning(index.place(ds), message, "write the NS of the delegation too");
        }
    }
    if cuts.is_empty() && dnames.is_empty() {
        return;
    }
    for owner in &index.owners {
        check_cover(
            index,
            owner,
            &Cover { cuts: &cuts, dnames: &dnames, servers: &servers },
            faults,
        );
    }
}

fn target_of(index: &Index<'_>, slot: &Slot) -> Option<Name> {
    let rdata = index.rdata(slot);
    target(rdata, &names(slot.rtype, rdata).next()?)
}

/// One NS record: its target needs addresses wherever this zone is the one to give them.
fn check_server(
    index: &Index<'_>,
    owner: &Owner<'_>,
    slot: &Slot,
    server: &Name,
    all_read: bool,
    faults: &mut Faults,
) {
    let apex = &index.zone.apex;
    if !server.is_within(apex) {
        return;
    }
    let place = index.place(slot);
    let ours = owner.name == apex && !is_delegated(index, server);
    let mut tell = |message: String, help: &str| match ours {
        true => faults.error(place, message, help),
        false => faults.warning(place, message, help),
    };
    if index.has(server, CNAME) {
        let message = format!("{NAME_SERVER}{server} {IS_CNAME}");
        tell(message, "name the host itself, the one with A or AAAA records");
    } else if all_read && !has_address(index, server) {
        let message = format!("{NAME_SERVER}{server} {HAS_NO_ADDRESS}");
        let help = hint(server, apex)
            .unwrap_or_else(|| format!("write {server} IN A with the server's address"));
        tell(message, &help);
    }
}

/// Whether a name is at or below a zone cut, so that another zone has the say.
fn is_delegated(index: &Index<'_>, name: &Name) -> bool {
    let apex = &index.zone.apex;
    let mut at = Some(name.clone());
    while let Some(name) = at.filter(|name| name != apex) {
        if index.has(&name, NS) {
            return true;
        }
        at = name.parent();
    }
    false
}

/// A or AAAA at the name, or at the wildcard that answers for it (RFC 4592 §3.3.1).
fn has_address(index: &Index<'_>, name: &Name) -> bool {
    let address = |name: &Name| index.has(name, A) || index.has(name, AAAA);
    if index.at(name).is_some() {
        return address(name);
    }
    let mut above = name.parent();
    while let Some(encloser) = above.filter(|encloser| encloser.is_within(&index.zone.apex)) {
        if encloser.child(b"*").is_ok_and(|wildcard| address(&wildcard)) {
            return true;
        }
        if index.at(&encloser).is_some() {
            return false;
        }
        above = encloser.parent();
    }
    false
}

/// The two usual slips behind a name that is not there.
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

fn check_alias(index: &Index<'_>, slot: &Slot, faults: &mut Faults) {
    let Some(target) = target_of(index, slot).filter(|target| index.has(target, CNAME)) else {
        return;
    };
    let (rtype, rfc) = match slot.rtype {
        MX => ("MX", "RFC 2181 §10.3"),
        _ => ("SRV", "RFC 2782"),
    };
    let message = format!("the target {target} of this {rtype} is a CNAME ({rfc})");
    faults.warning(index.place(slot), message, "name the host itself");
}

struct Cover<'c> {
    cuts: &'c FxHashSet<&'c Name>,
    dnames: &'c FxHashSet<&'c Name>,
    /// Targets of NS.
    servers: &'c FxHashSet<Name>,
}

/// What stands at or below a zone cut, or below a DNAME.
fn check_cover(index: &Index<'_>, owner: &Owner<'_>, cover: &Cover<'_>, faults: &mut Faults) {
    let apex = &index.zone.apex;
    let slots = index.slots(owner);
    let (mut cut, mut dname) = (None, None);
    let mut above = owner.name.parent();
    while let Some(name) = above.filter(|name| name.is_within(apex)) {
        above = name.parent();
        cut = cover.cuts.contains(&name).then(|| name.clone()).or(cut);
        dname = cover.dnames.contains(&name).then_some(name).or(dname);
    }
    let server = cover.servers.contains(owner.name);
    let below = |slot: &&Slot| !(server && matches!(slot.rtype, A | AAAA));
    if let (Some(cut), Some(slot)) = (&cut, slots.iter().find(below)) {
        let message =
            format!("{} is below the zone cut at {cut} and is never answered", owner.name);
        faults.warning(index.place(slot), message, "move it to the zone of that name");
        return;
    }
    let signed = |slot: &&Slot| !matches!(slot.rtype, NSEC3 | RRSIG);
    if let (Some(dname), None, Some(slot)) = (dname, &cut, slots.iter().find(signed)) {
        let message = format!("{} is below the DNAME at {dname} (RFC 6672 §2.4)", owner.name);
        faults.error(index.place(slot), message, "remove it or the DNAME");
    }
    let at_cut = cut.is_none() && cover.cuts.contains(owner.name);
    let stays = |slot: &&Slot| matches!(slot.rtype, NS | DS | NSEC | RRSIG) || !below(slot);
    if let (true, Some(slot)) = (at_cut, slots.iter().find(|slot| !stays(slot))) {
        let rtype = type_name(slot.rtype);
        let message = format!("{rtype} at the zone cut {} is never answered", owner.name);
        faults.warning(index.place(slot), message, "move it to the zone of that name");
    }
}
