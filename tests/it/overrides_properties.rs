//! Properties of overrides under long random failures: a withheld member is in no answer, unless no
//! member is withheld less and the rule of the pool answers some member all the same.
//!
//! The override in force is computed here a second time, from the requests as they were given. The
//! answers come through the real state, the real snapshot and the real reply.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use tiovivo::clock::Moment;
use tiovivo::control::overrides::request;
use tiovivo::control::served_config::ServedConfig;
use tiovivo::control::state::ControlState;
use tiovivo::health::probe::answer::{Healthy, ProbeAnswer, Verdict};
use tiovivo::health::probe::failure::Failure;
use tiovivo::health::{Observation, TargetId};
use tiovivo::snapshot::Snapshot;

use crate::guard::{GUARDED, addresses, world};
use crate::world::{Ask, World};

const STEPS: u32 = 100_000;
const OK: Verdict =
    Ok(Healthy { said: ProbeAnswer::Accepted, rtt: Duration::from_micros(300), certificate: None });
const REFUSED: Verdict = Err(Failure::Refused);

/// A pool, a name that it answers, and its members with what is answered of each.
struct Pool {
    name: &'static str,
    asked: &'static str,
    members: &'static [(&'static str, &'static str)],
}

const POOLS: [Pool; 3] = [
    Pool {
        name: "web",
        asked: "midominio.com",
        members: &[
            ("server-2", "192.0.2.18"),
            ("server-3", "192.0.2.19"),
            ("server-4", "192.0.2.20"),
        ],
    },
    Pool {
        name: "mother",
        asked: "madre.midominio.com",
        members: &[("server-1", "10.77.0.17"), ("server-1.1", "10.77.0.16")],
    },
    Pool {
        name: "reserva",
        asked: "reserva.midominio.com",
        members: &[("server-4", "192.0.2.20")],
    },
];

/// The targets of overrides, and the nodes that each selects.
const TARGETS: [(&str, &[&str]); 9] = [
    ("server-1", &["server-1"]),
    ("server-1.1", &["server-1.1"]),
    ("server-2", &["server-2"]),
    ("server-3", &["server-3"]),
    ("server-4", &["server-4"]),
    ("*", &["server-1", "server-1.1", "server-2", "server-3", "server-4"]),
    ("tag:rack-a", &["server-2"]),
    ("role:standby", &["server-1.1"]),
    ("role:child", &["server-2", "server-3", "server-4"]),
];

/// How strongly an override withholds a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    No,
    Drained,
    Down,
}

const ORDERS: [(&str, Option<Held>); 4] = [
    ("drain", Some(Held::Drained)),
    ("force-up", Some(Held::No)),
    ("force-down", Some(Held::Down)),
    ("release", None),
];

/// An override that was accepted.
#[derive(Debug)]
struct Given {
    target: &'static str,
    means: &'static [&'static str],
    pool: Option<&'static str>,
    holds: Held,
    until: Option<Moment>,
}

struct Run {
    world: World,
    state: ControlState,
    targets: Vec<TargetId>,
    now: Moment,
    luck: fastrand::Rng,
    /// Oldest first.
    given: Vec<Given>,
}

impl Run {
    fn new(rule: &str, seed: u64) -> Run {
        let world = world(rule, 2);
        let now = Moment::UNIX_EPOCH;
        let loaded = ServedConfig::build(&world.config, Path::new("config.yaml"), now).unwrap();
        let (mut state, plan) = ControlState::new(Box::new(loaded), &[], now);
        let targets = plan.start.iter().map(|target| target.id).collect();
        state.end_first_round();
        let luck = fastrand::Rng::with_seed(seed);
        Run { world, state, targets, now, luck, given: vec![] }
    }

    /// Returns whether the answers may have changed.
    fn step(&mut self, fails: f64) -> bool {
        self.now += SignedDuration::from_millis(500);
        let mut changed = false;
        match self.luck.u32(..100) {
            0..95 => {
                let target = self.targets[self.luck.usize(..self.targets.len())];
                let verdict = if self.luck.f64() < fails { REFUSED } else { OK };
                self.state.observe(&Observation { target, verdict }, self.now);
            }
            95..99 => changed = self.order(),
            _ => self.now += SignedDuration::from_secs(self.luck.i64(1..120)),
        }
        changed |= self.state.advance(self.now);
        changed |= self.state.commit(self.now);
        if changed {
            let (statics, pools) = (&self.state.config.statics, &self.state.config.pools);
            let before = Some(&self.world.snapshot);
            self.world.snapshot = Snapshot::build(statics, pools, self.state.answers(), before);
        }
        changed
    }

