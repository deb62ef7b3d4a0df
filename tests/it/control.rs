//! Events in, decisions out: an operator's days, without a clock or a socket.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tiovivo::clock::Moment;
use tiovivo::cluster::check::{Check, Thresholds};
use tiovivo::cluster::checks::{Checks, NamedCheck};
use tiovivo::cluster::pool::{Order, Pool, PoolId, WhenShort};
use tiovivo::cluster::standing::Standing;
use tiovivo::control::health_file::{SavedMember, SavedPool};
use tiovivo::control::member::damping::Falls;
use tiovivo::control::probes::ProbeChanges;
use tiovivo::control::state::ControlState;
use tiovivo::control::status::build;
use tiovivo::control::status::{MemberStatus, PoolStatus, Status};
use tiovivo::health::probe::answer::{Healthy, ProbeAnswer, Verdict};
use tiovivo::health::probe::failure::Failure;
use tiovivo::health::tracker::Tracker;
use tiovivo::health::{Observation, TargetId};

use crate::cluster::{check, kept, loaded, pool};

pub const OK: Verdict = Ok(Healthy {
    said: ProbeAnswer::Status(200),
    rtt: Duration::from_micros(1300),
    certificate: None,
});
pub const REFUSED: Verdict = Err(Failure::Refused);

/// A run, the targets of which go by the last octet of their address; deep ones by that + 100, those
/// on port 443 by that + 50.
pub struct Run {
    pub state: ControlState,
    targets: HashMap<u8, TargetId>,
    pub now: Moment,
    stopped: usize,
}

impl Run {
    pub fn new(pools: Vec<Pool>, kept: &[SavedPool]) -> Run {
        let now = "2026-03-01T10:02:00Z".parse().unwrap();
        let (state, plan) = ControlState::new(loaded(pools), kept, now);
        let mut run = Run { state, targets: HashMap::new(), now, stopped: 0 };
        run.follow(plan);
        run
    }

    /// One that is past its first round, with everyone healthy.
    pub fn ready(pools: Vec<Pool>) -> Run {
        let mut run = Run::new(pools, &[]);
        for host in run.targets.keys().copied().collect::<Vec<u8>>() {
            run.see(host, &OK);
        }
        run
    }

    pub fn follow(&mut self, plan: ProbeChanges) -> usize {
        self.stopped += plan.stop.len();
        let started = plan.start.len();
        for target in plan.start {
            let last = match target.subject.address {
                IpAddr::V4(address) => address.octets()[3],
                IpAddr::V6(address) => address.octets()[15],
            };
            let deep = if target.check == deep() { 100 } else { 0 };
            let second = if target.check == check(443) { 50 } else { 0 };
            self.targets.insert(last + deep + second, target.id);
        }
        started
    }

    pub fn reload(&mut self, pools: Vec<Pool>) -> usize {
        let plan = self.state.reload(loaded(pools), self.now);
        self.follow(plan)
    }

    /// Whether the answers changed.
    pub fn see(&mut self, host: u8, verdict: &Verdict) -> bool {
        self.now += SignedDuration::from_secs(1);
        let observation = Observation { target: self.targets[&host], verdict: verdict.clone() };
        self.state.observe(&observation, self.now);
        self.state.commit(self.now)
    }

    pub fn fall(&mut self, hosts: &[u8]) {
        for _ in 0..3 {
            for host in hosts {
                self.see(*host, &REFUSED);
            }
        }
    }

    pub fn status(&self) -> Status {
        build::status(&self.state, self.now)
    }

    pub fn pool(&self) -> PoolStatus {
        Arc::unwrap_or_clone(self.status().pools.swap_remove(0))
    }

    pub fn member(&self, index: usize) -> MemberStatus {
        self.pool().members.swap_remove(index)
    }

    pub fn changes(&self) -> Vec<String> {
        self.status().changes.into_iter().map(|c| format!("{} {}", c.node, c.what)).collect()
    }
}

fn deep() -> Check {
    Check { every: Duration::from_secs(30), ..check(81) }
}

