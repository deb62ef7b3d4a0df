//! Asks, from a seed, for what a generated world has and for what lies just beside it.

use fastrand::Rng;
use tiovivo::zone::name::{MAX_NAME, Name};

use crate::generate::{World, label, stretch};
use crate::rdata::PLAIN;
use crate::wire::{AD, CD, DO, Edns, Query, RD, Transport, rtype};
use crate::zone::{Rrset, Zone};

/// Types that a question may carry beside the plain ones; 46, 47 and 50 are never in these zones.
const OTHER_TYPES: &[u16] = &[
    rtype::NS,
    rtype::SOA,
    rtype::CNAME,
    rtype::DNAME,
    rtype::DS,
    rtype::DNSKEY,
    46,
    47,
    50,
    65280,
];
/// Sizes that clients offer, sensible and not (RFC 6891 §6.2.3: below 512 counts as 512).
const SIZES: &[u16] = &[512, 512, 1232, 1232, 1232, 4096, 4096, 0, 65535, 700, 1400];

pub fn make(world: &World, count: usize, rng: &mut Rng) -> Vec<Query> {
    (0..count).map(|_| one(world, rng)).collect()
}

fn one(world: &World, rng: &mut Rng) -> Query {
    let zone = &world.zones[rng.usize(0..world.zones.len())];
    let (name, hint) = name(zone, rng);
    let qtype = match (hint, rng.u8(0..100)) {
        (Some(code), 0..55) => code,
        (_, 0..75) => PLAIN[rng.usize(0..PLAIN.len())].code,
        (_, 75..97) => OTHER_TYPES[rng.usize(0..OTHER_TYPES.len())],
        _ => rtype::ANY,
    };
    let flags = [RD, AD, CD].into_iter().filter(|_| rng.u8(0..3) == 0).sum();
    let edns = (rng.u8(0..3) > 0).then(|| Edns {
        size: SIZES[rng.usize(0..SIZES.len())],
        flags: if rng.bool() { DO } else { 0 },
        ..Edns::default()
    });
    let transport = if rng.u8(0..10) == 0 { Transport::Tcp } else { Transport::Udp };
    Query { flags, edns, transport, ..Query::new(mixed_case(&name, rng), qtype) }
}

/// A name to ask for, with a type that its owner has where there is one.
fn name(zone: &Zone, rng: &mut Rng) -> (Name, Option<u16>) {
    let Some(((owner, code), set)) = zone.sets.iter().nth(rng.usize(0..zone.sets.len())) else {
        return (zone.apex.clone(), None);
    };
    let hint = Some(*code);
    match rng.u8(0..16) {
        0..5 => (owner.clone(), hint),
        5 => (zone.grown(owner, rng), Some(rtype::A)),
        6 => (beside(owner, rng), hint),
        7 => (owner.parent().unwrap_or_else(Name::root), hint),
        8 => (owner.parent().and_then(|p| p.parent()).unwrap_or_else(Name::root), hint),
        9 => (zone.grown(&zone.apex, rng), hint),
        // In the place of an asterisk, or below what stands beside one.
        10 if owner.is_wildcard() => (beside(owner, rng), hint),
        10 => (zone.grown(&beside(owner, rng), rng), hint),
        11 => (owner.child(b"*").unwrap_or_else(|_| owner.clone()), hint),
        // Long enough for a DNAME to overflow (RFC 6672 §2.2), if one is there.
        12 => (stretch(owner, rng.usize(80..=MAX_NAME), rng), hint),
        13 => (special(zone, rng), hint),
        14 => (target(set.rdata.first()).unwrap_or_else(|| owner.clone()), Some(rtype::A)),
        _ => (zone.apex.clone(), hint),
    }
}

/// Below a cut, a DNAME or a wildcard, if the zone has one.
fn special(zone: &Zone, rng: &mut Rng) -> Name {
    let shapes = [rtype::NS, rtype::DNAME, rtype::CNAME, rtype::DS];
    let wanted = |set: &&Rrset| {
        set.owner != zone.apex && (shapes.contains(&set.rtype) || set.owner.is_wildcard())
    };
    let found: Vec<_> = zone.sets.values().filter(wanted).collect();
    let Some(set) = rng.choice(found) else { return zone.apex.clone() };
    let above = match set.owner.parent() {
        Some(parent) if set.owner.is_wildcard() => parent,
        _ => set.owner.clone(),
    };
    if rng.u8(0..4) == 0 { set.owner.clone() } else { zone.grown(&above, rng) }
}

fn beside(owner: &Name, rng: &mut Rng) -> Name {
    let parent = owner.parent().unwrap_or_else(Name::root);
    parent.child(label(rng)).unwrap_or(parent)
}

/// The last name in a record's text.
fn target(text: Option<&String>) -> Option<Name> {
    let last = text?.split(' ').next_back()?;
    last.ends_with('.').then(|| Name::parse(last).ok())?
}

fn mixed_case(name: &Name, rng: &mut Rng) -> Name {
    if rng.bool() {
        return name.clone();
    }
    let mut wire = name.as_wire().to_vec();
    // Length octets are at most 63, so they are no letters.
    for octet in wire.iter_mut().filter(|octet| octet.is_ascii_alphabetic()) {
        *octet ^= u8::from(rng.bool()) << 5;
    }
    Name::from_wire(&wire).map_or_else(|_| name.clone(), |(name, _)| name)
}
