//! The worker of one hook: its queue, and the task that delivers one event after another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::clock;
use crate::cluster::hook::Hook;
use crate::hooks::attempt::{Deliverer, MAX_REFUSALS};
use crate::hooks::delivery_error::DeliveryError;
use crate::hooks::event::HookEvent;
use crate::hooks::queue::EventQueue;
use crate::hooks::status::{EventCounts, FailureRecord, FailureStreak, HookStatus};

/// How many times the pause after a failure doubles: with a `retry` of 1 s it grows to 64 s.
const DOUBLINGS: u32 = 6;

/// The worker of one hook.
#[derive(Debug)]
pub struct HookWorker {
    pub hook: Hook,
    state: Mutex<WorkerState>,
    /// Notified when an event was added, or the worker was closed.
    arrived: Notify,
    /// Whether no more events come.
    closed: AtomicBool,
    /// Notified when the queue has changed.
    changed: Arc<Notify>,
}

/// The state of a worker. If a reload changes the hook, the next worker continues with it.
#[derive(Debug, Default)]
pub struct WorkerState {
    pub queue: EventQueue,
    counts: EventCounts,
    failures: FailureStreak,
    /// Whether events were dropped and none was delivered since.
    overflows: bool,
}

impl WorkerState {
    /// The state with the events that an earlier run did not deliver.
    pub fn of(events: Vec<HookEvent>) -> WorkerState {
        WorkerState { queue: EventQueue::from_events(events), ..WorkerState::default() }
    }

    /// Notes that `dropped` events were dropped. Returns whether the overflow begins with them.
    fn begins_to_overflow(&mut self, dropped: u64) -> bool {
        dropped > 0 && !std::mem::replace(&mut self.overflows, true)
    }
}

impl HookWorker {
    pub fn new(hook: Hook, state: WorkerState, changed: Arc<Notify>) -> HookWorker {
        HookWorker {
            hook,
            state: Mutex::new(state),
            arrived: Notify::new(),
            closed: AtomicBool::new(false),
            changed,
        }
    }

    /// Takes the state away, for the worker that replaces this one.
    pub fn take_state(&self) -> WorkerState {
        std::mem::take(&mut *self.state())
    }

    /// Adds an event. Never waits.
    pub fn push(&self, event: &HookEvent) {
        self.add(|queue| queue.push(event.clone()));
    }

    /// Adds events before the waiting events, because they are older.
    pub fn put_first(&self, events: Vec<HookEvent>) {
        self.add(|queue| queue.put_first(events));
    }

    fn add(&self, add: impl FnOnce(&mut EventQueue) -> u64) {
        let mut state = self.state();
        let dropped = add(&mut state.queue);
        state.counts.dropped += dropped;
        let begins = state.begins_to_overflow(dropped);
        drop(state);
        if begins {
            let name = self.name();
            tracing::warn!("hook {name}: its queue is full, the oldest events are dropped");
        }
        self.arrived.notify_one();
        self.changed.notify_one();
    }

    /// Notes that no more events come: [`HookWorker::deliver`] ends when all are delivered.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.arrived.notify_one();
    }

    /// How many events are not delivered yet.
    pub fn waiting(&self) -> usize {
        self.state().queue.len()
    }

    /// The events that are not delivered yet, the oldest first.
    pub fn events(&self) -> Vec<HookEvent> {
        self.state().queue.events().cloned().collect()
    }

    pub fn status(&self) -> HookStatus {
        let state = self.state();
        HookStatus::of(&self.hook, state.queue.len(), state.counts, &state.failures, clock::now())
    }

    pub fn name(&self) -> &str {
        &self.hook.name
    }

    /// Delivers the events, until the worker is closed and all are delivered or given up.
    pub async fn deliver(&self) {
        let deliverer = Deliverer::of(&self.hook.action);
        while let Some(event) = self.next().await {
            let (mut attempts, mut refusals) = (0, 0);
            let end = loop {
                let Err(failed) = deliverer.deliver(&self.hook, &event).await else {
                    break DeliveryEnd::Delivered;
                };
                refusals += u32::from(failed.is_refusal);
                if refusals >= MAX_REFUSALS {
                    self.note_failure(&failed, None);
                    break DeliveryEnd::GivenUp(failed);
                }
                let pause = pause(self.hook.retry, attempts);
                self.note_failure(&failed, Some(pause));
                sleep(pause).await;
                attempts += 1;
            };
            self.finish(&event, end);
        }
    }

    async fn next(&self) -> Option<HookEvent> {
        loop {
            let closed = self.closed.load(Ordering::Acquire);
            match self.state().queue.take() {
                Some(event) => return Some(event),
                None if closed => return None,
                None => {}
            }
            self.arrived.notified().await;
        }
    }

    /// Notes a failed attempt, and logs the first one in a row.
    fn note_failure(&self, failed: &DeliveryError, pause: Option<Duration>) {
        let now = clock::now();
        let mut state = self.state();
        state.counts.failed += 1;
        if state.failures.in_a_row == 0 {
            tracing::warn!("hook {}: {}; it is tried again", self.name(), failed.reason);
        }
        state.failures.in_a_row += 1;
        state.failures.latest = Some(FailureRecord { at: now, error: failed.reason.clone() });
        state.failures.next = pause.and_then(|pause| now.checked_add(pause));
    }

    fn finish(&self, event: &HookEvent, end: DeliveryEnd) {
        let mut state = self.state();
        state.queue.done();
        match end {
            DeliveryEnd::Delivered => {
                state.counts.delivered += 1;
                state.overflows = false;
                if std::mem::take(&mut state.failures.in_a_row) > 0 {
                    tracing::info!("hook {}: delivers again", self.name());
                }
            }
            DeliveryEnd::GivenUp(DeliveryError { reason, .. }) => {
                state.counts.refused += 1;
                tracing::warn!(
                    "hook {}: an event is given up after {MAX_REFUSALS} refusals ({reason}): {}",
                    self.name(),
                    event.body()
                );
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Locks the state. No code panics or awaits while it holds the lock.
    fn state(&self) -> MutexGuard<'_, WorkerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the delivery of an event ended.
enum DeliveryEnd {
    Delivered,
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
        let mut state = WorkerState::default();
        assert_eq!(
            [0, 2, 1, 0, 1].map(|n| state.begins_to_overflow(n)),
            [false, true, false, false, false]
        );
        state.overflows = false;
        assert!(state.begins_to_overflow(1));
    }
}