#[test]
fn a_dead_node_leaves_and_a_live_one_comes_back_with_the_reason_told() {
    let mut run = Run::ready(vec![pool("web", &[2, 3, 4])]);
    assert_eq!(run.pool().why, "all 3 serve");
    assert_eq!(run.member(0).why, "serving: 200 in 1.3 ms");

    assert!(run.see(2, &REFUSED), "the TTL is halved");
    assert_eq!((run.pool().ttl, run.pool().ttl_configured), (15, 30));
    assert_eq!(run.member(0).why, "serving, but falling (1 of 3): connection refused");
    assert!(!run.see(2, &REFUSED));
    assert!(run.see(2, &REFUSED));
    assert_eq!(run.pool().answering, ["server-3", "server-4"]);
    assert_eq!(run.pool().why, "2 of 3 serve");
    assert_eq!(run.member(0).why, "out since 10:02:06 UTC: connection refused");

    assert!(!run.see(2, &OK));
    assert_eq!(run.member(0).check.progress.as_deref(), Some("1/2"));
    assert!(run.see(2, &OK));
    assert_eq!((run.pool().serving, run.pool().ttl), (3, 30));
    assert_eq!(
        run.changes(),
        [
            "server-2 out of the answers of web: connection refused (3/3)",
            "server-2 back in the answers of web: 200 (2/2)"
        ]
    );
}

#[test]
fn nothing_flips_before_the_first_round_is_over() {
    let mut run = Run::new(vec![pool("web", &[2, 3, 4])], &[]);
    assert!(!run.see(2, &REFUSED));
    assert!(!run.see(3, &REFUSED));
    let pool = run.pool();
    assert_eq!((pool.answering.len(), pool.ttl, run.status().ready), (3, 30, false));
    assert_eq!(run.member(0).why, "serving until the first round is over: connection refused");
    assert!(run.see(4, &OK));
    assert_eq!(run.pool().answering, ["server-4"]);
    assert!(run.status().ready);
}

#[test]
fn a_first_round_that_does_not_end_is_ended() {
    let mut run = Run::new(vec![pool("web", &[2, 3])], &[]);
    assert_eq!(run.state.first_round(), Duration::from_secs(3));
    run.see(2, &REFUSED);
    run.state.end_first_round();
    assert!(run.state.commit(run.now));
    assert_eq!(run.pool().answering, ["server-3"]);
    assert_eq!(run.member(1).why, "serving until it is probed");
}

#[test]
fn a_restart_trusts_what_was_kept_until_probes_say_otherwise() {
    let mut before = Run::ready(vec![pool("web", &[2, 3])]);
    before.fall(&[2]);
    let mut run = Run::new(vec![pool("web", &[2, 3, 4])], &kept(&before.state));
    assert_eq!(run.pool().answering, ["server-3", "server-4"]);
    assert_eq!(run.member(0).why, "out since 10:02:05 UTC, until it is probed");
    assert_eq!(run.member(1).why, "serving until it is probed, as it did before");

    run.see(2, &OK);
    run.see(3, &REFUSED);
    run.see(4, &OK);
    assert_eq!(run.pool().answering, ["server-3", "server-4"], "1 of 2 up, 1 of 3 down");
    run.see(2, &OK);
    assert_eq!(run.pool().serving, 3);
}

#[test]
fn a_pool_that_nobody_serves_answers_all_and_says_so() {
    let mut run = Run::ready(vec![pool("web", &[2, 3])]);
    run.state.take_log_lines();
    run.fall(&[2, 3]);
    let pool = run.pool();
    let why = "0 of 2 serve, at least 1 must: all members are answered (when_short: all)";
    assert_eq!((pool.short, pool.serving, pool.answering.len()), (true, 0, 2));
    assert_eq!(pool.why, why);
    assert_eq!(
        run.member(0).why,
        format!("out since 10:02:07 UTC: connection refused; answered all the same: {why}")
    );
    let warnings: Vec<String> =
        run.state.take_log_lines().into_iter().filter(|n| n.warning).map(|n| n.text).collect();
    assert_eq!(warnings, [format!("pool web: {why}")]);

    run.see(2, &OK);
    run.see(2, &OK);
    assert_eq!(run.changes().last().unwrap(), " 1 of 2 serve");
    assert_eq!(run.pool().answering, ["server-2"]);
}

