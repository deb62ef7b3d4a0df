//! The same questions to every server, over the same generated zones.

use std::collections::BTreeMap;
use std::thread;

use fastrand::Rng;
use tiovivo::zone::name::Name;

use crate::compare::{self, Shown, Used};
use crate::decisions::DECISIONS;
use crate::exchange::{self, Octets};
use crate::generate::World;
use crate::queries;
use crate::server::{Peer, Server};
use crate::wire::Query;

/// Kept, so that a fault once found stays found.
const FIXED_SEED: u64 = 0x7100_7170;
/// Sets the second seed, to see a failed run again.
const SEED: &str = "TIOVIVO_SEED";
const WORLDS_A_SEED: u64 = 4;
const QUERIES_A_WORLD: usize = 6000;
/// Kinds of mismatch of which one is printed in full.
const SHOWN: usize = 8;
const PEERS: &[Peer] = &[Peer::Tiovivo, Peer::Nsd, Peer::Knot];

#[test]
fn servers_agree_on_made_up_zones() {
    let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    println!("seeds {FIXED_SEED} and {seed}; {SEED}={seed} repeats this run");
    let (mut used, mut faults) = (Used::new(), Vec::new());
    let worlds =
        [FIXED_SEED, seed].into_iter().flat_map(|seed| (0..WORLDS_A_SEED).map(move |n| seed + n));
    let mut compared = 0;
    for world in worlds {
        compared += compare_world(world, seed, &mut used, &mut faults);
    }
    for decision in DECISIONS {
        let count = used.get(decision.name).copied().unwrap_or_default();
        println!("{count:7} {:?}: {} ({})", decision.by, decision.name, decision.section);
        if count == 0 {
            let kind = format!("no query needs the decision {:?}", decision.name);
            faults.push(Fault { kind, story: decision.reason.into() });
        }
    }
    println!("{compared} queries compared between {PEERS:?}, {} mismatches", faults.len());
    let mut kinds: BTreeMap<String, Vec<Fault>> = BTreeMap::new();
    for fault in faults {
        kinds.entry(fault.kind.clone()).or_default().push(fault);
    }
    for (kind, faults) in &kinds {
        println!("{:7} {kind}", faults.len());
    }
    for fault in kinds.values().filter_map(|faults| faults.first()).take(SHOWN) {
        println!("\n{}\n{}", fault.kind, fault.story);
    }
    assert!(kinds.is_empty(), "mismatches, see above");
}

/// A mismatch: which servers differ in which fields, and the whole of it.
struct Fault {
    kind: String,
    story: String,
}

fn compare_world(number: u64, seed: u64, used: &mut Used, faults: &mut Vec<Fault>) -> usize {
    let world = World::new(number);
    let queries = queries::make(&world, QUERIES_A_WORLD, &mut Rng::with_seed(!number));
    let files = world.files();
    let servers: Vec<Server> = PEERS.iter().map(|peer| Server::start(*peer, &files)).collect();
    let replies: Vec<Vec<Octets>> = thread::scope(|scope| {
        let ask = |server: &Server| {
            let (address, queries) = (server.address, &queries);
            scope.spawn(move || exchange::all(address, queries))
        };
        let threads: Vec<_> = servers.iter().map(ask).collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    for (index, query) in queries.iter().enumerate() {
        let parsed: Vec<_> =
            replies.iter().map(|replies| compare::parse(&replies[index])).collect();
        let sides: Vec<_> = PEERS.iter().copied().zip(&parsed).collect();
        let mut fields = Vec::new();
        for (place, first) in sides.iter().enumerate() {
            for second in &sides[place + 1..] {
                let found = compare::unexplained(&world, query, *first, *second, used);
                if !found.is_empty() {
                    fields.push(format!("{} and {} differ in {found:?}", first.0, second.0));
                }
            }
        }
        if !fields.is_empty() {
            let shown = sides.iter().map(|(peer, reply)| format!(" {peer}\n{}", Shown(reply)));
            let shown: String = shown.collect();
            let how = format!("{SEED}={seed} cargo test --release --test peers differential");
            let zone = excerpt(&world, query);
            let story = format!("{}\n{zone}{shown}  again: {how}", query.as_kdig());
            faults.push(Fault { kind: fields.join("; "), story });
        }
    }
    queries.len()
}

/// What the zones say at the name asked for, above it, and at the wildcards there.
fn excerpt(world: &World, query: &Query) -> String {
    let above: Vec<Name> = std::iter::successors(Some(query.name.clone()), Name::parent).collect();
    let near = |owner: &Name| {
        let place = if owner.is_wildcard() { owner.parent() } else { Some(owner.clone()) };
        place.is_some_and(|place| above.contains(&place))
    };
    let zones = world.zones.iter().filter(|zone| query.name.is_within(&zone.apex));
    let sets = zones.flat_map(|zone| zone.sets.values()).filter(|set| near(&set.owner));
    let lines: Vec<String> = sets
        .filter(|set| set.rtype != 16)
        .map(|set| {
            set.text().lines().take(3).map(|line| format!("  zone: {line:.150}\n")).collect()
        })
        .collect();
    lines.concat()
}
