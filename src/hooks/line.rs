//! One hook: its queue, and the task that delivers from it one after the other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::cluster::hook::{Action, Hook};
use crate::hooks::command;
use crate::hooks::event::{Event, What};
use crate::hooks::queue::Queue;
use crate::hooks::webhook::Webhook;

/// The pause after a failure doubles so often: with a `retry` of 1 s it grows to 64 s.
const DOUBLINGS: u32 = 6;

#[derive(Debug)]
pub struct Line {
    pub hook: Hook,
    queue: Mutex<Queue>,
    arrived: Notify,
    closed: AtomicBool,
    pub counts: Counts,
    error: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
pub struct Counts {
    /// Events.
    pub delivered: AtomicU64,
    /// Attempts.
    pub failed: AtomicU64,
    /// Events.
    pub dropped: AtomicU64,
}

impl Line {
    pub fn new(hook: Hook, queue: Queue, counts: Counts) -> Line {
        Line {
            hook,
            queue: Mutex::new(queue),
            arrived: Notify::new(),
            closed: AtomicBool::new(false),
            counts,
            error: Mutex::new(None),
        }
    }

    /// Its queue and counts, for the line that takes its place.
    pub fn hand_over(&self) -> (Queue, Counts) {
        let taken = |count: &AtomicU64| AtomicU64::new(count.load(Ordering::Relaxed));
        let Counts { delivered, failed, dropped } = &self.counts;
        let counts =
            Counts { delivered: taken(delivered), failed: taken(failed), dropped: taken(dropped) };
        (std::mem::take(&mut *lock(&self.queue)), counts)
    }

    /// Never waits. What the hook did not ask for is left out.
    pub fn push(&self, event: &Event) {
        if let What::Turn(turn) = &event.what
            && !self.hook.wants(turn.scope, &turn.pool)
        {
            return;
        }
        let dropped = lock(&self.queue).push(event.clone());
        if dropped > 0 && self.counts.dropped.fetch_add(dropped, Ordering::Relaxed) == 0 {
            tracing::warn!(
                "hook {}: its queue is full, the oldest events are dropped",
                self.name()
            );
        }
        self.arrived.notify_one();
    }

    /// Nothing comes any more: [`Line::deliver`] ends when all is delivered.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.arrived.notify_one();
    }

    pub fn waiting(&self) -> usize {
        lock(&self.queue).len()
    }

    /// Why the newest attempt failed; `None` when it did not.
    pub fn error(&self) -> Option<String> {
        lock(&self.error).clone()
    }

    pub fn name(&self) -> &str {
        &self.hook.name
    }

    pub async fn deliver(&self) {
        let way = match &self.hook.action {
            Action::Webhook { url, secret } => Way::Post(Webhook::new(url, secret.as_ref())),
            Action::Command(words) => Way::Run(words),
        };
        while let Some(event) = self.next().await {
            let mut failures = 0;
            while let Err(told) = self.attempt(&way, &event).await {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                if lock(&self.error).replace(told.clone()).is_none() {
                    tracing::warn!("hook {}: {told}; it is tried again", self.name());
                }
                sleep(pause(self.hook.retry, failures)).await;
                failures += 1;
            }
            lock(&self.queue).done();
            self.counts.delivered.fetch_add(1, Ordering::Relaxed);
            if lock(&self.error).take().is_some() {
                tracing::info!("hook {}: delivers again", self.name());
            }
        }
    }

    async fn next(&self) -> Option<Event> {
        loop {
            let closed = self.closed.load(Ordering::Acquire);
            match lock(&self.queue).take() {
                Some(event) => return Some(event),
                None if closed => return None,
                None => {}
            }
            self.arrived.notified().await;
        }
    }

    async fn attempt(&self, way: &Way<'_>, event: &Event) -> Result<(), String> {
        let body = event.body();
        let attempt = async {
            match way {
                Way::Post(Some(webhook)) => webhook.post(event, body).await,
                Way::Post(None) => Err("no TLS client can be made".into()),
                Way::Run(words) => command::run(words, &body).await,
            }
        };
        let limit = self.hook.timeout;
        timeout(limit, attempt).await.unwrap_or_else(|_| Err(format!("not done within {limit:?}")))
    }
}

enum Way<'a> {
    Post(Option<Webhook>),
    Run(&'a [String]),
}

fn pause(retry: Duration, failures: u32) -> Duration {
    retry * 2u32.pow(failures.min(DOUBLINGS))
}

/// Nothing panics while it is held, and no await lies in between.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_a_bound() {
        let second = Duration::from_secs(1);
        let pauses: Vec<u64> = (0..9).map(|n| pause(second, n).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
    }
}
