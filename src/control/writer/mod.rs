//! The task that owns the state: takes events in, publishes what they change.
//!
//! A burst of observations is joined into one snapshot. The status of a pool follows what is
//! decided in it at once, and what observations alone change in pieces, soon after `REFRESH`: no
//! decision waits for more than one of them. What time alone changes is done when it is due. When
//! the clock on the wall was set, what is shown and kept follows it within `REFRESH`.

mod operate;

use std::future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::{self, Clock, Moment};
use crate::cluster::check::{Check, Probe};
use crate::cluster::operator::Override;
use crate::control::answers::PoolSet;
use crate::control::change_feed::{self, ChangeReceiver, ChangeSender};
use crate::control::event::{Command, Event, ReportRequest};
use crate::control::health_file::{self, SaveRequest};
use crate::control::health_report::{ReportRefusal, ReportTargets};
use crate::control::liveness::{Liveness, ProbeRounds};
use crate::control::overrides::writer::OverrideWriter;
use crate::control::probes::ProbeChanges;
use crate::control::served_config::ServedConfig;
use crate::control::state::ControlState;
use crate::control::status::Status;
use crate::control::status::build;
use crate::control::status::cache::StatusCache;
use crate::control::troubles::Troubles;
use crate::health::Observation;
use crate::health::probe::Prober;
use crate::health::probe::route::Routed;
use crate::health::schedule::{CONCURRENT, Job, QUEUE, Schedule};
use crate::snapshot::Snapshot;
use crate::snapshot::publish::{Publisher, Reader, channel};

/// Commands that wait.
const COMMANDS: usize = 16;
/// Reports that wait; more are refused.
const REPORTS: usize = 256;
/// How often a status begins to be brought up to date while only observations come in.
const REFRESH: Duration = Duration::from_secs(1);

/// The wall clock was set when between two ticks it went so much more or less than the time did.
const SET: SignedDuration = SignedDuration::from_secs(2);
/// For the disk to take the state at the end.
const KEEPING: Duration = Duration::from_secs(1);

/// Ready to begin: the first snapshot is there, no probe has been sent.
#[derive(Debug)]
pub struct Control {
    state: ControlState,
    probes: ProbeChanges,
    publisher: Publisher,
    folder: PathBuf,
    override_writer: OverrideWriter,
    changes: Option<ChangeSender>,
    /// Probes in flight at a time.
    concurrent: usize,
    troubles: Troubles,
}

/// The running task, from the outside.
#[derive(Debug)]
pub struct ControlHandle {
    pub status: watch::Receiver<Arc<Status>>,
    pub commands: mpsc::Sender<Command>,
    pub reports: mpsc::Sender<ReportRequest>,
    pub pulse: Liveness,
    pub troubles: Troubles,
    stop: CancellationToken,
    ended: CancellationToken,
    task: JoinHandle<()>,
}

impl Control {
    /// Reads what an earlier run kept in `folder`, and makes the answers to begin with: those of
    /// the members that served then, or of all, as far as the operator's orders let them. Blocks,
    /// for a bounded time.
    pub fn new(loaded: Box<ServedConfig>, folder: PathBuf) -> (Control, Reader) {
        let now = clock::now();
        let troubles = Troubles::default();
        let kept = health_file::recall_within(&folder, now);
        let (mut state, probes) = ControlState::new(loaded, &kept, now);
        let (override_writer, overrides) =
            OverrideWriter::new(folder.clone(), troubles.clone(), now);
        state.set_overrides(overrides, now);
        state.warn_of_unmatched_overrides();
        state.take_changed();
        let (publisher, reader) = channel(snapshot(&state, None));
        let (changes, concurrent) = (None, CONCURRENT);
        let control = Control {
            state,
            probes,
            publisher,
            folder,
            override_writer,
            changes,
            concurrent,
            troubles,
        };
        (control, reader)
    }

    /// What is wrong with the files of the state folder, and with others of this server.
    pub fn troubles(&self) -> Troubles {
        self.troubles.clone()
    }

    /// Every change of standing from now on.
    pub fn changes(&mut self) -> ChangeReceiver {
        let (sender, receiver) = change_feed::channel();
        self.changes = Some(sender);
        receiver
    }

    /// For a system that has few descriptors.
    pub fn bound_probes(&mut self, concurrent: usize) {
        self.concurrent = concurrent;
    }

    /// Starts the first round of probes and everything after it. Within a tokio runtime.
    pub fn start(self) -> ControlHandle {
        self.start_by(Arc::new(clock::now))
    }

