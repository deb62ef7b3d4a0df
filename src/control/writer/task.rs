//! Runs the loop of the writer: takes one event after another, and publishes what follows from it.

use std::future;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::checks::checked::Probe;
use crate::checks::probe::Prober;
use crate::clock::{Clock, Moment};
use crate::cluster::check::Check;
use crate::cluster::operator::Override;
use crate::control::answers::PoolSet;
use crate::control::change_feed::ChangeSender;
use crate::control::event::{Command, Event, ReportRequest};
use crate::control::health_file::SaveRequest;
use crate::control::health_report::{ReportRefusal, ReportTargets};
use crate::control::liveness::ProbeRounds;
use crate::control::overrides::writer::OverrideWriter;
use crate::control::probes::ProbeChanges;
use crate::control::state::ControlState;
use crate::control::status::Status;
use crate::control::status::build;
use crate::control::status::cache::StatusCache;
use crate::health::Observation;
use crate::health::probe::route::Routed;
use crate::health::schedule::{Job, QUEUE, Schedule};
use crate::snapshot::Snapshot;
use crate::snapshot::publish::Publisher;

/// Time from the begin of one refresh of the status to the next, while there are observations.
const REFRESH: Duration = Duration::from_secs(1);

/// Where events come from.
pub(super) struct Inbox {
    pub observations: mpsc::Receiver<Observation>,
    pub commands: mpsc::Receiver<Command>,
    pub reports: mpsc::Receiver<ReportRequest>,
}

pub(super) struct WriterTask {
    pub state: ControlState,
    pub clock: Clock,
    pub schedule: Schedule,
    pub publisher: Publisher,
    pub status_cache: StatusCache,
    pub status: watch::Sender<Arc<Status>>,
    pub saves: watch::Sender<Option<SaveRequest>>,
    pub override_writer: OverrideWriter,
    /// `None` without hooks.
    pub changes: Option<ChangeSender>,
    /// Whether something was observed since the last refresh of all pools began.
    pub is_stale: bool,
    /// How far the wall clock was ahead of the monotonic clock at the last tick.
    pub clock_offset: SignedDuration,
    /// Whether the wall clock was set since the overrides were written, so their times are wrong.
    pub is_to_rewrite: bool,
    /// Whether the write under way corrects those times.
    pub is_rewriting: bool,
    pub rounds: ProbeRounds,
}