#[test]
fn last_known_keeps_the_last_set_that_was_enough_also_over_a_restart() {
    let last_known =
        || Pool { min_serving: 2, when_short: WhenShort::LastKnown, ..pool("web", &[2, 3, 4]) };
    let mut run = Run::ready(vec![last_known()]);
    run.fall(&[4]);
    run.fall(&[2]);
    assert_eq!(run.pool().answering, ["server-2", "server-3"]);
    assert!(run.pool().why.ends_with("(when_short: last_known)"), "{}", run.pool().why);

    let again = Run::new(vec![last_known()], &kept(&run.state));
    assert_eq!(again.pool().answering, ["server-2", "server-3"]);
}

#[test]
fn a_fallback_pool_stands_in() {
    let web = Pool { when_short: WhenShort::Pool(PoolId(1)), ..pool("web", &[2]) };
    let mut run = Run::ready(vec![web, pool("spare", &[9])]);
    run.fall(&[2]);
    let pool = run.pool();
    assert_eq!(pool.answering, ["server-9"]);
    assert_eq!(pool.when_short, "pool spare");
    assert_eq!(pool.why, "0 of 1 serve, at least 1 must: pool spare stands in (when_short)");
    assert!(!pool.members[0].in_answers);
    assert_eq!(run.status().pools[1].why, "its only member serves");
}

#[test]
fn failover_answers_the_first_and_tells_the_others_why_not() {
    let mut run = Run::ready(vec![Pool { order: Order::Failover, ..pool("db", &[2, 3]) }]);
    assert_eq!(run.pool().why, "server-2 is answered, the first of 2 that serve");
    assert_eq!(run.member(1).why, "serving: 200 in 1.3 ms; in reserve, another is answered");
    run.fall(&[2]);
    assert_eq!(run.pool().answering, ["server-3"]);
}

#[test]
fn a_deep_check_is_told_and_decides_nothing() {
    let mut run = Run::ready(vec![Pool { deep: Some(deep()), ..pool("web", &[2, 3]) }]);
    for _ in 0..3 {
        assert!(!run.see(102, &REFUSED));
    }
    assert_eq!(run.changes(), ["server-2 fails its deep check: connection refused (3/3)"]);
    let member = run.member(0);
    assert_eq!((member.deep.unwrap().state, member.check.state), ("down", "up"));
    assert_eq!((run.pool().serving, run.pool().ttl), (2, 30));
}

#[test]
fn a_short_ttl_is_never_raised() {
    let mut run =
        Run::ready(vec![Pool { ttl: 3, ..pool("a", &[2]) }, Pool { ttl: 8, ..pool("b", &[3]) }]);
    run.see(2, &REFUSED);
    run.see(3, &REFUSED);
    let ttls: Vec<u32> = run.status().pools.iter().map(|pool| pool.ttl).collect();
    assert_eq!(ttls, [3, 5]);
}

#[test]
fn a_reload_keeps_the_account_of_nodes_that_did_not_change() {
    let mut run = Run::ready(vec![pool("web", &[2, 3])]);
    run.fall(&[2]);
    run.see(3, &REFUSED);
    let (old, started) = (run.targets[&3], run.reload(vec![pool("web", &[4, 3])]));
    assert_eq!((started, run.stopped, run.targets[&3]), (1, 1, old));
    assert_eq!(run.member(1).check.progress.as_deref(), Some("1/3"));

    assert_eq!(run.pool().answering, ["server-3"], "a new node must first rise");
    run.see(2, &OK);
    run.see(4, &OK);
    run.see(4, &OK);
    assert_eq!(run.pool().answering, ["server-4", "server-3"]);
}

#[test]
fn a_reload_with_another_check_remembers_until_that_has_decided() {
    let mut run = Run::ready(vec![pool("web", &[2, 3])]);
    run.fall(&[2]);
    let started =
        run.reload(vec![Pool { checks: Checks::one(check(8080)), ..pool("web", &[2, 3]) }]);
    assert_eq!((started, run.stopped), (2, 2));
    assert_eq!(run.pool().answering, ["server-3"]);
    run.see(3, &REFUSED);
    assert_eq!(run.pool().answering, ["server-3"]);
}

