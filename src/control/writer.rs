//! The task that owns the state: takes events in, publishes what they change.
//!
//! A burst of observations is joined into one snapshot. The status of a pool follows what is
//! decided in it at once, and what observations alone change in pieces, soon after `TELL`: no
//! decision waits for more than one of them. What time alone changes is done when it is due. When
//! the clock on the wall was set, what is shown and kept follows it within `TELL`.

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
use crate::control::answers::Pools;
use crate::control::board::Board;
use crate::control::event::{Command, Event, Report};
use crate::control::loaded::Loaded;
use crate::control::pulse::{Pulse, Rounds};
use crate::control::push::{Addressees, NotTaken};
use crate::control::recorder::Recorder;
use crate::control::report;
use crate::control::roster::{Errands, Plan};
use crate::control::state::ControlState;
use crate::control::status::Status;
use crate::control::store::{self, Keepable, ToKeep};
use crate::control::troubles::Troubles;
use crate::control::turns::{self, Teller, Turns};
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
const TELL: Duration = Duration::from_secs(1);

/// The wall clock was set when between two ticks it went so much more or less than the time did.
const SET: SignedDuration = SignedDuration::from_secs(2);
/// For the disk to take the state at the end.
const KEEPING: Duration = Duration::from_secs(1);

/// Ready to begin: the first snapshot is there, no probe has been sent.
#[derive(Debug)]
pub struct Control {
    state: ControlState,
    plan: Plan,
    publisher: Publisher,
    folder: PathBuf,
    recorder: Recorder,
    teller: Option<Teller>,
    /// Probes in flight at a time.
    concurrent: usize,
    troubles: Troubles,
}

/// The running task, from the outside.
#[derive(Debug)]
pub struct Handle {
    pub status: watch::Receiver<Arc<Status>>,
    pub commands: mpsc::Sender<Command>,
    pub reports: mpsc::Sender<Report>,
    pub pulse: Pulse,
    pub troubles: Troubles,
    stop: CancellationToken,
    ended: CancellationToken,
    task: JoinHandle<()>,
}

impl Control {
    /// Reads what an earlier run kept in `folder`, and makes the answers to begin with: those of
    /// the members that served then, or of all, as far as the operator's orders let them. Blocks,
    /// for a bounded time.
    pub fn new(loaded: Box<Loaded>, folder: PathBuf) -> (Control, Reader) {
        let now = clock::now();
        let troubles = Troubles::default();
        let kept = store::recall_within(&folder, now);
        let (mut state, plan) = ControlState::new(loaded, &kept, now);
        let (recorder, overrides) = Recorder::new(folder.clone(), troubles.clone(), now);
        state.put_overrides(overrides, now);
        state.warn_of_strangers();
        state.take_changed();
        let (publisher, reader) = channel(snapshot(&state, None));
        let (teller, concurrent) = (None, CONCURRENT);
        let control =
            Control { state, plan, publisher, folder, recorder, teller, concurrent, troubles };
        (control, reader)
    }

    /// What is wrong with the files of the state folder, and with others of this server.
    pub fn troubles(&self) -> Troubles {
        self.troubles.clone()
    }

    /// Every change of standing from now on.
    pub fn turns(&mut self) -> Turns {
        let (teller, turns) = turns::channel();
        self.teller = Some(teller);
        turns
    }

    /// For a system that has few descriptors.
    pub fn bound_probes(&mut self, concurrent: usize) {
        self.concurrent = concurrent;
    }

    /// Starts the first round of probes and everything after it. Within a tokio runtime.
    pub fn start(self) -> Handle {
        self.start_by(Arc::new(clock::now))
    }

