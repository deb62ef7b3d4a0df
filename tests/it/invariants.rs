//! Invariants under long random failures: observations go through the real state, its selections
//! through the real snapshot, and clients ask all the time.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use tiovivo::checks::checked::Probe;
use tiovivo::checks::tcp::checked::TcpProbe;
use tiovivo::clock::Moment;
use tiovivo::cluster::pool::Pool;
use tiovivo::cluster::standing::Standing;
use tiovivo::cluster::steadiness::{Damping, ReferenceTarget, Steadiness};
use tiovivo::control::change_feed::{Change, Condition};
use tiovivo::control::health_file::SavedPool;
use tiovivo::control::probes::ProbeChanges;
use tiovivo::control::served_config::ServedConfig;
use tiovivo::control::state::ControlState;
use tiovivo::health::probe::answer::{Healthy, ProbeAnswer, Verdict};
use tiovivo::health::probe::failure::Failure;
use tiovivo::health::{Observation, TargetId};
use tiovivo::snapshot::Snapshot;

use crate::cluster::{kept, loaded, pool};
use crate::guard::{GUARDED, POLICIES, addresses, world_by};
use crate::incremental_equals_full::all_are_decided;
use crate::world::{Ask, World};

const STEPS: u32 = 100_000;
/// Steps between two thorough checks.
const LOOK: u32 = 5_000;
const OK: Verdict =
    Ok(Healthy { said: ProbeAnswer::Accepted, rtt: Duration::from_micros(300), certificate: None });
const REFUSED: Verdict = Err(Failure::Refused);
/// The fraction of a node's probes that fail, for some steps.
const WEATHER: [f64; 6] = [0.0, 0.0, 0.01, 0.3, 0.5, 1.0];
const PUBLIC: &str = "midominio.com";
const CONTROL: [u8; 4] = [203, 0, 113, 1];
/// `common_cause`, by default.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);
/// More successes than any account holds.
const CLEAR: u32 = 40;

/// A server: what it observed is in `state`, what it answers in `world`.
struct Server {
    world: World,
    state: ControlState,
    targets: Vec<TargetId>,
    /// The reference targets that it probes now.
    references: Vec<TargetId>,
    /// Targets to probe next, because the state wants them probed at once.
    at_once: VecDeque<TargetId>,
    now: Moment,
}

impl Server {
    fn new(world: World, kept: &[SavedPool]) -> Server {
        let now = Moment::UNIX_EPOCH;
        let mut loaded = ServedConfig::build(&world.config, Path::new("config.yaml"), now).unwrap();
        let control =
            ReferenceTarget { address: CONTROL.into(), probe: Probe::Tcp(TcpProbe { port: 53 }) };
        loaded.references = vec![control];
        let (state, plan) = ControlState::new(Box::new(loaded), kept, now);
        let mut server = Server {
            world,
            state,
            targets: vec![],
            references: vec![],
            at_once: VecDeque::new(),
            now,
        };
        server.follow(plan);
        server.publish();
        server
    }

    fn follow(&mut self, plan: ProbeChanges) {
        self.targets.retain(|target| !plan.stop.contains(target));
        self.targets.extend(plan.start.into_iter().map(|target| target.id));
    }

    fn publish(&mut self) {
        let loaded = &self.state.config;
        self.world.snapshot = Snapshot::build(
            &loaded.statics,
            &loaded.pools,
            self.state.answers(),
            Some(&self.world.snapshot),
        );
    }

    /// Returns whether the answers changed.
    fn see(&mut self, target: TargetId, verdict: &Verdict) -> bool {
        self.now += SignedDuration::from_millis(100);
        self.state.observe(&Observation { target, verdict: verdict.clone() }, self.now);
        let mut changed = self.state.advance(self.now);
        changed |= self.state.commit(self.now);
        let due = self.state.due();
        assert!(due.is_none_or(|due| due > self.now), "{due:?} is over at {}", self.now);
        let plan = self.state.take_probe_changes();
        self.at_once.extend(plan.at_once);
        self.references.retain(|target| !plan.stop.contains(target));
        self.references.extend(plan.start.into_iter().map(|target| target.id));
        all_are_decided(&self.state);
        if changed {
            self.publish();
        }
        changed
    }

    /// Whether a member of the public pool serves in a family, and has IPv6.
    fn has_ipv6(&self) -> bool {
        let web = self.state.config.pools.iter().position(|pool| pool.name.as_str() == "web");
        let (pool, state) =
            (&self.state.config.pools[web.unwrap()], &self.state.pools[web.unwrap()]);
        let mut members = pool.membership.iter().zip(&state.members);
        members.any(|(member, state)| member.addresses.v6().is_some() && state.serves())
    }