#[test]
fn a_new_pool_serves_until_it_is_probed() {
    let mut run = Run::ready(vec![pool("web", &[2])]);
    run.reload(vec![pool("img", &[5, 6]), pool("web", &[2])]);
    assert_eq!(run.pool().answering, ["server-5", "server-6"]);
    run.see(5, &REFUSED);
    assert_eq!(run.pool().answering, ["server-6"]);
}

#[test]
fn a_refused_reload_changes_nothing_and_is_shown() {
    let mut run = Run::ready(vec![pool("web", &[2])]);
    run.state.refuse(vec!["config.yaml:3: an unknown role".into()], run.now);
    let refused = run.status().config.refused.unwrap();
    assert_eq!(refused.faults, ["config.yaml:3: an unknown role"]);
    assert_eq!(run.pool().why, "its only member serves");
    run.reload(vec![pool("web", &[2])]);
    assert!(run.status().config.refused.is_none());
}

#[test]
fn changes_are_bounded() {
    let mut run = Run::ready(vec![pool("web", &[2, 3])]);
    for _ in 0..100 {
        run.fall(&[2]);
        run.see(2, &OK);
        run.see(2, &OK);
    }
    assert_eq!(run.changes().len(), 100);
}

#[test]
fn only_what_is_known_is_kept() {
    let run = Run::new(vec![pool("web", &[2])], &[]);
    assert_eq!(kept(&run.state)[0].members, []);
    let run = Run::ready(vec![pool("web", &[2])]);
    let since = "2026-03-01T10:02:00Z".parse().unwrap();
    let member = SavedMember {
        node: "server-2".into(),
        serving: true,
        since,
        falls: Falls::default(),
        v6: None,
    };
    assert_eq!(kept(&run.state)[0].members, [member]);
}

#[test]
fn the_status_names_zones_and_pools_as_config_yaml_does() {
    let run = Run::new(vec![pool("web", &[2])], &[]);
    let status = run.status();
    assert_eq!((status.zones[0].apex.as_str(), status.zones[0].serial), ("midominio.com", 7));
    assert_eq!(status.pools[0].names, ["web.midominio.com"]);
    assert_eq!(status.pools[0].members[0].check.probe, "TCP connection to 127.0.0.2:80");
    assert_eq!(status.started, "2026-03-01T10:02:00.000Z");
}

/// Two checks at the same address: the second, on port 443, goes by the last octet + 50.
fn two(least: usize, hosts: &[u8]) -> Pool {
    let named = |name: &str, port| NamedCheck { name: name.into(), check: check(port) };
    let checks = Checks::new(vec![named("http", 80), named("tls", 443)], least).unwrap();
    Pool { checks, ..pool("web", hosts) }
}

#[test]
fn of_several_checks_the_failing_one_is_named() {
    let mut run = Run::ready(vec![two(2, &[2, 3])]);
    assert_eq!(run.member(0).why, "serving: 2 of 2 checks pass");
    assert!(run.see(52, &REFUSED), "the TTL is halved");
    assert_eq!(run.member(0).why, "serving, but falling (1 of 3): tls: connection refused");
    run.see(52, &REFUSED);
    assert!(run.see(52, &REFUSED));
    assert_eq!(run.pool().answering, ["server-3"]);
    let member = run.member(0);
    assert_eq!(
        member.why,
        "out since 10:02:07 UTC: 1 of 2 checks pass, all must: tls: connection refused"
    );
    assert_eq!((member.check.state, member.check.probe.as_str()), ("down", "all of http, tls"));
    let states: Vec<(&str, &str)> =
        member.checks.iter().map(|of| (of.name.as_str(), of.check.state)).collect();
    assert_eq!(states, [("http", "up"), ("tls", "down")]);
    assert_eq!((member.check.probes, member.check.failures), (5, 3));
    run.see(52, &OK);
    run.see(52, &OK);
    assert_eq!(
        run.changes(),
        [
            "server-2 out of the answers of web: 1 of 2 checks pass, all must: \
             tls: connection refused (3/3)",
            "server-2 back in the answers of web: 2 of 2 checks pass"
        ]
    );
}