    /// The same by another clock.
    pub fn start_by(self, clock: Clock) -> ControlHandle {
        let Control {
            state,
            probes,
            publisher,
            folder,
            override_writer,
            changes,
            concurrent,
            troubles,
        } = self;
        let (schedule, observations) = Schedule::with(concurrent);
        let (commands, orders) = mpsc::channel(COMMANDS);
        let (reports, reported) = mpsc::channel(REPORTS);
        let now = clock();
        let status_cache = StatusCache::new(&state, now);
        let (status, published) =
            watch::channel(Arc::new(build::whole(status_cache.statuses(), &state, now)));
        let (kept, keepable) = watch::channel(None);
        let keep = health_file::keep(folder, keepable, Arc::clone(&clock), troubles.clone());
        let keeper = tokio::spawn(keep);
        let pulse = Liveness::default();
        let stop = CancellationToken::new();
        let round_end = Instant::now() + state.first_round();
        let mut writer = Writer {
            state,
            clock,
            schedule,
            publisher,
            status_cache,
            status,
            kept,
            override_writer,
            changes,
            is_stale: false,
            set: now.set(),
            is_to_rewrite: false,
            is_rewriting: false,
            rounds: ProbeRounds::new(pulse.clone()),
        };
        writer.change_probes(probes);
        writer.write_log_lines();
        let ended = CancellationToken::new();
        let (stopped, end) = (stop.clone(), ended.clone().drop_guard());
        let task = tokio::spawn(async move {
            let _end = end;
            writer.run(observations, (orders, reported), round_end, stopped).await;
            // Without the sender the keeper writes once more and ends.
            drop(writer);
            if timeout(KEEPING, keeper).await.is_err() {
                tracing::warn!("the disk is slow: the newest state may not be kept");
            }
        });
        ControlHandle { status: published, commands, reports, pulse, troubles, stop, ended, task }
    }
}

impl ControlHandle {
    /// Waits until the first round of probes is over, or its time is.
    pub async fn ready(&mut self) {
        let _ = self.status.wait_for(|status| status.ready).await;
    }

    /// Waits for the end of the task. If [`ControlHandle::stop`] was not called, the task panicked.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Stops the probes and keeps the state.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

struct Writer {
    state: ControlState,
    clock: Clock,
    schedule: Schedule,
    publisher: Publisher,
    status_cache: StatusCache,
    status: watch::Sender<Arc<Status>>,
    kept: watch::Sender<Option<SaveRequest>>,
    override_writer: OverrideWriter,
    /// Where changes of standing go.
    changes: Option<ChangeSender>,
    /// Something was observed since the status_cache last had all, or began a round to have it.
    is_stale: bool,
    /// By how much the wall clock was ahead at the last tick.
    set: SignedDuration,
    /// The operator's orders are on the disk by a clock that is another now.
    is_to_rewrite: bool,
    /// They are on their way there.
    is_rewriting: bool,
    rounds: ProbeRounds,
}

impl Writer {
    async fn run(
        &mut self,
        mut observations: mpsc::Receiver<Observation>,
        (mut orders, mut reports): (mpsc::Receiver<Command>, mpsc::Receiver<ReportRequest>),
        round_end: Instant,
        stop: CancellationToken,
    ) {
        let mut ticks = interval(REFRESH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.rounds.pulse.looped();
            let was_ready = self.state.is_ready();
            let round = async {
                match was_ready {
                    true => future::pending().await,
                    false => sleep_until(round_end).await,
                }
            };
            let due = self.state.due().map(|at| (self.clock)().until(at));
            let due = async {
                match due {
                    None => future::pending().await,
                    Some(wait) => sleep(wait).await,
                }
            };
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => return self.end(),
                recorded = self.override_writer.done() => Event::OverrideFile(recorded),
                Some(command) = orders.recv() => Event::Command(command),
                () = round => Event::RoundOver,
                () = due => Event::Due,
                Some(report) = reports.recv() => Event::Report(report),
                _ = ticks.tick() => Event::Tick,
                Some(observation) = observations.recv() => Event::Observation(observation),
                () = yield_now(), if self.status_cache.is_behind() => Event::Idle,
            };
            let now = (self.clock)();
            self.take(event, now);
            // What waits behind it belongs to the same burst.
            for _ in 0..QUEUE {
                let Ok(observation) = observations.try_recv() else { break };
                self.take(Event::Observation(observation), now);
            }
            let passed = self.state.pass(now);
            self.state.commit(now);
            let mut changed = self.state.take_changed();
            if self.state.is_ready() != was_ready {
                // What the first round found is told of everybody.
                changed = self.state.all();
            }
            let became_ready = self.state.is_ready() && !was_ready;
            if passed || became_ready || !changed.is_empty() {
                self.publish(&changed, now);
            }
            let probes = self.state.take_probe_changes();
            self.change_probes(probes);
            self.write_log_lines();
            if self.status_cache.advance(&self.state, now) {
                self.publish_status();
            }
        }
    }

