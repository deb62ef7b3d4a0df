//! The rules that never bend, over random health: the mother guard, never an empty answer by accident,
//! one TTL, everyone in turn.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::net::IpAddr;

use hickory_proto::op::Message;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::svcb::SvcParamValue;
use proptest::prelude::*;
use tiovivo::cluster::standing::Standing;

use tiovivo::cluster::families::Family;
use tiovivo::cluster::operator::Withholding;
use tiovivo::cluster::selection::Selection;
use tiovivo::control::overrides::request;
use tiovivo::control::served_config::ServedConfig;
use tiovivo::control::state::ControlState;
use tiovivo::health::probe::answer::{Healthy, ProbeAnswer, Verdict};
use tiovivo::health::probe::failure::Failure;
use tiovivo::health::{Observation, TargetId};
use tiovivo::snapshot::Snapshot;

use crate::world::{Ask, World};

const ZONE: &str = include_str!("../../zones/midominio.com.zone");
const CONFIG: &str = include_str!("../../config.yaml");
const NODES: [&str; 6] = ["server-1", "server-1.1", "server-2", "server-3", "server-4", "video-1"];
/// Public and private addresses of the mother, the standby and the worker of config.yaml.
pub const GUARDED: [&str; 6] =
    ["192.0.2.17", "10.77.0.17", "192.0.2.16", "10.77.0.16", "192.0.2.30", "10.77.0.30"];
pub const POLICIES: [&str; 6] = [
    "members: { role: child }",
    "order: failover\n    members: [server-2, server-3, server-4]",
    "order: failover\n    stay: true\n    members: [server-2, server-3, server-4]",
    "order: failover\n    stay: true\n    tiers: [[server-2, server-4], { tag: rack-b }]",
    "spread_by: rack-*\n    members: { role: child }",
    // With the families counted apart.
    "members: [server-2, server-3, server-4]",
];
const TIERS: usize = 3;
const FAMILIES: usize = 5;
const RULES: [&str; 4] = ["all", "last_known", "none", "{ pool: reserva }"];

/// The example, with another `when_short` and a pool to fall back on.
pub fn world(rule: &str, min_serving: usize) -> World {
    world_by(POLICIES[0], rule, min_serving)
}

/// The public pool by another policy: its members and what belongs to them.
pub fn world_by(policy: &str, rule: &str, min_serving: usize) -> World {
    let least = match policy == POLICIES[FAMILIES] {
        true => format!("{{ v4: {min_serving}, v6: 1 }}"),
        false => min_serving.to_string(),
    };
    // Two of one rack, where racks count.
    let rack = if policy.contains("rack-*") { "rack-a" } else { "rack-b" };
    let reserve = "  reserva:
    names: [reserva.midominio.com]
    members: [server-4]
    check: { tcp: { port: 80 } }
";
    let config = CONFIG
        .replace("when_short: all ", &format!("when_short: {rule} "))
        .replace("min_serving: 1\n", &format!("min_serving: {least}\n"))
        .replace("members: { role: child } ", &format!("{policy} "))
        .replace("tags: [rack-b]", &format!("tags: [{rack}]"))
        .replace("max_answers: 8\n", "max_answers: 8\n    https: true\n")
        .replace("    ttl: 5\n", "    ttl: 5\n    https: true\n")
        .replace("pools:\n", &format!("pools:\n{reserve}"));
    assert!(config.matches("https: true").count() == 2 && config.contains(policy), "{policy}");
    World::load(&[("config.yaml", &config), ("zones/midominio.com.zone", ZONE)])
}

pub fn addresses(reply: &[u8]) -> Vec<IpAddr> {
    let message = Message::from_vec(reply).unwrap();
    let records = message.all_sections().map(|record| &record.data);
    let addresses = |data: &RData| match data {
        RData::A(a) => vec![IpAddr::V4(a.0)],
        RData::AAAA(aaaa) => vec![IpAddr::V6(aaaa.0)],
        RData::HTTPS(https) => {
            https.svc_params.iter().flat_map(|(_, value)| hints(value)).collect()
        }
        _ => vec![],
    };
    records.flat_map(addresses).collect()
}