    fn ask(&mut self, name: &str, rtype: &str) -> Vec<IpAddr> {
        addresses(&self.world.ask(&Ask::new(name, rtype)).unwrap())
    }

    /// The standing of each target, by its checks.
    fn standings(&self) -> HashMap<TargetId, Standing> {
        let members = self.state.pools.iter().flat_map(|pool| &pool.members);
        members
            .flat_map(|member| member.verdicts())
            .map(|(_, of)| (of.check.list()[0].target.id, of.check.standing()))
            .collect()
    }

    /// Goes on until every member is stable and at its full share, with the standings of now.
    fn calm(&mut self) {
        for (target, standing) in self.standings() {
            match standing {
                Standing::Serving => {
                    for _ in 0..CLEAR {
                        self.see(target, &OK);
                    }
                }
                Standing::Out => {
                    self.see(target, &REFUSED);
                }
            }
        }
        // Meanwhile a hold may end, and a member starts slowly.
        for _ in 0..100 {
            self.now += SignedDuration::from_secs(60);
            self.state.advance(self.now);
            let mut shares =
                self.state.answers().iter().flat_map(|answer| &answer.selection.shares);
            if shares.all(|share| share.get() == 100) {
                break;
            }
        }
        self.publish();
    }
}

/// | invariant | checked |
/// |---|---|
/// | no address of a guarded node in a public answer | at each change of an answer |
/// | no empty answer in either family, but with `when_short: none` | at each change of an answer |
/// | what is due is later than now: nothing is due twice | at each step |
/// | no set is kept longer than 5 minutes because most members fail | at each step |
/// | serving members are equally often first | at each thorough check |
/// | equal standings give equal octets on another server | at each thorough check |
fn hold_invariants(policy: usize, rule: &str, min_serving: usize, seed: u64) {
    let new_world = || world_by(POLICIES[policy], rule, min_serving);
    let guarded: BTreeSet<IpAddr> = GUARDED.iter().map(|a| a.parse().unwrap()).collect();
    let mut luck = fastrand::Rng::with_seed(seed);
    let mut server = Server::new(new_world(), &[]);
    let mut weather: HashMap<TargetId, f64> = HashMap::new();
    let (mut changes, mut short, mut looks) = (0, 0, 0);
    let (mut cut, mut kept, mut cut_off) = (0, 0, 0);
    for step in 0..STEPS {
        cut = if luck.u32(..2000) == 0 { 600 } else { cut - u32::from(cut > 0) };
        let anyone = server.targets[luck.usize(..server.targets.len())];
        let target = server.at_once.pop_front().unwrap_or(anyone);
        if luck.u32(..50) == 0 {
            weather.insert(target, WEATHER[luck.usize(..WEATHER.len())]);
        }
        let lost = cut > 0 || luck.f64() < weather.get(&target).copied().unwrap_or_default();
        if let Some(&control) = server.references.first()
            && luck.u32(..20) == 0
        {
            server.see(control, if cut > 0 { &REFUSED } else { &OK });
        }
        for detector in
            server.state.pools.iter().flat_map(|pool| [&pool.outage.v4, &pool.outage.v6])
        {
            kept += u32::from(detector.since().is_some());
            cut_off += u32::from(detector.is_cut_off());
            let since = detector.since().unwrap_or(server.now);
            assert!(server.now < since + LONGEST + SignedDuration::from_millis(100), "{step}");
        }
        if server.see(target, if lost { &REFUSED } else { &OK }) {
            changes += 1;
            for (name, rtype) in
                [(PUBLIC, "A"), (PUBLIC, "AAAA"), (PUBLIC, "HTTPS"), ("madre.midominio.com", "A")]
            {
                let got = server.ask(name, rtype);
                assert!(got.iter().all(|a| !guarded.contains(a)), "{step}: {name} {got:?}");
                if (name, rtype) == (PUBLIC, "A") {
                    assert!(rule == "none" || !got.is_empty(), "{step}: {name} is empty");
                    short += u32::from(got.is_empty());
                }
                if (name, rtype) == (PUBLIC, "AAAA") {
                    assert!(rule == "none" || !got.is_empty() || !server.has_ipv6(), "{step}");
                }
            }
        }
        if step % LOOK == LOOK - 1 {
            cut = 0;
            server.calm();
            check_rotation(&mut server);
            compare(&mut server, new_world());
            looks += 1;
        }
    }
    // There were outages, and times in which this machine was cut off.
    assert!(kept > cut_off && cut_off > 0, "{kept} times kept, {cut_off} cut off");
    assert!(changes > STEPS / 100 && looks == STEPS / LOOK, "{changes} changes, {looks} looks");
    assert_eq!(short > 0, rule == "none", "{short} empty answers");
}