    /// The same by another clock.
    pub fn start_by(self, clock: Clock) -> Handle {
        let Control { state, plan, publisher, folder, recorder, teller, concurrent, troubles } =
            self;
        let (schedule, observations) = Schedule::with(concurrent);
        let (commands, orders) = mpsc::channel(COMMANDS);
        let (reports, reported) = mpsc::channel(REPORTS);
        let now = clock();
        let board = Board::new(&state, now);
        let (status, told) = watch::channel(Arc::new(report::whole(board.told(), &state, now)));
        let (kept, keepable) = watch::channel(None);
        let keep = store::keep(folder, keepable, Arc::clone(&clock), troubles.clone());
        let keeper = tokio::spawn(keep);
        let pulse = Pulse::default();
        let stop = CancellationToken::new();
        let round_end = Instant::now() + state.first_round();
        let mut writer = Writer {
            state,
            clock,
            schedule,
            publisher,
            board,
            status,
            kept,
            recorder,
            teller,
            is_stale: false,
            set: now.set(),
            is_to_rewrite: false,
            is_rewriting: false,
            rounds: Rounds::new(pulse.clone()),
        };
        writer.follow(plan);
        writer.tell_news();
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
        Handle { status: told, commands, reports, pulse, troubles, stop, ended, task }
    }
}

impl Handle {
    /// Waits until the first round of probes is over, or its time is.
    pub async fn ready(&mut self) {
        let _ = self.status.wait_for(|status| status.ready).await;
    }

    /// Waits for the task's end. Before [`Handle::stop`] that is a bug of ours: it has panicked.
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
    board: Board,
    status: watch::Sender<Arc<Status>>,
    kept: watch::Sender<Keepable>,
    recorder: Recorder,
    /// Where changes of standing go.
    teller: Option<Teller>,
    /// Something was observed since the board last had all, or began a round to have it.
    is_stale: bool,
    /// By how much the wall clock was ahead at the last tick.
    set: SignedDuration,
    /// The operator's orders are on the disk by a clock that is another now.
    is_to_rewrite: bool,
    /// They are on their way there.
    is_rewriting: bool,
    rounds: Rounds,
}