    /// Refused are requests that select no member of the pool, and releases without an override.
    fn order(&mut self) -> bool {
        let (order, holds) = ORDERS[self.luck.usize(..ORDERS.len())];
        let (target, means) = TARGETS[self.luck.usize(..TARGETS.len())];
        let pool = self.luck.choice(&POOLS).filter(|_| self.luck.bool()).map(|pool| pool.name);
        let lasts = self.luck.i64(30..1200);
        let lasts = (holds.is_some() && self.luck.u32(..4) > 0).then_some(lasts);
        let body = json!({
            "order": order, "target": target, "pool": pool, "author": "ana",
            "for": lasts.map(|lasts| format!("{lasts}s")),
        });
        let Ok(overrides) = self.state.decide(&request::read(&body).unwrap(), self.now) else {
            return false;
        };
        self.state.set_overrides(overrides, self.now);
        self.given.retain(|given| (given.target, given.pool) != (target, pool));
        if let Some(holds) = holds {
            let until = lasts.map(|lasts| self.now + SignedDuration::from_secs(lasts));
            self.given.push(Given { target, means, pool, holds, until });
        }
        true
    }

    /// How strongly the member is withheld, by the newest override in force.
    fn held(&self, pool: &Pool, node: &str) -> Held {
        let is_for = |given: &&Given| {
            let in_force = given.until.is_none_or(|until| until > self.now);
            let in_pool = given.pool.is_none_or(|name| name == pool.name);
            in_force && in_pool && given.means.contains(&node)
        };
        self.given.iter().rev().find(is_for).map_or(Held::No, |given| given.holds)
    }

    fn ask(&mut self, name: &str) -> Vec<IpAddr> {
        // A client that may ask for the mother.
        let from = "10.77.0.18".parse().unwrap();
        addresses(&self.world.ask(&Ask { from, ..Ask::new(name, "A") }).unwrap())
    }

    /// How many of the answered addresses are of withheld members, because no member is withheld
    /// less. `None` when an answered member should have been withheld.
    fn last_choices(&self, pool: &Pool, got: &[IpAddr], fills: bool) -> Option<usize> {
        let holds = |(node, _): &(&str, &str)| self.held(pool, node);
        let least = pool.members.iter().map(holds).min().unwrap();
        let mut last = 0;
        for address in got {
            let of = |member: &&(&str, &str)| member.1 == address.to_string();
            match holds(pool.members.iter().find(of)?) {
                Held::No => {}
                held if held == least && fills => last += 1,
                _ => return None,
            }
        }
        Some(last)
    }
}

/// `rule` is what pool web does when it is short.
fn obey(rule: &str, seed: u64) {
    let guarded: BTreeSet<IpAddr> = GUARDED.iter().map(|a| a.parse().unwrap()).collect();
    let stands_in = rule.contains("pool").then_some(&POOLS[2]);
    let mut run = Run::new(rule, seed);
    let (mut changes, mut kept_out, mut last_choices, mut fails) = (0, 0, 0, 0.2);
    for step in 0..STEPS {
        if step % 500 == 0 {
            fails = [0.0, 0.2, 0.6, 1.0][run.luck.usize(..4)];
        }
        if !run.step(fails) {
            continue;
        }
        changes += 1;
        for pool in &POOLS {
            let got = run.ask(pool.asked);
            let is_web = pool.name == "web";
            let fills = !is_web || rule != "none";
            let own = run.last_choices(pool, &got, fills);
            let other = stands_in.filter(|_| is_web);
            let other = other.and_then(|other| run.last_choices(other, &got, true));
            let Some(last) = own.or(other) else {
                panic!("{step}: {} is {got:?}; in force: {:?}", pool.asked, run.given)
            };
            assert!(!fills || !got.is_empty(), "{step}: {} is empty", pool.asked);
            assert!(pool.name == "mother" || got.iter().all(|a| !guarded.contains(a)), "{got:?}");
            if is_web {
                last_choices += last;
                let held = pool.members.iter().filter(|member| run.held(pool, member.0) > Held::No);
                kept_out += usize::from(last == 0 && held.count() > 0);
            }
        }
    }
    // The overrides had an effect.
    assert!(changes > STEPS / 50 && kept_out > 500, "{changes} changes, {kept_out} kept out");
    assert_eq!(last_choices > 0, rule != "none", "{last_choices} last choices");
}

#[test]
fn who_is_held_back_is_the_last_choice_of_all() {
    obey("all", 1);
}

#[test]
fn who_is_held_back_is_the_last_choice_of_the_last_known() {
    obey("last_known", 2);
}

#[test]
fn who_is_held_back_is_no_choice_where_nobody_may_be_answered() {
    obey("none", 3);
}

#[test]
fn who_is_held_back_is_no_choice_where_another_pool_stands_in() {
    obey("{ pool: reserva }", 4);
}
