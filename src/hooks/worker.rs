//! One hook: its queue, and the task that delivers from it one after the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::clock;
use crate::cluster::hook::Hook;
use crate::hooks::attempt::{Deliverer, DeliveryError, MAX_REFUSALS};
use crate::hooks::event::HookEvent;
use crate::hooks::queue::Queue;
use crate::hooks::status::{EventCounts, FailureRecord, FailureStreak, HookStatus};

/// The pause after a failure doubles so often: with a `retry` of 1 s it grows to 64 s.
const DOUBLINGS: u32 = 6;

#[derive(Debug)]
pub struct HookWorker {
    pub hook: Hook,
    inner: Mutex<WorkerState>,
    arrived: Notify,
    closed: AtomicBool,
    /// Told when the queue is another one than before.
    changed: Arc<Notify>,
}

/// What a line that takes its place goes on with.
#[derive(Debug, Default)]
pub struct WorkerState {
    pub queue: Queue,
    counts: EventCounts,
    trouble: FailureStreak,
    /// Events were dropped, and none was delivered since.
    overflows: bool,
}

impl WorkerState {
    /// With what an earlier run did not deliver.
    pub fn of(events: Vec<HookEvent>) -> WorkerState {
        WorkerState { queue: Queue::recalled(events), ..WorkerState::default() }
    }

    /// Whether it begins with these that were dropped.
    fn begins_to_overflow(&mut self, dropped: u64) -> bool {
        dropped > 0 && !std::mem::replace(&mut self.overflows, true)
    }
}

impl HookWorker {
    pub fn new(hook: Hook, inner: WorkerState, changed: Arc<Notify>) -> HookWorker {
        HookWorker {
            hook,
            inner: Mutex::new(inner),
            arrived: Notify::new(),
            closed: AtomicBool::new(false),
            changed,
        }
    }

    /// Its queue and counts, for the line that takes its place.
    pub fn hand_over(&self) -> WorkerState {
        std::mem::take(&mut *self.inner())
    }

    /// Never waits.
    pub fn push(&self, event: &HookEvent) {
        self.add(|queue| queue.push(event.clone()));
    }

    /// Older than what waits.
    pub fn put_first(&self, events: Vec<HookEvent>) {
        self.add(|queue| queue.put_first(events));
    }

    fn add(&self, add: impl FnOnce(&mut Queue) -> u64) {
        let mut inner = self.inner();
        let dropped = add(&mut inner.queue);
        inner.counts.dropped += dropped;
        let begins = inner.begins_to_overflow(dropped);
        drop(inner);
        if begins {
            let name = self.name();
            tracing::warn!("hook {name}: its queue is full, the oldest events are dropped");
        }
        self.arrived.notify_one();
        self.changed.notify_one();
    }

    /// Nothing comes any more: [`HookWorker::deliver`] ends when all is delivered.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.arrived.notify_one();
    }

    pub fn waiting(&self) -> usize {
        self.inner().queue.len()
    }

    /// What is not delivered yet, oldest first.
    pub fn events(&self) -> Vec<HookEvent> {
        self.inner().queue.events().cloned().collect()
    }

    pub fn status(&self) -> HookStatus {
        let inner = self.inner();
        HookStatus::of(&self.hook, inner.queue.len(), inner.counts, &inner.trouble, clock::now())
    }

    pub fn name(&self) -> &str {
        &self.hook.name
    }

    pub async fn deliver(&self) {
        let way = Deliverer::of(&self.hook.action);
        while let Some(event) = self.next().await {
            let (mut failures, mut refusals) = (0, 0);
            let end = loop {
                let Err(failed) = way.tell(&self.hook, &event).await else {
                    break DeliveryEnd::Taken;
                };
                refusals += u32::from(failed.refused);
                if refusals >= MAX_REFUSALS {
                    self.failed(&failed, None);
                    break DeliveryEnd::GivenUp(failed);
                }
                let pause = pause(self.hook.retry, failures);
                self.failed(&failed, Some(pause));
                sleep(pause).await;
                failures += 1;
            };
            self.done(&event, end);
        }
    }

    async fn next(&self) -> Option<HookEvent> {
        loop {
            let closed = self.closed.load(Ordering::Acquire);
            match self.inner().queue.take() {
                Some(event) => return Some(event),
                None if closed => return None,
                None => {}
            }
            self.arrived.notified().await;
        }
    }

    /// One line when it begins to fail; the page has the newest.
    fn failed(&self, failed: &DeliveryError, pause: Option<Duration>) {
        let now = clock::now();
        let mut inner = self.inner();
        inner.counts.failed += 1;
        if inner.trouble.in_a_row == 0 {
            tracing::warn!("hook {}: {}; it is tried again", self.name(), failed.told);
        }
        inner.trouble.in_a_row += 1;
        inner.trouble.newest = Some(FailureRecord { at: now, error: failed.told.clone() });
        inner.trouble.next = pause.and_then(|pause| now.checked_add(pause));
    }

    fn done(&self, event: &HookEvent, end: DeliveryEnd) {
        let mut inner = self.inner();
        inner.queue.done();
        match end {
            DeliveryEnd::Taken => {
                inner.counts.delivered += 1;
                inner.overflows = false;
                if std::mem::take(&mut inner.trouble.in_a_row) > 0 {
                    tracing::info!("hook {}: delivers again", self.name());
                }
            }
            DeliveryEnd::GivenUp(DeliveryError { told, .. }) => {
                inner.counts.refused += 1;
                tracing::warn!(
                    "hook {}: an event is given up after {MAX_REFUSALS} refusals ({told}): {}",
                    self.name(),
                    event.body()
                );
            }
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// Nothing panics while it is held, and no await lies in between.
    fn inner(&self) -> MutexGuard<'_, WorkerState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum DeliveryEnd {
    Taken,
    GivenUp(DeliveryError),
}

fn pause(retry: Duration, failures: u32) -> Duration {
    retry * 2u32.pow(failures.min(DOUBLINGS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_a_bound() {
        let second = Duration::from_secs(1);
        let pauses: Vec<u64> = (0..9).map(|n| pause(second, n).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
        let minutes: u64 = (0..MAX_REFUSALS - 1).map(|n| pause(second, n).as_secs()).sum();
        assert_eq!(minutes, 255, "as the documentation says");
    }

    #[test]
    fn each_time_that_a_queue_overflows_is_told_once() {
        let mut inner = WorkerState::default();
        assert_eq!(
            [0, 2, 1, 0, 1].map(|n| inner.begins_to_overflow(n)),
            [false, true, false, false, false]
        );
        inner.overflows = false;
        assert!(inner.begins_to_overflow(1));
    }
}
