//! Only pools in which something happened are decided again, and their status built again. The
//! result must equal deciding and building all of them.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use tiovivo::clock::Moment;
use tiovivo::cluster::families::Families;
use tiovivo::cluster::pool::{Order, Pool, PoolId, PoolName, WhenShort};
use tiovivo::cluster::selection::{PoolHealth, select};
use tiovivo::cluster::steadiness::{Damping, Steadiness};
use tiovivo::control::answers::health;
use tiovivo::control::member::MemberState;
use tiovivo::control::outage;
use tiovivo::control::overrides::request;
use tiovivo::control::probes::ProbeChanges;
use tiovivo::control::state::ControlState;
use tiovivo::control::status::build;
use tiovivo::control::status::cache::StatusCache;
use tiovivo::control::status::{MemberStatus, PoolStatus};
use tiovivo::health::probe::failure::Failure;
use tiovivo::health::{Observation, TargetId};
use tiovivo::snapshot::Snapshot;

use crate::cluster::{loaded, pool};
use crate::control::{OK, REFUSED};
use crate::dual::dual;

/// Every answer is the one that all health of now gives, and nothing becomes due unnoticed. Before
/// the first round is over health decides nothing.
pub fn all_are_decided(state: &ControlState) {
    if !state.is_ready() {
        return;
    }
    let pools = &state.config.pools;
    let health = pools.iter().zip(&state.pools).map(|(pool, state)| health(pool, state));
    let health: Vec<PoolHealth> = health.collect();
    assert_eq!(state.answers().len(), pools.len());
    for (index, answer) in state.answers().iter().enumerate() {
        let selection = select(pools, &health, PoolId(index as u32));
        assert_eq!(answer.selection, selection, "{}", pools[index].name);
        let of = selection.each().map(|of| of.pool.index()).chain([index]);
        let mut members = of.flat_map(|pool| &state.pools[pool].members);
        let ttl = match (members.all(MemberState::is_stable), pools[index].ttl) {
            (false, ttl @ 10..) => ttl / 2,
            (false, ttl) => ttl.min(5),
            (true, ttl) => ttl,
        };
        assert_eq!(answer.ttl, ttl, "{}", pools[index].name);
    }
    let dues = pools.iter().zip(&state.pools).flat_map(|(pool, state)| {
        let verdicts = state.members.iter().flat_map(MemberState::verdicts);
        let holds = verdicts.filter_map(|(_, verdict)| verdict.falls.held_until());
        let detectors = [&state.outage.v4, &state.outage.v6];
        let outages = outage::evidence::rule(pool).map(|rule| detectors.map(|of| of.due(&rule)));
        holds.chain(outages.into_iter().flatten().flatten()).collect::<Vec<Moment>>()
    });
    let first = dues.chain(state.overrides.iter().filter_map(|order| order.until)).min();
    assert!(first.is_none_or(|first| state.due().is_some_and(|due| due <= first)), "{first:?}");
}

/// The cache has what was decided, whatever it has not yet of what was only observed.
fn all_are_shown(cache: &StatusCache, state: &ControlState, now: Moment) {
    let shown = cache.statuses();
    let expected = build::status(state, now).pools;
    assert_eq!(shown.len(), expected.len());
    for (shown, expected) in shown.iter().zip(&expected) {
        assert_eq!(of_pool(shown), of_pool(expected));
        let members = shown.members.iter().zip(&expected.members);
        members.for_each(|(shown, expected)| assert_eq!(of_member(shown), of_member(expected)));
    }
}

fn of_pool(pool: &PoolStatus) -> impl PartialEq + Debug {
    let PoolStatus { name, ttl, serving, short, answering, in_charge, kept, cut_off, .. } = pool;
    let (names, counts) = ((name.clone(), answering.clone()), (*ttl, *serving, *short, *cut_off));
    (names, counts, in_charge.clone(), kept.clone())
}

fn of_member(member: &MemberStatus) -> impl PartialEq + Debug {
    let MemberStatus { node, in_answers, operator, share, held_until, .. } = member;
    let operator = operator.as_ref().map(|order| (order.state, order.since.clone()));
    (node.clone(), *in_answers, operator, *share, held_until.clone())
}

const RUNS: u64 = 40;
const STEPS: u32 = 500;
const ORDERS: [&str; 4] = ["drain", "force-up", "force-down", "release"];
const TARGETS: [&str; 4] = ["server-2", "server-3", "server-4", "*"];

/// Pools that fall back on each other in a chain, one that fails over, one that counts its families
/// apart and two with verdicts of each family; after a reload fewer of them, elsewhere in the list.
fn pools(are_fewer: bool) -> Vec<Pool> {
    let damping = Damping {
        falls: 2,
        within: Duration::from_secs(600),
        hold: Duration::from_secs(20),
        most: Duration::from_secs(60),
    };
    let steadiness = Steadiness {
        damping: Some(damping),
        slow_start: Some(Duration::from_secs(30)),
        common_cause: Some(Duration::from_secs(60)),
    };
    let last = pool("last", &[6, 7]);
    let middle = pool("middle", &[4, 5]);
    let first = Pool { min_serving: 2, steadiness, ..pool("first", &[2, 3, 4]) };
    let failover = Pool { order: Order::Failover, stay: true, ..pool("failover", &[2, 3]) };
    let families = Some(Families { v4: 2, v6: 0 });
    let families = Pool { families, min_serving: 2, steadiness, ..pool("families", &[3, 4, 5]) };
    let dual = Pool { min_serving: 2, steadiness, name: PoolName::new("dual"), ..dual(&[2, 3, 4]) };
    let stay =
        Pool { order: Order::Failover, stay: true, name: PoolName::new("stay"), ..dual.clone() };
    let on = |id, pool| Pool { when_short: WhenShort::Pool(PoolId(id)), ..pool };
    match are_fewer {
        false => vec![failover, on(2, first), on(3, middle), last, families, dual, on(0, stay)],
        true => vec![last, on(0, middle), on(1, first), dual],
    }
}