impl WriterTask {
    pub async fn run(&mut self, mut inbox: Inbox, round_end: Instant, stop: CancellationToken) {
        let mut ticks = interval(REFRESH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.rounds.liveness.mark_loop();
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
                result = self.override_writer.done() => Event::OverrideFile(result),
                Some(command) = inbox.commands.recv() => Event::Command(command),
                () = round => Event::RoundOver,
                () = due => Event::Due,
                Some(report) = inbox.reports.recv() => Event::Report(report),
                _ = ticks.tick() => Event::Tick,
                Some(observation) = inbox.observations.recv() => Event::Observation(observation),
                () = yield_now(), if self.status_cache.is_behind() => Event::Idle,
            };
            let now = (self.clock)();
            self.handle(event, now);
            // Observations that already wait belong to the same burst.
            for _ in 0..QUEUE {
                let Ok(observation) = inbox.observations.try_recv() else { break };
                self.handle(Event::Observation(observation), now);
            }
            self.decide(was_ready, now);
            if self.status_cache.advance(&self.state, now) {
                self.publish_status();
            }
        }
    }

    /// Decides what follows from the events of this pass, and publishes it.
    fn decide(&mut self, was_ready: bool, now: Moment) {
        let has_advanced = self.state.advance(now);
        self.state.commit(now);
        let mut changed = self.state.take_changed();
        if self.state.is_ready() != was_ready {
            // The first round may have found something in every pool.
            changed = self.state.all_pools();
        }
        let became_ready = self.state.is_ready() && !was_ready;
        if has_advanced || became_ready || !changed.is_empty() {
            self.publish(&changed, now);
        }
        let probes = self.state.take_probe_changes();
        self.change_probes(probes);
        self.write_log_lines();
    }

    fn handle(&mut self, event: Event, now: Moment) {
        match event {
            Event::Observation(observation) => {
                self.rounds.observe(observation.target);
                self.state.observe(&observation, now);
                self.is_stale = true;
            }
            Event::Report(report) => self.report(report),
            Event::Command(Command::Reload(Ok(config))) => {
                let probes = self.state.reload(config, now);
                self.change_probes(probes);
                self.replace_all(now);
            }
            Event::Command(Command::Reload(Err(faults))) => {
                self.state.refuse(faults, now);
                self.publish_status();
            }
            Event::Command(Command::Operate(request, reply)) => self.operate(request, reply, now),
            Event::OverrideFile(result) => {
                self.finish_override(result, now);
                while let Some((request, reply)) = self.override_writer.next_waiting() {
                    self.operate(request, reply, now);
                }
            }
            Event::RoundOver => self.state.end_first_round(),
            Event::Due | Event::Idle => {}
            Event::Tick => {
                self.publisher.release();
                self.override_writer.check(now);
                self.follow_wall_clock(now);
                if self.is_stale && self.status_cache.begin_round() {
                    self.is_stale = false;
                }
            }
        }
    }

    /// Passes a report on to the schedule, without waiting.
    fn report(&self, ReportRequest { report, reply }: ReportRequest) {
        let found = report.find(&self.state.config, &self.state.pools);
        let result = found.map_err(ReportRefusal::Faults).and_then(|found| {
            let ReportTargets { targets, pools } = found;
            let results = targets.into_iter().map(|target| (target, report.verdict()));
            match self.schedule.report_all(results.collect()) {
                true => Ok(pools),
                false => Err(ReportRefusal::Busy),
            }
        });
        // The client may be gone.
        let _ = reply.send(result);
    }

    /// Passes the changes of what is probed on to the schedule.
    pub fn change_probes(&mut self, probes: ProbeChanges) {
        self.rounds.update(&probes);
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

    pub fn set_overrides(&mut self, overrides: Vec<Override>, now: Moment) {
        self.state.set_overrides(overrides, now);
        let changed = self.state.take_changed();
        self.publish(&changed, now);
    }

    /// Publishes the answers and the status of the pools that changed.
    fn publish(&mut self, changed: &PoolSet, now: Moment) {
        if !changed.is_empty() {
            let (pools, answers) = (&self.state.config.pools, self.state.answers());
            let snapshot = self.publisher.current().with(changed, pools, answers);
            self.publisher.publish(snapshot);
            self.status_cache.refresh(changed, &self.state, now);
            self.is_stale &= changed.len() < self.state.pools.len();
        }
        self.publish_status();
    }

    /// Publishes all pools of another configuration.
    fn replace_all(&mut self, now: Moment) {
        self.state.take_changed();
        let previous = self.publisher.current();
        self.publisher.publish(snapshot(&self.state, Some(&previous)));
        self.status_cache.reset(&self.state, now);
        self.is_stale = false;
        self.publish_status();
    }

    fn publish_status(&mut self) {
        self.status.send_replace(Arc::new(build::with_pools(
            self.status_cache.statuses(),
            &self.state,
            (self.clock)(),
        )));
        self.save();
    }

    /// Asks for the state to be saved if it changed. Before the first round is over nothing is
    /// saved, because the file of the earlier run has more results than this state.
    fn save(&mut self) {
        self.send_changes();
        if self.state.is_ready()
            && let Some(pools) = self.status_cache.take_saved()
        {
            let backlog = self.changes.as_ref().map(ChangeSender::backlog);
            self.saves.send_replace(Some(SaveRequest { pools, backlog }));
        }
    }

    /// Saves the state with the latest observations.
    fn end(&mut self) {
        self.status_cache.refresh_saved(&self.state);
        self.save();
    }

    fn send_changes(&mut self) {
        let changes = self.state.take_changes();
        if let Some(sender) = &mut self.changes {
            changes.into_iter().for_each(|change| sender.send(change));
        }
    }

    pub fn write_log_lines(&mut self) {
        for line in self.state.take_log_lines() {
            match line.warning {
                true => tracing::warn!("{}", line.text),
                false => tracing::info!("{}", line.text),
            }
        }
        self.send_changes();
    }
}

/// The whole snapshot, which shares with `previous` what did not change.
pub(super) fn snapshot(state: &ControlState, previous: Option<&Snapshot>) -> Snapshot {
    let config = &state.config;
    Snapshot::build(&config.statics, &config.pools, state.answers(), previous)
}