impl Writer {
    async fn run(
        &mut self,
        mut observations: mpsc::Receiver<Observation>,
        (mut orders, mut reports): (mpsc::Receiver<Command>, mpsc::Receiver<Report>),
        round_end: Instant,
        stop: CancellationToken,
    ) {
        let mut ticks = interval(TELL);
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
                recorded = self.recorder.done() => Event::Recorded(recorded),
                Some(command) = orders.recv() => Event::Command(command),
                () = round => Event::RoundOver,
                () = due => Event::Due,
                Some(report) = reports.recv() => Event::Report(report),
                _ = ticks.tick() => Event::Tick,
                Some(observation) = observations.recv() => Event::Observation(observation),
                () = yield_now(), if self.board.is_behind() => Event::Idle,
            };
            let now = (self.clock)();
            self.take(event, now);
            // What waits behind it belongs to the same burst.
            for _ in 0..QUEUE {
                let Ok(observation) = observations.try_recv() else { break };
                self.take(Event::Observation(observation), now);
            }
            let passed = self.state.pass(now);
            self.state.settle(now);
            let mut changed = self.state.take_changed();
            if self.state.is_ready() != was_ready {
                // What the first round found is told of everybody.
                changed = self.state.all();
            }
            let became_ready = self.state.is_ready() && !was_ready;
            if passed || became_ready || !changed.is_empty() {
                self.publish(&changed, now);
            }
            self.run_errands();
            self.tell_news();
            if self.board.go_on(&self.state, now) {
                self.tell();
            }
        }
    }

    fn run_errands(&mut self) {
        let Errands { plan, hurry } = self.state.take_errands();
        self.follow(plan);
        self.schedule.hurry(&hurry);
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
                let plan = self.state.reload(loaded, now);
                self.follow(plan);
                self.replace(now);
            }
            Event::Command(Command::Reload(Err(faults))) => {
                self.state.refuse(faults, now);
                self.tell();
            }
            Event::Command(Command::Operate(request, reply)) => self.operate(request, reply, now),
            Event::Recorded(recorded) => {
                self.recorded(recorded, now);
                while let Some((request, reply)) = self.recorder.next_waiting() {
                    self.operate(request, reply, now);
                }
            }
            Event::RoundOver => self.state.end_first_round(),
            Event::Due | Event::Idle => {}
            Event::Tick => {
                self.publisher.release();
                self.recorder.look(now);
                self.follow_wall_clock(now);
                if self.is_stale && self.board.begin_round() {
                    self.is_stale = false;
                }
            }
        }
    }

    /// Brings it to whoever waits for it, without waiting.
    fn report(&self, Report { push, reply }: Report) {
        let found = push.find(&self.state.loaded, &self.state.pools).map_err(NotTaken::Faults);
        let taken = found.and_then(|Addressees { targets, pools }| {
            let reports = targets.into_iter().map(|target| (target, push.verdict()));
            match self.schedule.report_all(reports.collect()) {
                true => Ok(pools),
                false => Err(NotTaken::Busy),
            }
        });
        // Whoever reported may be gone.
        let _ = reply.send(taken);
    }

    /// Starts and stops timers.
    fn follow(&mut self, plan: Plan) {
        self.rounds.follow(&plan);
        for target in plan.stop {
            self.schedule.stop(target);
        }
        for target in &plan.start {
            if let Probe::Push(push) = &target.check.probe {
                self.schedule.listen(target.id, push.expires);
            }
        }
        self.schedule.start(plan.start.into_iter().filter_map(|target| {
            let ask = Prober::new(&target.subject, &target.check.probe)?;
            let ask = Routed { address: target.subject.address, ask };
            let Check { every, timeout, .. } = target.check;
            Some(Job { target: target.id, every, timeout, ask })
        }));
    }

    fn put_overrides(&mut self, overrides: Vec<Override>, now: Moment) {
        self.state.put_overrides(overrides, now);
        let changed = self.state.take_changed();
        self.publish(&changed, now);
    }

    /// What changed in these pools.
    fn publish(&mut self, changed: &Pools, now: Moment) {
        if !changed.is_empty() {
            let (pools, answers) = (&self.state.loaded.pools, self.state.answers());
            let snapshot = self.publisher.current().with(changed, pools, answers);
            self.publisher.publish(snapshot);
            self.board.renew(changed, &self.state, now);
            self.is_stale &= changed.len() < self.state.pools.len();
        }
        self.tell();
    }

    /// All pools, which are others now.
    fn replace(&mut self, now: Moment) {
        self.state.take_changed();
        let previous = self.publisher.current();
        self.publisher.publish(snapshot(&self.state, Some(&previous)));
        self.board.reset(&self.state, now);
        self.is_stale = false;
        self.tell();
    }

    fn tell(&mut self) {
        self.status.send_replace(Arc::new(report::whole(
            self.board.told(),
            &self.state,
            (self.clock)(),
        )));
        self.keep();
    }

    /// Before the first round is over there is nothing newer than what the file says.
    fn keep(&mut self) {
        self.tell_turns();
        if self.state.is_ready()
            && let Some(pools) = self.board.take_kept()
        {
            let told = self.teller.as_ref().map(Teller::told);
            self.kept.send_replace(Some(ToKeep { pools, told }));
        }
    }

    /// What the newest observations made of the members is kept, too.
    fn end(&mut self) {
        self.board.keep(&self.state);
        self.keep();
    }

    fn tell_turns(&mut self) {
        let turns = self.state.take_turns();
        if let Some(teller) = &mut self.teller {
            turns.into_iter().for_each(|turn| teller.tell(turn));
        }
    }

    fn tell_news(&mut self) {
        for news in self.state.take_news() {
            match news.warning {
                true => tracing::warn!("{}", news.text),
                false => tracing::info!("{}", news.text),
            }
        }
        self.tell_turns();
    }
}

fn snapshot(state: &ControlState, previous: Option<&Snapshot>) -> Snapshot {
    let loaded = &state.loaded;
    Snapshot::build(&loaded.statics, &loaded.pools, state.answers(), previous)
}