/// The one writer without its sockets.
struct Run {
    state: ControlState,
    cache: StatusCache,
    snapshot: Snapshot,
    targets: Vec<TargetId>,
    /// So many of all probes fail.
    fails: f64,
    are_fewer: bool,
    now: Moment,
    luck: fastrand::Rng,
}

impl Run {
    fn new(seed: u64) -> Run {
        let now = Moment::UNIX_EPOCH;
        let (state, plan) = ControlState::new(loaded(pools(false)), &[], now);
        let (cache, snapshot) = (StatusCache::new(&state, now), built(&state));
        let targets = plan.start.iter().map(|target| target.id).collect();
        let luck = fastrand::Rng::with_seed(seed);
        Run { state, cache, snapshot, targets, fails: 0.1, are_fewer: false, now, luck }
    }

    fn step(&mut self) {
        self.now += SignedDuration::from_millis(self.luck.i64(50..1500));
        match self.luck.u32(..200) {
            0..170 => {
                let target = self.targets[self.luck.usize(..self.targets.len())];
                let verdict = match self.luck.f64() < self.fails {
                    true if self.luck.u8(..4) == 0 => Err(Failure::NoNetwork),
                    true => REFUSED,
                    false => OK,
                };
                self.state.observe(&Observation { target, verdict }, self.now);
            }
            170..182 => self.order(),
            182..194 => self.fails = [0.0, 0.1, 0.5, 0.9, 1.0][self.luck.usize(..5)],
            194..198 => self.now += SignedDuration::from_secs(self.luck.i64(1..90)),
            _ => self.reload(),
        }
        self.state.advance(self.now);
        self.state.commit(self.now);
        let changed = self.state.take_changed();
        self.snapshot =
            self.snapshot.with(&changed, &self.state.config.pools, self.state.answers());
        self.cache.refresh(&changed, &self.state, self.now);
        let plan = self.state.take_probe_changes();
        self.follow(&plan);
    }

    fn order(&mut self) {
        let lasts = self.luck.bool().then(|| format!("{}s", self.luck.u32(1..60)));
        let order = ORDERS[self.luck.usize(..ORDERS.len())];
        let body = json!({
            "order": order, "target": TARGETS[self.luck.usize(..TARGETS.len())], "author": "ana",
            "for": lasts.filter(|_| order != "release"),
        });
        // Refused are releases of what is not in force.
        if let Ok(overrides) = self.state.decide(&request::read(&body).unwrap(), self.now) {
            self.state.set_overrides(overrides, self.now);
        }
    }

    fn reload(&mut self) {
        self.are_fewer = !self.are_fewer;
        let plan = self.state.reload(loaded(pools(self.are_fewer)), self.now);
        self.follow(&plan);
        self.state.take_changed();
        self.snapshot = built(&self.state);
        self.cache.reset(&self.state, self.now);
    }

    fn follow(&mut self, plan: &ProbeChanges) {
        self.targets.retain(|target| !plan.stop.contains(target));
        self.targets.extend(plan.start.iter().map(|target| target.id));
    }
}

fn built(state: &ControlState) -> Snapshot {
    Snapshot::build(&state.config.statics, &state.config.pools, state.answers(), None)
}

/// Health, orders, time and reloads as they come, from the first round on.
#[test]
fn pool_by_pool_is_what_all_pools_together_are() {
    for seed in 0..RUNS {
        println!("seed {seed}");
        let mut run = Run::new(seed);
        for step in 0..STEPS {
            if step == 20 {
                run.state.end_first_round();
            }
            run.step();
            all_are_decided(&run.state);
            all_are_shown(&run.cache, &run.state, run.now);
            let built = built(&run.state);
            for slot in 0..run.state.answers().len() as u32 {
                assert_eq!(run.snapshot.pool(slot), built.pool(slot));
            }
        }
    }
}

const MANY: usize = 100;

/// What was only observed comes in pieces, and what it replaces goes in pieces.
#[test]
fn a_round_goes_on_in_pieces_of_some_pools() {
    let pools = (0..MANY).map(|index| pool(&format!("p{index}"), &[2, 3, 4, 5, 6, 7, 8, 9]));
    let now = Moment::UNIX_EPOCH;
    let (mut state, plan) = ControlState::new(loaded(pools.collect()), &[], now);
    let mut cache = StatusCache::new(&state, now);
    let old: Vec<_> = cache.statuses().iter().map(Arc::downgrade).collect();
    for target in plan.start {
        state.observe(&Observation { target: target.id, verdict: OK }, now);
    }
    state.commit(now);
    let probed = |cache: &StatusCache| {
        let shown = cache.statuses();
        shown.iter().filter(|pool| pool.members.iter().all(|m| m.check.probes == 1)).count()
    };
    assert!(!cache.is_behind(), "nobody has begun");

    assert!(cache.begin_round());
    let mut pieces = 1;
    while !cache.advance(&state, now) {
        assert_eq!(probed(&cache), 4 * pieces);
        assert!(!cache.begin_round(), "one is under way");
        pieces += 1;
    }
    assert_eq!((pieces, probed(&cache)), (MANY / 4, MANY));

    let read = || old.iter().filter(|pool| pool.strong_count() > 0).count();
    assert_eq!(read(), MANY, "whoever reads the last status may go on");
    assert!(!cache.advance(&state, now));
    assert_eq!(read(), MANY - 4);
    while cache.is_behind() {
        cache.advance(&state, now);
    }
    assert_eq!(read(), 0);
}
