//! Which target is probed when: one task for each, one probe in flight for each.
//!
//! A new target is probed at once, so that a start is quick: of many, [`beat::burst`] begin in
//! every [`beat::STEP`], so that all have begun within half a second and neither the network nor
//! the answers feel a shock. The second probe comes after half an interval to one and a half, at
//! random: that spreads the targets over the interval, and they stay spread. From then on each
//! target has a beat of `every`, and each probe comes up to a tenth of it after the beat, so that
//! two starts are `every` ± 10 % apart, and in the mean exactly `every`.
//!
//! A target that fails behind a success is asked once more after a quarter of `every`, ahead of its
//! beat ([`Beat::again`]): a dead one is out one interval sooner. Not when [`AGAIN`] others are
//! being asked once more: a disturbance of everything must not double the probes.
//!
//! A probe that is late, because too many are in flight or nobody takes the observations, leaves
//! out the beats that it missed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::health::beat::{self, Beat};
use crate::health::probe::{Ask, Verdict, judge};
use crate::health::reports;
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
    slots: Arc<Semaphore>,
    again: Arc<Semaphore>,
}

impl Schedule {
    /// The observations of every target come out of the receiver.
    pub fn new() -> (Schedule, mpsc::Receiver<Observation>) {
        let (observations, receiver) = mpsc::channel(QUEUE);
        let slots = Arc::new(Semaphore::new(CONCURRENT));
        let again = Arc::new(Semaphore::new(AGAIN));
        let (tasks, reports) = Default::default();
        (Schedule { tasks, reports, observations, slots, again }, receiver)
    }

    pub fn start<A: Ask>(&mut self, jobs: impl IntoIterator<Item = Job<A>>) {
        let jobs: Vec<Job<A>> = jobs.into_iter().collect();
        let count = jobs.len();
        for (index, job) in jobs.into_iter().enumerate() {
            let target = job.target;
            let delay = beat::delay(index, count);
            let permits = (self.slots.clone(), self.again.clone());
            let task = watch(job, delay, permits, self.observations.clone());
            self.tasks.insert(target, AbortOnDropHandle::new(tokio::spawn(task)));
        }
    }

    /// Waits for reports of `target`; without one for `expires` that is observed as a failure.
    pub fn listen(&mut self, target: TargetId, expires: Duration) {
        let (sender, receiver) = mpsc::channel(reports::WAITING);
        self.reports.insert(target, sender);
        let task = reports::listen(target, expires, receiver, self.observations.clone());
        self.tasks.insert(target, AbortOnDropHandle::new(tokio::spawn(task)));
    }

    /// Whether there was room for it. Nobody waits for that.
    pub fn report(&self, target: TargetId, verdict: Verdict) -> bool {
        self.reports.get(&target).is_some_and(|reports| reports.try_send(verdict).is_ok())
    }

    /// A probe in flight ends without a verdict; one that waits in the queue may still come out.
    pub fn stop(&mut self, target: TargetId) {
        self.tasks.remove(&target);
        self.reports.remove(&target);
    }

    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

async fn watch<A: Ask>(
    job: Job<A>,
    delay: Duration,
    (slots, again): (Arc<Semaphore>, Arc<Semaphore>),
    observations: mpsc::Sender<Observation>,
) {
    sleep(delay).await;
    let start = Instant::now();
    let mut beat = Beat::new(job.every, Duration::ZERO, fastrand::f64());
    let mut ahead = None;
    loop {
        let verdict = {
            // Before the slot: who waits for a turn keeps nobody else from probing.
            let _turn = job.ask.turn().await;
            let Ok(_slot) = slots.acquire().await else { return };
            judge(&job.ask, job.timeout).await
        };
        let failed = verdict.as_ref().is_err_and(|failure| !failure.is_ours());
        if observations.send(Observation { target: job.target, verdict }).await.is_err() {
            return;
        }
        // Held from here until that probe has its verdict.
        drop(ahead.take());
        let soon = beat.again(start.elapsed(), failed).zip(again.try_acquire().ok());
        let next = match soon {
            Some((soon, permit)) => {
                ahead = Some(permit);
                soon
            }
            None => beat.next(start.elapsed(), fastrand::f64()),
        };
        sleep_until(start + next).await;
    }
}