#[test]
fn a_check_that_cannot_change_the_verdict_shortens_no_ttl() {
    let mut run = Run::ready(vec![two(1, &[2, 3])]);
    run.fall(&[52]);
    assert_eq!((run.pool().serving, run.pool().ttl), (2, 30));
    assert_eq!(run.member(0).why, "serving: 1 of 2 checks pass, one must: tls: connection refused");
    run.see(2, &REFUSED);
    assert_eq!(run.pool().ttl, 15);
    run.see(2, &REFUSED);
    run.see(2, &REFUSED);
    assert_eq!(run.pool().answering, ["server-3"]);
}

#[test]
fn a_reload_goes_on_with_the_checks_that_stay() {
    let mut run = Run::ready(vec![two(2, &[2, 3])]);
    run.fall(&[52]);
    let (http, tls) = (run.targets[&2], run.targets[&52]);
    let started = run.reload(vec![two(1, &[2, 3])]);
    assert_eq!((started, run.targets[&2], run.targets[&52]), (0, http, tls));
    assert!(run.state.commit(run.now), "the rule is another one");
    assert_eq!(run.pool().answering, ["server-2", "server-3"]);

    let one = Pool { checks: Checks::one(check(443)), ..pool("web", &[2, 3]) };
    assert_eq!(run.reload(vec![one]), 2, "another name is another check");
    assert_eq!(run.pool().answering, ["server-2", "server-3"], "until it has decided");
}

#[test]
fn what_several_checks_said_together_is_remembered() {
    let mut before = Run::ready(vec![two(2, &[2, 3])]);
    before.fall(&[52]);
    let mut run = Run::new(vec![two(2, &[2, 3])], &kept(&before.state));
    assert_eq!(run.pool().answering, ["server-3"]);
    for host in [2, 3, 52, 53] {
        run.see(host, &OK);
    }
    assert_eq!(run.pool().answering, ["server-3"], "1 of 2 each");
    run.see(2, &OK);
    assert_eq!(run.pool().answering, ["server-3"], "one of them is not yet back");
    run.see(52, &OK);
    assert_eq!(run.pool().answering, ["server-2", "server-3"]);
}

/// Of several checks, over a long row of results of chance: the verdict of each moment is that of
/// independent counters, of which so many must say up.
#[test]
fn several_checks_are_as_many_counters_and_a_rule() {
    const STEPS: usize = 100_000;
    let mut luck = fastrand::Rng::with_seed(11);
    let falls: [u32; 4] = [1, 2, 3, 5];
    for least in 1..=falls.len() {
        let named = falls.iter().enumerate().map(|(index, fall)| {
            let thresholds = Thresholds { fall: *fall, rise: 1 + index as u32, forgive: 4 };
            let check = Check { thresholds, ..check(81 + index as u16) };
            NamedCheck { name: format!("check-{index}"), check }
        });
        let named: Vec<NamedCheck> = named.collect();
        let mut counters: Vec<Tracker> =
            named.iter().map(|of| Tracker::new(of.check.thresholds, None)).collect();
        let checks = Checks::new(named, least).unwrap();
        let web = Pool { checks, ..pool("web", &[2, 3]) };
        let mut now: Moment = "2026-03-01T10:00:00Z".parse().unwrap();
        let (mut state, plan) = ControlState::new(loaded(vec![web]), &[], now);
        let targets: Vec<TargetId> = plan.start.iter().map(|target| target.id).collect();
        for target in &targets {
            state.observe(&Observation { target: *target, verdict: OK }, now);
        }
        for counter in &mut counters {
            counter.observe(true);
        }
        state.commit(now);
        for step in 0..STEPS / falls.len() {
            now += SignedDuration::from_secs(1);
            let index = luck.usize(..falls.len());
            // Now and then a bad time for all of them.
            let passes = luck.u8(..10) >= if step / 500 % 2 == 0 { 2 } else { 6 };
            let verdict = if passes { OK } else { REFUSED };
            state.observe(&Observation { target: targets[index], verdict }, now);
            counters[index].observe(passes);
            state.commit(now);
            let up = counters.iter().filter(|c| c.state().standing() == Standing::Serving).count();
            let wanted = if up >= least { Standing::Serving } else { Standing::Out };
            let member = &state.pools[0].members[0];
            assert_eq!(member.own(None).check.standing(), wanted, "step {step}, {least} of 4");
            let ttl = state.answers()[0].ttl;
            assert_eq!(ttl == 30, member.own(None).check.state().is_stable(), "step {step}");
        }
    }
}