fn hints(value: &SvcParamValue) -> Vec<IpAddr> {
    match value {
        SvcParamValue::Ipv4Hint(hint) => hint.0.iter().map(|a| IpAddr::V4(a.0)).collect(),
        SvcParamValue::Ipv6Hint(hint) => hint.0.iter().map(|aaaa| IpAddr::V6(aaaa.0)).collect(),
        _ => vec![],
    }
}

/// Six answers tell no address of a guarded node, and the pool has one unless its rule is `none`.
fn guarded(world: &mut World, rule: &str, step: &dyn Debug) -> Result<(), TestCaseError> {
    let guarded: BTreeSet<IpAddr> = GUARDED.iter().map(|a| a.parse().unwrap()).collect();
    for (name, rtype) in [
        ("midominio.com", "A"),
        ("www.midominio.com", "AAAA"),
        ("midominio.com", "ANY"),
        ("www.midominio.com", "HTTPS"),
        ("madre.midominio.com", "HTTPS"),
        ("madre.midominio.com", "A"),
    ] {
        let reply = world.ask(&Ask::new(name, rtype)).unwrap();
        let got = addresses(&reply);
        let secret = got.iter().any(|address| guarded.contains(address));
        prop_assert!(!secret, "{name} {rtype} after {step:?}: {got:?}");
        if (name, rtype) == ("midominio.com", "A") && rule != "none" {
            prop_assert!(!got.is_empty(), "{name} is empty after {step:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// 40 runs of 64 steps, six questions each: over 15,000 answers a run of the tests.
    #[test]
    fn no_health_brings_the_mother_into_a_public_answer(
        rule in 0..RULES.len(),
        policy in 0..POLICIES.len(),
        min_serving in 1usize..=3,
        steps in prop::collection::vec((0..NODES.len(), any::<bool>()), 64),
    ) {
        // A tier of one has no two that serve.
        let min_serving = if policy == TIERS { 1 } else { min_serving };
        let mut world = world_by(POLICIES[policy], RULES[rule], min_serving);
        for (node, up) in steps {
            world.set(NODES[node], if up { Standing::Serving } else { Standing::Out });
            guarded(&mut world, RULES[rule], &(NODES[node], up))?;
        }
    }
}

const ORDERS: [&str; 4] = ["drain", "force-up", "force-down", "release"];
const TARGETS: [&str; 11] = [
    "server-1",
    "server-1.1",
    "server-2",
    "server-3",
    "server-4",
    "*",
    "server-*",
    "tag:rack-a",
    "role:mother",
    "role:standby",
    "role:child",
];
const POOLS: [Option<&str>; 4] = [None, Some("web"), Some("mother"), Some("reserva")];

/// What happens to a running server.
#[derive(Debug, Clone)]
enum Step {
    Probe(prop::sample::Index, bool),
    Order { order: &'static str, target: &'static str, pool: Option<&'static str>, lasts: u8 },
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let order = (0..ORDERS.len(), 0..TARGETS.len(), 0..POOLS.len(), any::<u8>());
    prop_oneof![
        6 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(at, ok)| Step::Probe(at, ok)),
        2 => order.prop_map(|(order, target, pool, lasts)| Step::Order {
            order: ORDERS[order],
            target: TARGETS[target],
            pool: POOLS[pool],
            lasts,
        }),
        1 => (1i64..120).prop_map(Step::Wait),
    ]
}

fn take(
    state: &mut ControlState,
    targets: &[TargetId],
    step: &Step,
    now: &mut tiovivo::clock::Moment,
) {
    *now += jiff::SignedDuration::from_secs(1);
    match step {
        Step::Probe(at, ok) => {
            let healthy = Healthy {
                said: ProbeAnswer::Status(200),
                rtt: std::time::Duration::from_millis(1),
                certificate: None,
            };
            let verdict: Verdict = if *ok { Ok(healthy) } else { Err(Failure::Refused) };
            state.observe(&Observation { target: *at.get(targets), verdict }, *now);
        }
        Step::Order { order, target, pool, lasts } => {
            let lasts = (*lasts > 100 && *order != "release").then(|| format!("{lasts}s"));
            let body = serde_json::json!({
                "order": order, "target": target, "pool": pool, "author": "ana", "for": lasts
            });
            // Refused ones mean nobody of that pool, or release what is not in force.
            if let Ok(overrides) = state.decide(&request::read(&body).unwrap(), *now) {
                state.set_overrides(overrides, *now);
            }
        }
        Step::Wait(seconds) => *now += jiff::SignedDuration::from_secs(*seconds),
    }
    state.advance(*now);
    state.commit(*now);
    // Whoever sleeps until then sleeps.
    assert!(state.due().is_none_or(|due| due > *now), "{:?} at {now}", state.due());
}

/// Whom the operator holds back is answered only when nobody is held back less: of the family,
/// where families are decided apart.
fn obeys(state: &ControlState) -> bool {
    let obeyed = |selection: &Selection, family: Family| {
        let index = selection.pool.index();
        let (pool, members) = (&state.config.pools[index], &state.pools[index].members);
        let withheld = |member: &usize| members[*member].withheld();
        let mut others: Vec<usize> = (0..members.len()).collect();
        if pool.decisions().len() > 1 {
            others = pool.with_family(Some(family), others);
        }
        let least = others.iter().map(withheld).min();
        let mut answered = selection.members.iter().map(withheld);
        answered.all(|withheld| withheld == Withholding::No || Some(withheld) == least)
    };
    let answers = state.answers().iter().map(|answer| &answer.selection);
    let mut of_families =
        answers.flat_map(|all| Family::ALL.map(|family| (all.of(family), family)));
    of_families.all(|(selection, family)| obeyed(selection, family))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// 40 runs of 128 steps, six questions each, through the real state: over 30,000 answers.
    #[test]
    fn no_order_brings_the_mother_into_a_public_answer_or_empties_a_pool(
        rule in 0..RULES.len(),
        policy in 0..POLICIES.len(),
        min_serving in 1usize..=3,
        steps in prop::collection::vec(step(), 128),
    ) {
        // A tier of one has no two that serve.
        let min_serving = if policy == TIERS { 1 } else { min_serving };
        let mut world = world_by(POLICIES[policy], RULES[rule], min_serving);
        let mut now = tiovivo::clock::Moment::UNIX_EPOCH;
        let loaded = ServedConfig::build(&world.config, "config.yaml".as_ref(), now).unwrap();
        let (mut state, plan) = ControlState::new(Box::new(loaded), &[], now);
        let targets: Vec<TargetId> = plan.start.iter().map(|target| target.id).collect();
        state.end_first_round();
        for step in steps {
            take(&mut state, &targets, &step, &mut now);
            prop_assert!(obeys(&state), "{step:?}: {:?}", state.answers());
            let (statics, pools) = (&state.config.statics, &state.config.pools);
            world.snapshot = Snapshot::build(statics, pools, state.answers(), Some(&world.snapshot));
            guarded(&mut world, RULES[rule], &step)?;
        }
    }
}

#[test]
fn with_every_child_dead_the_answer_is_every_child() {
    let mut world = world("all", 1);
    for node in NODES {
        world.set(node, Standing::Out);
    }
    let children: BTreeSet<IpAddr> =
        ["192.0.2.18", "192.0.2.19", "192.0.2.20"].iter().map(|a| a.parse().unwrap()).collect();
    for _ in 0..100 {
        let reply = world.ask(&Ask::new("midominio.com", "A")).unwrap();
        let got: BTreeSet<IpAddr> = addresses(&reply).into_iter().collect();
        assert_eq!(got, children);
    }
}

#[test]
fn hints_are_the_addresses_of_the_same_turn() {
    let mut world = world("all", 1);
    for turn in 0..100 {
        let mut addressed = vec![];
        for rtype in ["A", "AAAA"] {
            world.turn = turn;
            addressed.extend(addresses(&world.ask(&Ask::new("midominio.com", rtype)).unwrap()));
        }
        world.turn = turn;
        let https = world.ask(&Ask::new("midominio.com", "HTTPS")).unwrap();
        assert_eq!(addresses(&https), addressed, "turn {turn}");
    }
}

#[test]
fn every_serving_member_is_first_equally_often_also_among_aaaa_queries() {
    let mut world = world("all", 1);
    let mut first = std::collections::BTreeMap::<IpAddr, u32>::new();
    for _ in 0..30_000 {
        let reply = world.ask(&Ask::new("midominio.com", "A")).unwrap();
        *first.entry(addresses(&reply)[0]).or_default() += 1;
        world.ask(&Ask::new("midominio.com", "AAAA")).unwrap();
    }
    assert_eq!(first.len(), 3);
    assert!(first.values().all(|n| (9_900..=10_100).contains(n)), "{first:?}");
}
