//! Which target is probed when: one task for each, one probe in flight for each.
//!
//! A new target is probed at once, so that a start is quick: of many, [`probe_timer::burst_size`]
//! begin in every [`probe_timer::STEP`], so that all have begun within half a second and neither
//! the network nor the answers feel a shock. The second probe comes after half an interval to one
//! and a half, at random: that spreads the targets over the interval, and they stay spread. From
//! then on each target has a beat of `every`, and each probe comes up to a tenth of it after the
//! beat, so that two starts are `every` ± 10 % apart, and in the mean exactly `every`.
//!
//! A target that fails behind a success is asked once more after a quarter of `every`, ahead of its
//! beat ([`ProbeTimer::retry_after_failure`]): a dead one is out one interval sooner. Not when
//! [`AGAIN`] others are being asked once more: a disturbance of everything must not double the
//! probes.
//!
//! A probe that says nothing, as this machine was held up, is repeated in the same way
//! ([`ProbeTimer::retry_after_void`]).
//!
//! Whoever doubts what was observed can have a target asked at once ([`Schedule::hurry`]); its beat
//! stays. Many are spread as first probes are, and of several wishes for a target one is fulfilled.
//!
//! A probe that is late, because too many are in flight or nobody takes the observations, leaves
//! out the beats that it missed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::health::heart::Heart;
use crate::health::probe::{Ask, Verdict, judge_beside};
use crate::health::probe_timer::{self, ProbeTimer};
use crate::health::reports;
use crate::health::yield_to_answers::yield_to_answers;
use crate::health::{Observation, TargetId};

/// Probes in flight, over all targets.
pub const CONCURRENT: usize = 512;
/// Observations that wait for the one who takes them.
pub const QUEUE: usize = 1024;

/// Targets that are asked once more at a time.
pub const AGAIN: usize = 32;

/// A target with what it takes to probe it.
#[derive(Debug)]
pub struct Job<A> {
    pub target: TargetId,
    pub every: Duration,
    /// Shorter than `every`.
    pub timeout: Duration,
    pub ask: A,
}

/// The running targets. Dropping it stops them all.
#[derive(Debug)]
pub struct Schedule {
    tasks: HashMap<TargetId, AbortOnDropHandle<()>>,
    /// To the tasks of those who report by themselves.
    reports: HashMap<TargetId, mpsc::Sender<Verdict>>,
    observations: mpsc::Sender<Observation>,
    /// How long each waits that is to be asked at once.
    hurries: HashMap<TargetId, watch::Sender<Duration>>,
    slots: Arc<Semaphore>,
    again: Arc<Semaphore>,
    heart: Arc<Heart>,
    /// The task of it, once there is something to probe.
    beating: Option<AbortOnDropHandle<()>>,
}

impl Schedule {
    /// The observations of every target come out of the receiver.
    pub fn new() -> (Schedule, mpsc::Receiver<Observation>) {
        Schedule::with(CONCURRENT)
    }

    /// The same with so many probes in flight.
    pub fn with(concurrent: usize) -> (Schedule, mpsc::Receiver<Observation>) {
        let (observations, receiver) = mpsc::channel(QUEUE);
        let slots = Arc::new(Semaphore::new(concurrent));
        let again = Arc::new(Semaphore::new(AGAIN));
        let (tasks, reports, hurries, heart, beating) = Default::default();
        let schedule =
            Schedule { tasks, reports, hurries, observations, slots, again, heart, beating };
        (schedule, receiver)
    }

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

    /// Waits for reports of `target`; without one for `expires` that is observed as a failure.
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

    /// Whether there was room for it. Nobody waits for that.
    pub fn report(&self, target: TargetId, verdict: Verdict) -> bool {
        self.report_all(vec![(target, verdict)])
    }

    /// Whether there was room for all of them; if not, none is taken.
    pub fn report_all(&self, reports: Vec<(TargetId, Verdict)>) -> bool {
        let room = reports.iter().map(|(target, _)| self.reports.get(target)?.try_reserve().ok());
        let Some(room) = room.collect::<Option<Vec<_>>>() else { return false };
        for (permit, (_, verdict)) in room.into_iter().zip(reports) {
            permit.send(verdict);
        }
        true
    }

    /// Asks them now, or as soon as a probe that is in flight is over.
    pub fn hurry(&self, targets: &[TargetId]) {
        for (index, target) in targets.iter().enumerate() {
            if let Some(hurry) = self.hurries.get(target) {
                hurry.send_replace(probe_timer::first_delay(index, targets.len()));
            }
        }
    }

    /// A probe in flight ends without a verdict; one that waits in the queue may still come out.
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

/// What every task has.
struct Shared {
    slots: Arc<Semaphore>,
    again: Arc<Semaphore>,
    heart: Arc<Heart>,
    observations: mpsc::Sender<Observation>,
}

/// What a probe said, as far as the next one depends upon it.
enum Said {
    Well,
    Failed,
    Nothing,
}

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
        let Some(said) = probe(&job, &shared).await else { return };
        // Held from here until that probe has its verdict.
        drop(ahead.take());
        let now = start.elapsed();
        let soon = match said {
            Said::Nothing => timer.retry_after_void(now, fastrand::f64()),
            Said::Well | Said::Failed => {
                timer.retry_after_failure(now, matches!(said, Said::Failed))
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

/// `None` when nobody takes observations any more.
async fn probe<A: Ask>(job: &Job<A>, shared: &Shared) -> Option<Said> {
    let verdict = {
        // Before the slot: who waits for a turn keeps nobody else from probing.
        let _turn = job.ask.turn().await;
        let _slot = shared.slots.acquire().await.ok()?;
        judge_beside(&job.ask, job.timeout, &shared.heart).await
    };
    let said = match &verdict {
        Err(failure) if failure.is_void() => Said::Nothing,
        Err(failure) if !failure.is_ours() => Said::Failed,
        _ => Said::Well,
    };
    shared.observations.send(Observation { target: job.target, verdict }).await.ok()?;
    Some(said)
}