    fn take(&mut self, event: Event, now: Moment) {
        match event {
            Event::Observation(observation) => {
                self.rounds.observe(observation.target);
                self.state.observe(&observation, now);
                self.is_stale = true;
            }
            Event::Report(report) => self.report(report),
            Event::Command(Command::Reload(Ok(loaded))) => {
                let probes = self.state.reload(loaded, now);
                self.change_probes(probes);
                self.replace(now);
            }
            Event::Command(Command::Reload(Err(faults))) => {
                self.state.refuse(faults, now);
                self.publish_status();
            }
            Event::Command(Command::Operate(request, reply)) => self.operate(request, reply, now),
            Event::OverrideFile(recorded) => {
                self.recorded(recorded, now);
                while let Some((request, reply)) = self.override_writer.next_waiting() {
                    self.operate(request, reply, now);
                }
            }
            Event::RoundOver => self.state.end_first_round(),
            Event::Due | Event::Idle => {}
            Event::Tick => {
                self.publisher.release();
                self.override_writer.look(now);
                self.follow_wall_clock(now);
                if self.is_stale && self.status_cache.begin_round() {
                    self.is_stale = false;
                }
            }
        }
    }

    /// Brings it to whoever waits for it, without waiting.
    fn report(&self, ReportRequest { push, reply }: ReportRequest) {
        let found = push.find(&self.state.loaded, &self.state.pools).map_err(ReportRefusal::Faults);
        let taken = found.and_then(|ReportTargets { targets, pools }| {
            let reports = targets.into_iter().map(|target| (target, push.verdict()));
            match self.schedule.report_all(reports.collect()) {
                true => Ok(pools),
                false => Err(ReportRefusal::Busy),
            }
        });
        // Whoever reported may be gone.
        let _ = reply.send(taken);
    }

    /// Starts and stops timers.
    fn change_probes(&mut self, probes: ProbeChanges) {
        self.rounds.follow(&probes);
        for target in probes.stop {
            self.schedule.stop(target);
        }
        for target in &probes.start {
            if let Probe::Push(push) = &target.check.probe {
                self.schedule.listen(target.id, push.expires);
            }
        }
        self.schedule.start(probes.start.into_iter().filter_map(|target| {
            let ask = Prober::new(&target.subject, &target.check.probe)?;
            let ask = Routed { address: target.subject.address, ask };
            let Check { every, timeout, .. } = target.check;
            Some(Job { target: target.id, every, timeout, ask })
        }));
        self.schedule.hurry(&probes.at_once);
    }

    fn set_overrides(&mut self, overrides: Vec<Override>, now: Moment) {
        self.state.set_overrides(overrides, now);
        let changed = self.state.take_changed();
        self.publish(&changed, now);
    }

    /// What changed in these pools.
    fn publish(&mut self, changed: &PoolSet, now: Moment) {
        if !changed.is_empty() {
            let (pools, answers) = (&self.state.loaded.pools, self.state.answers());
            let snapshot = self.publisher.current().with(changed, pools, answers);
            self.publisher.publish(snapshot);
            self.status_cache.refresh(changed, &self.state, now);
            self.is_stale &= changed.len() < self.state.pools.len();
        }
        self.publish_status();
    }

    /// All pools, which are others now.
    fn replace(&mut self, now: Moment) {
        self.state.take_changed();
        let previous = self.publisher.current();
        self.publisher.publish(snapshot(&self.state, Some(&previous)));
        self.status_cache.reset(&self.state, now);
        self.is_stale = false;
        self.publish_status();
    }

    fn publish_status(&mut self) {
        self.status.send_replace(Arc::new(build::whole(
            self.status_cache.statuses(),
            &self.state,
            (self.clock)(),
        )));
        self.keep();
    }

    /// Before the first round is over there is nothing newer than what the file says.
    fn keep(&mut self) {
        self.send_changes();
        if self.state.is_ready()
            && let Some(pools) = self.status_cache.take_saved()
        {
            let backlog = self.changes.as_ref().map(ChangeSender::backlog);
            self.kept.send_replace(Some(SaveRequest { pools, backlog }));
        }
    }

    /// What the newest observations made of the members is kept, too.
    fn end(&mut self) {
        self.status_cache.refresh_saved(&self.state);
        self.keep();
    }

    fn send_changes(&mut self) {
        let changes = self.state.take_changes();
        if let Some(sender) = &mut self.changes {
            changes.into_iter().for_each(|change| sender.send(change));
        }
    }

    fn write_log_lines(&mut self) {
        for news in self.state.take_log_lines() {
            match news.warning {
                true => tracing::warn!("{}", news.text),
                false => tracing::info!("{}", news.text),
            }
        }
        self.send_changes();
    }
}

fn snapshot(state: &ControlState, previous: Option<&Snapshot>) -> Snapshot {
    let loaded = &state.loaded;
    Snapshot::build(&loaded.statics, &loaded.pools, state.answers(), previous)
}
