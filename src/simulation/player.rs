//! Plays a timeline: the real state, trackers, schedules and snapshots, in simulated time.
//!
//! One thing is not simulated, as the network is a table: probes do not wait for each other,
//! however many there are.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::checks::checked::Probe;
use crate::clock::Moment;
use crate::cluster::check::Check;
use crate::cluster::node::{NodeName, Role};
use crate::cluster::operator::{OverrideKind, Selector};
use crate::cluster::pool::Membership;
use crate::config::simulation::timeline::{AsksMother, Simulation, What};
use crate::control::overrides::request::OverrideRequest;
use crate::control::probes::{ProbeChanges, ProbeTarget};
use crate::control::request::RequestFault;
use crate::control::served_config::ServedConfig;
use crate::control::state::ControlState;
use crate::control::status::build;
use crate::health::probe::answer::Verdict;
use crate::health::probe_timer::{self, ProbeTimer};
use crate::health::{Observation, TargetId};
use crate::simulation::ask::Asker;
use crate::simulation::diary::{CLIENT, Diary, Run};
use crate::simulation::network::{Condition, Network};
use crate::simulation::population::Population;
use crate::snapshot::Snapshot;
use crate::zone::rtype;
use crate::zone::store::TooLarge;

/// Every simulation starts at midnight, so that the time of day is the time passed.
const START: Moment = Moment::on_line(Timestamp::constant(1_767_225_600, 0));

/// The reason of overrides in a timeline.
const REASON: &str = "simulated";
const AUTHOR: &str = "timeline";

/// Plays the timeline to its end. `file` is the name of the configuration in messages.
pub fn play(simulation: &Simulation, file: &Path, seed: u64) -> Result<Run, TooLarge> {
    let loaded = ServedConfig::build(&simulation.config, file, START)?;
    let (state, plan) = ControlState::new(Box::new(loaded), &[], START);
    let mut player = Player::new(simulation, state, seed);
    player.follow(plan);
    let mut population = player.population();
    player.write(true);
    while let Some(now) = player.next() {
        player.serve(&mut population, now);
        player.now = now;
        player.happen();
        player.commit();
    }
    player.serve(&mut population, simulation.until);
    Ok(player.diary.end(simulation, population, seed))
}

struct Player<'a> {
    simulation: &'a Simulation,
    seed: u64,
    now: Duration,
    state: ControlState,
    snapshot: Snapshot,
    network: Network,
    queue: BinaryHeap<Reverse<(Duration, u64, QueueEntry)>>,
    /// Number of entries ever queued: entries that are due at the same time keep their order.
    queued: u64,
    targets: HashMap<TargetId, ProbeState>,
    /// Results of probes that are in flight.
    verdicts: HashMap<TargetId, Verdict>,
    nodes: HashMap<IpAddr, NodeName>,
    /// Whether an override changed an answer.
    is_changed: bool,
    asker: Asker,
    turn: u64,
    /// The random numbers of the clients' questions.
    rtype: u16,
    luck: fastrand::Rng,
    diary: Diary,
}

/// An entry of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum QueueEntry {
    /// An event of the timeline, by its index.
    Event(usize),
    Probe(TargetId),
    /// A probe outside of the schedule.
    Hurry(TargetId),
    Verdict(TargetId),
    RoundOver,
}

/// A target with its schedule and random numbers of its own, so that other targets do not change
/// its results.
struct ProbeState {
    node: NodeName,
    check: Check,
    is_deep: bool,
    timer: Option<ProbeTimer>,
    /// Whether the probe in flight is outside of the schedule.
    is_beside: bool,
    /// Whether to probe outside of the schedule as soon as the probe in flight is over.
    is_hurried: bool,
    /// Whether the probe in flight, outside of the schedule, delays the next scheduled one.
    is_late: bool,
    luck: fastrand::Rng,
}

