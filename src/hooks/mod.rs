//! Changes of standing, told to others: each hook in order, at least once while the server runs,
//! and nobody waits for it.
//!
//! | file | does or decides |
//! |---|---|
//! | [`event`] | decides: what is told |
//! | [`queue`] | decides: what waits, and what is dropped |
//! | `line` | does: one hook, one delivery after the other |
//! | [`webhook`], [`command`] | do: one attempt |
//!
//! Deliberately missing: a memory. What is not delivered when the server stops is lost.

pub mod command;
pub mod event;
pub mod line;
pub mod queue;
pub mod webhook;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cluster::hook::Hook;
use crate::control::turns::Turns;
use crate::hooks::event::{Event, What, next_id};
use crate::hooks::line::{Counts, Line};
use crate::hooks::queue::Queue;

/// How long a stop waits for what is not delivered yet.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// The running hooks, from the outside.
#[derive(Debug, Clone, Default)]
pub struct Handle {
    running: Arc<Mutex<Vec<Running>>>,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Running {
    line: Arc<Line>,
    stop: CancellationToken,
}

/// What the world is told of a hook.
#[derive(Debug, Clone, Serialize)]
pub struct HookStatus {
    pub name: String,
    /// Events.
    pub waiting: usize,
    pub delivered: u64,
    /// Attempts.
    pub failed: u64,
    /// Events.
    pub dropped: u64,
    /// Of the newest attempt, when it failed.
    pub last_error: Option<String>,
}

/// Within a tokio runtime. Ends when the writer has and all is delivered.
pub fn start(hooks: &[Hook], turns: Turns) -> Handle {
    let handle = Handle::default();
    handle.follow(hooks);
    handle.tasks.spawn(pass_on(handle.clone(), turns));
    handle
}

async fn pass_on(handle: Handle, mut turns: Turns) {
    let mut id = 0;
    while let Some((turn, lost)) = turns.next().await {
        let at = turn.at;
        if lost > 0 {
            tracing::warn!("{lost} changes of standing came too fast for the hooks");
            id = next_id(id, at);
            handle.push(&Event { id, at, what: What::Dropped(lost) });
        }
        id = next_id(id, at);
        handle.push(&Event { id, at, what: What::Turn(Box::new(turn)) });
    }
    handle.each(|running| running.line.close());
}

impl Handle {
    /// Takes another configuration over. A hook that did not change goes on; one that did keeps
    /// what waits for it.
    pub fn follow(&self, hooks: &[Hook]) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut old = std::mem::take(&mut *running);
        for hook in hooks {
            let place = old.iter().position(|old| old.line.name() == hook.name);
            let before = place.map(|place| old.swap_remove(place));
            running.push(match before {
                Some(same) if same.line.hook == *hook => same,
                Some(other) => {
                    other.stop.cancel();
                    let (queue, counts) = other.line.hand_over();
                    self.run(Line::new(hook.clone(), queue, counts))
                }
                None => self.run(Line::new(hook.clone(), Queue::default(), Counts::default())),
            });
        }
        old.iter().for_each(|gone| gone.stop.cancel());
    }

    fn run(&self, line: Line) -> Running {
        let (line, stop) = (Arc::new(line), CancellationToken::new());
        let (its, stopped) = (Arc::clone(&line), stop.clone());
        self.tasks.spawn(async move { stopped.run_until_cancelled(its.deliver()).await });
        Running { line, stop }
    }

    fn push(&self, event: &Event) {
        self.each(|running| running.line.push(event));
    }

    fn each(&self, order: impl Fn(&Running)) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(order);
    }

    pub fn status(&self) -> Vec<HookStatus> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let status = |running: &Running| {
            let (line, counts) = (&running.line, &running.line.counts);
            HookStatus {
                name: line.name().to_owned(),
                waiting: line.waiting(),
                delivered: counts.delivered.load(Ordering::Relaxed),
                failed: counts.failed.load(Ordering::Relaxed),
                dropped: counts.dropped.load(Ordering::Relaxed),
                last_error: line.error(),
            }
        };
        running.iter().map(status).collect()
    }

    /// After the writer has ended: waits a bounded time for what is not delivered yet.
    pub async fn stop(self) {
        self.tasks.close();
        if timeout(STOP_LIMIT, self.tasks.wait()).await.is_err() {
            let waiting: usize = self.status().iter().map(|hook| hook.waiting).sum();
            tracing::warn!("{waiting} events for hooks are not delivered");
            self.each(|running| running.stop.cancel());
        }
    }
}
