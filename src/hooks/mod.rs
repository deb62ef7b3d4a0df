//! Sends changes to hooks, which are receivers outside: each hook gets them in order and at least
//! once. Nothing in the server waits for a receiver.
//!
//! | file | does or decides |
//! |---|---|
//! | [`event`] | decides: the content of an event |
//! | [`queue`] | decides: which events wait, and which are dropped |
//! | [`worker`] | does: delivers the events of one hook, one after another |
//! | [`attempt`] | does: one attempt, and decides what its failure means |
//! | [`webhook`], [`command`] | do: the two ways of delivery |
//! | [`queue_file`] | does: stores undelivered events for the next start |
//! | [`status`] | decides: the status of a hook |

pub mod attempt;
pub mod command;
pub mod delivery_error;
pub mod event;
pub mod queue;
pub mod queue_file;
pub mod status;
pub mod webhook;
pub mod worker;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Wall, wall};
use crate::cluster::hook::Hook;
use crate::control::change_feed::{Change, ChangeReceiver};
use crate::control::troubles::{TroubleSubject, Troubles};
use crate::hooks::event::{HookEvent, next_id};
use crate::hooks::queue_file::{QueueSource, QueueWriter, SavedQueues};
use crate::hooks::status::HookStatus;
use crate::hooks::worker::{HookWorker, WorkerState};
use crate::state_dir::disk;

/// How long a stop waits for deliveries.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// How long a stop then waits for cancelled deliveries.
const CANCEL_LIMIT: Duration = Duration::from_millis(100);
/// How long a stop then waits for the disk.
const SAVE_LIMIT: Duration = Duration::from_secs(1);

/// The handle to the running hooks.
#[derive(Debug, Clone, Default)]
pub struct HooksHandle {
    running: Arc<Mutex<Vec<RunningHook>>>,
    /// The greatest id of any event so far.
    last_id: Arc<AtomicU64>,
    /// How many changes are in the queues of the hooks that want them.
    passed_on: Arc<AtomicU64>,
    /// The NSID of this name server.
    server: Option<Arc<str>>,
    /// Notified when a queue has changed.
    changed: Arc<Notify>,
    deliveries: TaskTracker,
    queue_writer: TaskTracker,
    /// Cancelled when the queues change no more.
    ended: CancellationToken,
}

#[derive(Debug)]
struct RunningHook {
    worker: Arc<HookWorker>,
    stop: CancellationToken,
}

/// Starts the hooks. Events that an earlier run stored in `folder` come first; `server` is the
/// NSID. The tasks end when the writer has ended and all events are delivered. Call within a tokio
/// runtime. Blocks, for a bounded time.
pub fn start(
    hooks: &[Hook],
    changes: ChangeReceiver,
    folder: &Path,
    server: Option<&str>,
    troubles: Troubles,
) -> HooksHandle {
    let handle = HooksHandle { server: server.map(Arc::from), ..HooksHandle::default() };
    let from = folder.to_owned();
    let saved = disk::run_at_start(move || queue_file::read(&from, wall(Wall::Kept)));
    let saved = saved.unwrap_or_else(|| Err(TroubleSubject::Hooks.no_answer()));
    if let Err(error) = &saved {
        let until = "until it can, what waits for hooks is not kept";
        troubles.begin(TroubleSubject::Hooks, format!("{error}; {until}"));
    }
    let on_disk = saved.ok();
    handle.configure(hooks, on_disk.clone().unwrap_or_default());
    let (folder, source) = (folder.to_owned(), handle.clone());
    let (queue_changed, ended) = (handle.changed.clone(), handle.ended.clone());
    let persisted = changes.persisted_sender();
    handle.queue_writer.spawn(
        QueueWriter { folder, source, changed: queue_changed, ended, persisted, on_disk, troubles }
            .run(),
    );
    handle.deliveries.spawn(pass_on(handle.clone(), changes));
    handle
}

/// Passes each change on to the queues of the hooks that want it.
async fn pass_on(handle: HooksHandle, mut changes: ChangeReceiver) {
    while let Some((change, lost)) = changes.next().await {
        let at = change.at;
        if lost > 0 {
            tracing::warn!("{lost} changes of standing came too fast for the hooks");
            let dropped = HookEvent::dropped(handle.next_id(at), at, lost, handle.server.clone());
            handle.each(|running| running.worker.push(&dropped));
        }
        handle.push(&change);
        handle.passed_on.store(changes.received(), Ordering::Release);
        handle.changed.notify_one();
    }
    handle.each(|running| running.worker.close());
}

impl HooksHandle {
    /// Applies another configuration. A hook that did not change continues; a hook that changed
    /// keeps its queue.
    pub fn reload(&self, hooks: &[Hook]) {
        self.configure(hooks, SavedQueues::default());
    }

