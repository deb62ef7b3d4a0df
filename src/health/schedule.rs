//! Runs the probes: one task for each target, with at most one probe of the target in flight.
//!
//! A new target is probed at once, so that a start is quick. If there are many,
//! [`probe_timer::burst_size`] of them begin in every [`probe_timer::STEP`]: all have begun within
//! half a second, and neither the network nor the answers feel a shock. The second probe follows
//! after half an interval to one and a half intervals, at random: that spreads the targets over the
//! interval. From then on each target has a beat of `every`, and each probe begins up to a tenth of
//! `every` after the beat. So two starts are `every` ± 10 % apart, and on average exactly `every`.
//!
//! A target that fails after a success is probed again after a quarter of `every`, before its next
//! beat ([`ProbeTimer::retry_after_failure`]), so a dead target is out one interval sooner. This is
//! left out while [`AGAIN`] other targets wait for such a probe: if everything fails at once, the
//! number of probes must not double.
//!
//! A void probe, which has no result because this machine was held up, is repeated in the same way
//! ([`ProbeTimer::retry_after_void`]).
//!
//! [`Schedule::hurry`] asks for extra probes of some targets now; their beats stay. Extra probes of
//! many targets are spread like first probes. If a target is named several times while a probe of
//! it is in flight, one extra probe follows.
//!
//! If a probe is late, because too many are in flight or the receiver does not take the
//! observations, the beats that were missed are left out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::health::heart::Heart;
use crate::health::probe::answer::Verdict;
use crate::health::probe::ask::{Ask, judge_beside};
use crate::health::probe_timer::{self, ProbeTimer};
use crate::health::reports;
use crate::health::yield_to_answers::yield_to_answers;
use crate::health::{Observation, TargetId};

/// Most probes in flight, over all targets.
pub const CONCURRENT: usize = 512;
/// Most observations that wait for the receiver.
pub const QUEUE: usize = 1024;

/// Most targets that wait at the same time for a probe before their beat.
pub const AGAIN: usize = 32;

/// A target with all that is needed to probe it.
#[derive(Debug)]
pub struct Job<A> {
    pub target: TargetId,
    /// The interval of the probes.
    pub every: Duration,
    /// Shorter than `every`.
    pub timeout: Duration,
    pub ask: A,
}

/// The tasks of all targets. Dropping the schedule stops them.
#[derive(Debug)]
pub struct Schedule {
    tasks: HashMap<TargetId, AbortOnDropHandle<()>>,
    /// Where to send the reports of each target that is not probed.
    reports: HashMap<TargetId, mpsc::Sender<Verdict>>,
    observations: mpsc::Sender<Observation>,
    /// Where to ask for an extra probe of each target; the value is the delay before the probe.
    hurries: HashMap<TargetId, watch::Sender<Duration>>,
    /// A permit for each probe that may be in flight.
    slots: Arc<Semaphore>,
    /// A permit for each target that may wait for a probe before its beat.
    again: Arc<Semaphore>,
    heart: Arc<Heart>,
    /// The task of `heart`; `None` before the first target.
    beating: Option<AbortOnDropHandle<()>>,
}

impl Schedule {
    /// A schedule without targets, and the receiver of all observations.
    pub fn new() -> (Schedule, mpsc::Receiver<Observation>) {
        Schedule::with(CONCURRENT)
    }

    /// As [`Schedule::new`], with at most `concurrent` probes in flight.
    pub fn with(concurrent: usize) -> (Schedule, mpsc::Receiver<Observation>) {
        let (observations, receiver) = mpsc::channel(QUEUE);
        let slots = Arc::new(Semaphore::new(concurrent));
        let again = Arc::new(Semaphore::new(AGAIN));
        let (tasks, reports, hurries, heart, beating) = Default::default();
        let schedule =
            Schedule { tasks, reports, hurries, observations, slots, again, heart, beating };
        (schedule, receiver)
    }

    /// Starts to probe the targets of `jobs`.
    pub fn start<A: Ask>(&mut self, jobs: impl IntoIterator<Item = Job<A>>) {
        let jobs: Vec<Job<A>> = jobs.into_iter().collect();
        let count = jobs.len();
        for (index, job) in jobs.into_iter().enumerate() {
            let target = job.target;
            let delay = probe_timer::first_delay(index, count);
            let shared = Shared {
                slots: self.slots.clone(),
                again: self.again.clone(),
                heart: self.heart.clone(),
                observations: self.observations.clone(),
            };
            let (hurry, hurried) = watch::channel(Duration::ZERO);
            self.hurries.insert(target, hurry);
            let task = watch(job, delay, shared, hurried);
            self.keep(target, task);
        }
    }