fn check_rotation(server: &mut Server) {
    let mut first = BTreeMap::<IpAddr, u32>::new();
    const TURNS: u32 = 600;
    for _ in 0..TURNS {
        if let Some(address) = server.ask(PUBLIC, "A").first() {
            *first.entry(*address).or_default() += 1;
        }
    }
    let part = TURNS / first.len().max(1) as u32;
    assert!(first.values().all(|n| n.abs_diff(part) <= 4), "{first:?}");
}

/// Another server starts with the same saved state, and one probe of each target.
fn compare(server: &mut Server, world: World) {
    let mut other = Server::new(world, &kept(&server.state));
    let standings = server.standings();
    for (own, target) in server.targets.clone().iter().zip(other.targets.clone()) {
        let out = standings.get(own) == Some(&Standing::Out);
        other.see(target, if out { &REFUSED } else { &OK });
    }
    for (name, rtype) in [(PUBLIC, "A"), (PUBLIC, "AAAA"), (PUBLIC, "HTTPS")] {
        for turn in 0..8 {
            (server.world.turn, other.world.turn) = (turn, turn);
            let ask = Ask::new(name, rtype);
            assert_eq!(server.world.ask(&ask), other.world.ask(&ask), "{name} {rtype} {turn}");
        }
    }
}

#[test]
fn all_are_answered_when_too_few_serve() {
    hold_invariants(0, "all", 2, 1);
}

#[test]
fn the_last_known_are_answered_when_too_few_serve() {
    hold_invariants(0, "last_known", 2, 2);
}

#[test]
fn nobody_is_answered_when_none_serve_and_the_rule_says_so() {
    hold_invariants(0, "none", 1, 3);
}

#[test]
fn a_fallback_pool_is_answered_when_too_few_serve() {
    hold_invariants(0, "{ pool: reserva }", 1, 4);
}

#[test]
fn one_is_answered_and_stays_although_others_come_back() {
    hold_invariants(2, "last_known", 2, 5);
}

#[test]
fn a_tier_is_answered_and_stays_although_others_come_back() {
    hold_invariants(3, "all", 1, 1);
}

#[test]
fn a_family_is_filled_up_alone() {
    hold_invariants(5, "all", 2, 8);
}

#[test]
fn members_of_different_domains_come_first() {
    hold_invariants(4, "last_known", 2, 7);
}

const DAMPING: Damping = Damping {
    falls: 3,
    within: Duration::from_secs(60),
    hold: Duration::from_secs(5),
    most: Duration::from_secs(20),
};

/// The most falls of a member within any minute. The count restarts when a hold is released because
/// too few serve: the rule has no bound then.
fn most_falls(damping: Option<Damping>, seed: u64) -> usize {
    let steadiness = Steadiness { damping, ..Steadiness::default() };
    let pool = Pool { steadiness, min_serving: 2, ..pool("web", &[2, 3, 4, 5, 6]) };
    let (mut state, plan) = ControlState::new(loaded(vec![pool]), &[], Moment::UNIX_EPOCH);
    let targets: Vec<TargetId> = plan.start.into_iter().map(|target| target.id).collect();
    let mut luck = fastrand::Rng::with_seed(seed);
    let (mut now, mut most, mut released) = (Moment::UNIX_EPOCH, 0, 0);
    let mut weather = [0.0; 5];
    let mut falls: HashMap<String, VecDeque<Moment>> = HashMap::new();
    for _ in 0..STEPS {
        now += SignedDuration::from_millis(100);
        let member = luck.usize(..targets.len());
        if luck.u32(..200) == 0 {
            weather[member] = WEATHER[luck.usize(..WEATHER.len())];
        }
        let lost = luck.f64() < weather[member];
        let verdict = if lost { REFUSED } else { OK };
        state.observe(&Observation { target: targets[member], verdict }, now);
        state.advance(now);
        state.commit(now);
        for Change { node, new, cause, .. } in state.take_changes() {
            let Some(node) = node else { continue };
            let of = falls.entry(node).or_default();
            if cause.starts_with("too few serve") {
                of.clear();
                released += 1;
            }
            if new == Condition::Out {
                of.retain(|at| now.duration_since(*at) < SignedDuration::from_secs(60));
                of.push_back(now);
                most = most.max(of.len());
            }
        }
    }
    assert_eq!(released > 0, damping.is_some(), "{released} holds that ended early");
    most
}

#[test]
fn the_number_of_falls_is_bounded_by_the_damping_rule() {
    let bound = DAMPING.bound() as usize;
    for seed in 0..4 {
        let (damped, free) = (most_falls(Some(DAMPING), seed), most_falls(None, seed));
        assert!(damped <= bound, "{damped} falls within a minute, at most {bound} may be");
        // The rule had an effect, and allows as many falls as it may.
        assert!(damped > bound - 3 && free > bound, "{damped}, {free} without damping");
    }
}