    /// `saved` has the events of hooks that are not running yet.
    fn configure(&self, hooks: &[Hook], saved: SavedQueues) {
        self.last_id.fetch_max(saved.last_id, Ordering::Relaxed);
        let mut saved = saved.hooks;
        let mut running = self.running();
        let mut old = std::mem::take(&mut *running);
        for hook in hooks {
            let place = old.iter().position(|old| old.worker.name() == hook.name);
            let before = place.map(|place| old.swap_remove(place));
            running.push(match before {
                Some(same) if same.worker.hook == *hook => same,
                Some(other) => {
                    other.stop.cancel();
                    self.run(hook, other.worker.take_state())
                }
                None => {
                    let place = saved.iter().position(|(name, _)| *name == hook.name);
                    let events = place.map(|place| saved.swap_remove(place).1);
                    self.run(hook, WorkerState::of(events.unwrap_or_default()))
                }
            });
        }
        for gone in old {
            gone.stop.cancel();
            saved.push((gone.worker.name().to_owned(), gone.worker.events()));
        }
        saved.iter().for_each(|(name, events)| warn_of_removed(name, events.len()));
        self.changed.notify_one();
    }

    fn run(&self, hook: &Hook, state: WorkerState) -> RunningHook {
        let worker = Arc::new(HookWorker::new(hook.clone(), state, self.changed.clone()));
        let stop = CancellationToken::new();
        let (its, stopped) = (Arc::clone(&worker), stop.clone());
        self.deliveries.spawn(async move { stopped.run_until_cancelled(its.deliver()).await });
        RunningHook { worker, stop }
    }

    fn next_id(&self, at: Timestamp) -> u64 {
        let next = |last| Some(next_id(last, at));
        // It never fails, because there is always a next id.
        let last = self.last_id.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        next_id(last.unwrap_or_else(|last| last), at)
    }

    /// Adds a change to the queues of the hooks that want it.
    fn push(&self, change: &Change) {
        let running = self.running();
        let wants = |running: &&RunningHook| running.worker.hook.wants(change.scope, &change.pool);
        let mut those = running.iter().filter(wants).peekable();
        // If no hook wants the change, no id is used up.
        if those.peek().is_some() {
            let event = HookEvent::of(self.next_id(change.at), change, self.server.clone());
            those.for_each(|running| running.worker.push(&event));
        }
    }

    fn each(&self, action: impl Fn(&RunningHook)) {
        self.running().iter().for_each(action);
    }

    fn running(&self) -> MutexGuard<'_, Vec<RunningHook>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn status(&self) -> Vec<HookStatus> {
        self.running().iter().map(|running| running.worker.status()).collect()
    }

    /// Waits a bounded time for deliveries, and stores the rest. Call after the writer has ended.
    pub async fn stop(self) {
        self.deliveries.close();
        if timeout(STOP_LIMIT, self.deliveries.wait()).await.is_err() {
            let waiting: usize =
                self.running().iter().map(|running| running.worker.waiting()).sum();
            tracing::warn!("{waiting} events for hooks are not delivered; the next start does it");
            self.each(|running| running.stop.cancel());
            // The deliveries end at their next await.
            let _ = timeout(CANCEL_LIMIT, self.deliveries.wait()).await;
        }
        self.ended.cancel();
        self.queue_writer.close();
        if timeout(SAVE_LIMIT, self.queue_writer.wait()).await.is_err() {
            tracing::warn!("the disk is slow: what waits for hooks may not be kept");
        }
    }
}

impl QueueSource for HooksHandle {
    fn passed_on(&self) -> u64 {
        self.passed_on.load(Ordering::Acquire)
    }

    fn waiting(&self) -> SavedQueues {
        let running = self.running();
        let waits =
            |running: &RunningHook| (running.worker.name().to_owned(), running.worker.events());
        let hooks = running.iter().map(waits).filter(|(_, events)| !events.is_empty());
        SavedQueues { last_id: self.last_id.load(Ordering::Relaxed), hooks: hooks.collect() }
    }

    fn put_first(&self, saved: SavedQueues) {
        self.last_id.fetch_max(saved.last_id, Ordering::Relaxed);
        let running = self.running();
        for (name, events) in saved.hooks {
            match running.iter().find(|running| running.worker.name() == name) {
                Some(running) => running.worker.put_first(events),
                None => warn_of_removed(&name, events.len()),
            }
        }
    }
}

fn warn_of_removed(name: &str, events: usize) {
    if events > 0 {
        tracing::warn!("there is no hook {name} any more: {events} events for it are dropped");
    }
}