    /// Starts to wait for reports of `target`. A time of `expires` without a report is observed as
    /// a failure.
    pub fn listen(&mut self, target: TargetId, expires: Duration) {
        let (sender, receiver) = mpsc::channel(reports::WAITING);
        self.reports.insert(target, sender);
        let (observations, heart) = (self.observations.clone(), self.heart.clone());
        let task = reports::listen(target, expires, receiver, observations, heart);
        self.keep(target, task);
    }

    fn keep(&mut self, target: TargetId, task: impl Future<Output = ()> + Send + 'static) {
        let heart = &self.heart;
        self.beating
            .get_or_insert_with(|| AbortOnDropHandle::new(tokio::spawn(Arc::clone(heart).run())));
        let running = tokio::spawn(yield_to_answers(task));
        self.tasks.insert(target, AbortOnDropHandle::new(running));
    }

    /// Queues a report without waiting. Returns whether the queue of the target had a free place.
    pub fn report(&self, target: TargetId, verdict: Verdict) -> bool {
        self.report_all(vec![(target, verdict)])
    }

    /// Queues the reports without waiting if each has a free place, and none otherwise. Returns
    /// whether they were queued.
    pub fn report_all(&self, reports: Vec<(TargetId, Verdict)>) -> bool {
        let room = reports.iter().map(|(target, _)| self.reports.get(target)?.try_reserve().ok());
        let Some(room) = room.collect::<Option<Vec<_>>>() else { return false };
        for (permit, (_, verdict)) in room.into_iter().zip(reports) {
            permit.send(verdict);
        }
        true
    }

    /// Probes `targets` now; a target with a probe in flight when that probe is over.
    pub fn hurry(&self, targets: &[TargetId]) {
        for (index, target) in targets.iter().enumerate() {
            if let Some(hurry) = self.hurries.get(target) {
                hurry.send_replace(probe_timer::first_delay(index, targets.len()));
            }
        }
    }

    /// Stops the task of a target. A probe in flight ends without a verdict; observations that
    /// already wait in the queue are still received.
    pub fn stop(&mut self, target: TargetId) {
        self.tasks.remove(&target);
        self.reports.remove(&target);
        self.hurries.remove(&target);
    }

    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

/// The parts of the schedule that every task needs.
struct Shared {
    slots: Arc<Semaphore>,
    again: Arc<Semaphore>,
    heart: Arc<Heart>,
    observations: mpsc::Sender<Observation>,
}

/// The result of a probe, as far as the time of the next probe depends on it.
enum ProbeOutcome {
    /// The target is healthy, or this machine failed.
    NotFailed,
    /// The target failed.
    Failed,
    /// The probe is void.
    Void,
}

/// Probes one target, for the first time after `delay`, until the receiver of the observations or
/// the schedule is gone.
async fn watch<A: Ask>(
    job: Job<A>,
    delay: Duration,
    shared: Shared,
    mut hurried: watch::Receiver<Duration>,
) {
    sleep(delay).await;
    let start = Instant::now();
    let mut timer = ProbeTimer::new(job.every, Duration::ZERO, fastrand::f64());
    let mut ahead = None;
    loop {
        let Some(outcome) = probe(&job, &shared).await else { return };
        // The permit of a probe before its beat is held until that probe has its verdict.
        drop(ahead.take());
        let now = start.elapsed();
        let soon = match outcome {
            ProbeOutcome::Void => timer.retry_after_void(now, fastrand::f64()),
            ProbeOutcome::NotFailed | ProbeOutcome::Failed => {
                timer.retry_after_failure(now, matches!(outcome, ProbeOutcome::Failed))
            }
        };
        let soon = soon.zip(shared.again.try_acquire().ok());
        let next = match soon {
            Some((soon, permit)) => {
                ahead = Some(permit);
                soon
            }
            None => timer.next(now, fastrand::f64()),
        };
        loop {
            tokio::select! {
                () = sleep_until(start + next) => break,
                asked = hurried.changed() => {
                    let Ok(()) = asked else { return };
                    let delay = *hurried.borrow_and_update();
                    sleep(delay).await;
                    if probe(&job, &shared).await.is_none() {
                        return;
                    }
                }
            }
        }
    }
}

/// Probes once and sends the observation. `None` if the receiver of the observations is gone.
async fn probe<A: Ask>(job: &Job<A>, shared: &Shared) -> Option<ProbeOutcome> {
    let verdict = {
        // The turn comes before the slot: a probe that waits for its turn holds no slot.
        let _turn = job.ask.turn().await;
        let _slot = shared.slots.acquire().await.ok()?;
        judge_beside(&job.ask, job.timeout, &shared.heart).await
    };
    let outcome = match &verdict {
        Err(failure) if failure.is_void() => ProbeOutcome::Void,
        Err(failure) if !failure.is_ours() => ProbeOutcome::Failed,
        _ => ProbeOutcome::NotFailed,
    };
    shared.observations.send(Observation { target: job.target, verdict }).await.ok()?;
    Some(outcome)
}