impl<'a> Player<'a> {
    fn new(simulation: &'a Simulation, state: ControlState, seed: u64) -> Player<'a> {
        let nodes = simulation
            .config
            .nodes
            .iter()
            .flat_map(|node| node.addresses().map(|address| (address, node.name.clone())));
        let mut player = Player {
            simulation,
            seed,
            now: Duration::ZERO,
            snapshot: snapshot(&state, None),
            diary: Diary::new(simulation),
            network: Network::default(),
            queue: BinaryHeap::new(),
            queued: 0,
            targets: HashMap::new(),
            verdicts: HashMap::new(),
            nodes: nodes.collect(),
            is_changed: false,
            asker: Asker::default(),
            turn: 0,
            rtype: rtype::A,
            luck: luck(seed, 0),
            state,
        };
        for (index, event) in simulation.events.iter().enumerate() {
            player.queue(event.at, QueueEntry::Event(index));
        }
        player.queue(player.state.first_round(), QueueEntry::RoundOver);
        player
    }

    fn queue(&mut self, at: Duration, due: QueueEntry) {
        self.queued += 1;
        self.queue.push(Reverse((at, self.queued, due)));
    }

    /// The time of the next entry, if it is before the end.
    fn next(&self) -> Option<Duration> {
        let queued = self.queue.peek().map(|Reverse((at, ..))| *at);
        let due = self.state.due().map(|at| at.duration_since(START));
        let due = due.map(|after| after.try_into().unwrap_or_default());
        let at = queued.into_iter().chain(due).min()?;
        (at <= self.simulation.until).then_some(at)
    }

    /// Handles all entries that are due now.
    fn happen(&mut self) {
        while let Some(Reverse((at, _, due))) = self.queue.peek().copied()
            && at <= self.now
        {
            self.queue.pop();
            match due {
                QueueEntry::Event(index) => {
                    let event = &self.simulation.events[index];
                    self.network.happen(&event.what);
                    self.diary.event(at, &event.what);
                    if let What::Operator { order, target } = &event.what {
                        self.operate(*order, target);
                    }
                }
                QueueEntry::Probe(target) => self.probe(target),
                QueueEntry::Hurry(target) => self.hurry(target),
                QueueEntry::Verdict(target) => self.observe(target),
                QueueEntry::RoundOver => self.state.end_first_round(),
            }
        }
    }

    /// Applies an override at once. A refused one changes nothing, and its faults are recorded.
    fn operate(&mut self, order: Option<OverrideKind>, target: &Selector) {
        let request = OverrideRequest {
            kind: order,
            selector: target.clone(),
            pool: None,
            reason: REASON.into(),
            author: AUTHOR.into(),
            lasts: None,
        };
        match self.state.decide(&request, at(self.now)) {
            Ok(overrides) => {
                self.is_changed |= self.state.set_overrides(overrides, at(self.now));
            }
            Err(faults) => {
                for RequestFault { fault, write, .. } in faults {
                    let text = format!("the order is refused: {fault}; write {write}");
                    self.diary.news(self.now, text);
                }
            }
        }
    }

    /// Starts and stops the probing of targets.
    fn follow(&mut self, plan: ProbeChanges) {
        for target in plan.stop {
            self.targets.remove(&target);
        }
        let count = plan.start.len();
        for (index, target) in plan.start.into_iter().enumerate() {
            let ProbeTarget { id, subject, check } = target;
            let deep = self.state.pools.iter().flat_map(|pool| &pool.members);
            let mut deep = deep.filter_map(|member| member.deep.as_ref());
            let is_deep = deep.any(|target| target.id == id);
            let luck = luck(self.seed, id.0);
            let node = subject.node;
            let (timer, is_beside, is_hurried, is_late) = Default::default();
            let probed =
                ProbeState { node, check, is_deep, timer, is_beside, is_hurried, is_late, luck };
            self.targets.insert(id, probed);
            self.queue(self.now + probe_timer::first_delay(index, count), QueueEntry::Probe(id));
        }
    }

    /// At most one probe of a target is in flight.
    fn hurry(&mut self, id: TargetId) {
        let in_flight = self.verdicts.contains_key(&id);
        let Some(target) = self.targets.get_mut(&id) else { return };
        if matches!(target.check.probe, Probe::Push(_)) {
            return;
        }
        target.is_hurried = in_flight;
        target.is_beside |= !in_flight;
        if !in_flight {
            self.probe(id);
        }
    }

    fn probe(&mut self, id: TargetId) {
        let (mother, now) = (self.mother(), self.now);
        let Some(target) = self.targets.get_mut(&id) else { return };
        if self.verdicts.contains_key(&id) {
            target.is_late = true;
            return;
        }
        if target.timer.is_none() {
            target.timer = Some(ProbeTimer::new(target.check.every, now, target.luck.f64()));
        }
        let condition = self.network.condition(&target.node);
        let mother = mother.filter(|_| needs_mother(self.simulation, target));
        let (verdict, took) =
            self.network.probe(condition, mother, &target.check, &mut target.luck);
        self.verdicts.insert(id, verdict);
        self.queue(now + took, QueueEntry::Verdict(id));
    }

    fn observe(&mut self, id: TargetId) {
        let (Some(verdict), Some(target)) = (self.verdicts.remove(&id), self.targets.get_mut(&id))
        else {
            return;
        };
        let is_asked = !matches!(target.check.probe, Probe::Push(_));
        let is_beside = std::mem::take(&mut target.is_beside);
        let (hurried, late) =
            (std::mem::take(&mut target.is_hurried), std::mem::take(&mut target.is_late));
        let next = match &mut target.timer {
            Some(timer) if !is_beside => {
                let failed = verdict.as_ref().is_err_and(|failure| !failure.is_ours());
                let soon = timer.retry_after_failure(self.now, failed).filter(|_| is_asked);
                Some(soon.unwrap_or_else(|| timer.next(self.now, target.luck.f64())))
            }
            // The schedule continues by itself.
            Some(_) | None => late.then_some(self.now),
        };
        if let Some(next) = next {
            self.queue(next, QueueEntry::Probe(id));
        }
        if hurried {
            self.queue(self.now, QueueEntry::Hurry(id));
        }
        let observation = Observation { target: id, verdict };
        self.state.observe(&observation, at(self.now));
    }

    /// The node that children use for database and files: the first address in the current answer
    /// of the pool that has a mother, or else the mother.
    fn mother(&self) -> Option<Condition> {
        let has_mother =
            |membership: &Membership| membership.iter().any(|member| member.role == Role::Mother);
        let pools = &self.state.config.pools;
        let pool = pools.iter().position(|pool| has_mother(&pool.membership));
        let answered = pool.and_then(|pool| {
            let selection = &self.state.answers()[pool].selection;
            let source = &pools[selection.pool.index()].membership;
            let member = source.get(*selection.members.first()?)?;
            Some(member.node.clone())
        });
        let mut nodes = self.simulation.config.nodes.iter();
        let herself = || nodes.find(|node| node.role == Role::Mother).map(|node| node.name.clone());
        let mother = answered.or_else(herself)?;
        Some(self.network.condition(&mother))
    }

    /// Commits the results, and records the changes.
    fn commit(&mut self) {
        let now = at(self.now);
        let mut changed = std::mem::take(&mut self.is_changed);
        changed |= self.state.advance(now);
        changed |= self.state.commit(now);
        let mut probes = self.state.take_probe_changes();
        let at_once = std::mem::take(&mut probes.at_once);
        self.follow(probes);
        for (index, target) in at_once.iter().enumerate() {
            self.queue(
                self.now + probe_timer::first_delay(index, at_once.len()),
                QueueEntry::Hurry(*target),
            );
        }
        if changed {
            self.snapshot = snapshot(&self.state, Some(&self.snapshot));
        }
        self.write(changed);
    }

    fn write(&mut self, changed: bool) {
        let now = self.now;
        for news in self.state.take_log_lines() {
            self.diary.news(now, news.text);
        }
        self.diary.members(now, &self.state, |node| self.network.condition(node));
        if changed {
            let status = build::status(&self.state, at(now));
            self.diary.answers(now, &self.state, &status, &self.snapshot, &mut self.asker);
        }
    }

    fn population(&mut self) -> Population {
        let clients = &self.simulation.clients;
        let (snapshot, asker, turn) = (&self.snapshot, &mut self.asker, &mut self.turn);
        let mut ask = |rtype| {
            *turn += 1;
            asker.ask(snapshot, &clients.asks, rtype, CLIENT, *turn)
        };
        if ask(rtype::A).addresses.is_empty() {
            self.rtype = rtype::AAAA;
        }
        let rtype = self.rtype;
        Population::new(clients, &mut self.luck, || ask(rtype))
    }

    /// Makes the requests of all clients until `end`, with the current answers.
    fn serve(&mut self, population: &mut Population, end: Duration) {
        let (asks, rtype) = (&self.simulation.clients.asks, self.rtype);
        let (snapshot, asker, turn) = (&self.snapshot, &mut self.asker, &mut self.turn);
        let (network, nodes, luck) = (&self.network, &self.nodes, &mut self.luck);
        let ask = || {
            *turn += 1;
            asker.ask(snapshot, asks, rtype, CLIENT, *turn)
        };
        population.play(end, ask, |address| {
            nodes.get(&address).is_some_and(|node| network.condition(node).serves(luck))
        });
    }
}

fn needs_mother(simulation: &Simulation, target: &ProbeState) -> bool {
    let role = simulation.config.nodes.iter().find(|node| node.name == target.node);
    role.is_some_and(|node| node.role == Role::Child)
        && match simulation.asks_mother {
            AsksMother::Deep => target.is_deep,
            AsksMother::All => true,
            AsksMother::None => false,
        }
}

fn snapshot(state: &ControlState, previous: Option<&Snapshot>) -> Snapshot {
    let config = &state.config;
    Snapshot::build(&config.statics, &config.pools, state.answers(), previous)
}

fn at(now: Duration) -> Moment {
    START + now
}

/// The random numbers of one target, or of the clients (0).
fn luck(seed: u64, of: u64) -> fastrand::Rng {
    const APART: u64 = 0x9e37_79b9_7f4a_7c15;
    fastrand::Rng::with_seed(seed ^ of.wrapping_mul(APART))
}
