//! Changes of standing, told to others: each hook in order, at least once, and nobody waits for it.
//!
//! | file | does or decides |
//! |---|---|
//! | [`event`] | decides: what is told |
//! | [`queue`] | decides: what waits, and what is dropped |
//! | [`mod@line`] | does: one hook, one delivery after the other |
//! | [`attempt`] | does: one attempt, and decides what its failure means |
//! | [`webhook`], [`command`] | do: the two kinds of it |
//! | [`kept`] | does: what a restart delivers |
//! | [`status`] | decides: what is told of a hook |

pub mod attempt;
pub mod command;
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
use crate::control::troubles::{Subject, Troubles};
use crate::hooks::event::{HookEvent, next_id};
use crate::hooks::queue_file::{QueueSource, QueueWriter, SavedQueues};
use crate::hooks::status::HookStatus;
use crate::hooks::worker::{HookWorker, WorkerState};
use crate::state_dir::disk;

/// How long a stop waits for what is not delivered yet.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// Then for deliveries that are broken off.
const BREAK_OFF: Duration = Duration::from_millis(100);
/// Then for the disk.
const KEEPING: Duration = Duration::from_secs(1);

/// The running hooks, from the outside.
#[derive(Debug, Clone, Default)]
pub struct HooksHandle {
    running: Arc<Mutex<Vec<RunningHook>>>,
    last_id: Arc<AtomicU64>,
    /// ChangeReceiver that are in the queues of those who want them.
    passed_on: Arc<AtomicU64>,
    /// Its NSID.
    server: Option<Arc<str>>,
    changed: Arc<Notify>,
    deliveries: TaskTracker,
    keeper: TaskTracker,
    /// All queues are as the next start shall find them.
    ended: CancellationToken,
}

#[derive(Debug)]
struct RunningHook {
    line: Arc<HookWorker>,
    stop: CancellationToken,
}

/// Within a tokio runtime. What an earlier run did not deliver, by the file in `folder`, comes
/// first. `server` is the NSID. Ends when the writer has and all is delivered. Blocks, for a
/// bounded time.
pub fn start(
    hooks: &[Hook],
    turns: ChangeReceiver,
    folder: &Path,
    server: Option<&str>,
    troubles: Troubles,
) -> HooksHandle {
    let handle = HooksHandle { server: server.map(Arc::from), ..HooksHandle::default() };
    let from = folder.to_owned();
    let recalled = disk::run_at_start(move || queue_file::recall(&from, wall(Wall::Kept)));
    let recalled = recalled.unwrap_or_else(|| Err(Subject::Hooks.no_answer()));
    if let Err(error) = &recalled {
        let until = "until it can, what waits for hooks is not kept";
        troubles.begin(Subject::Hooks, format!("{error}; {until}"));
    }
    let on_disk = recalled.ok();
    handle.take_over(hooks, on_disk.clone().unwrap_or_default());
    let (folder, of) = (folder.to_owned(), handle.clone());
    let (changed, ended) = (handle.changed.clone(), handle.ended.clone());
    let persisted = turns.persisted_sender();
    handle
        .keeper
        .spawn(QueueWriter { folder, of, changed, ended, persisted, on_disk, troubles }.keep());
    handle.deliveries.spawn(pass_on(handle.clone(), turns));
    handle
}

async fn pass_on(handle: HooksHandle, mut turns: ChangeReceiver) {
    while let Some((turn, lost)) = turns.next().await {
        let at = turn.at;
        if lost > 0 {
            tracing::warn!("{lost} changes of standing came too fast for the hooks");
            let dropped = HookEvent::dropped(handle.next_id(at), at, lost, handle.server.clone());
            handle.each(|running| running.line.push(&dropped));
        }
        handle.push(&turn);
        handle.passed_on.store(turns.taken(), Ordering::Release);
        handle.changed.notify_one();
    }
    handle.each(|running| running.line.close());
}

impl HooksHandle {
    /// Takes another configuration over. A hook that did not change goes on; one that did keeps
    /// what waits for it.
    pub fn follow(&self, hooks: &[Hook]) {
        self.take_over(hooks, SavedQueues::default());
    }

    /// `kept` is what waits for hooks that are not running yet.
    fn take_over(&self, hooks: &[Hook], kept: SavedQueues) {
        self.last_id.fetch_max(kept.last_id, Ordering::Relaxed);
        let mut kept = kept.hooks;
        let mut running = self.running();
        let mut old = std::mem::take(&mut *running);
        for hook in hooks {
            let place = old.iter().position(|old| old.line.name() == hook.name);
            let before = place.map(|place| old.swap_remove(place));
            running.push(match before {
                Some(same) if same.line.hook == *hook => same,
                Some(other) => {
                    other.stop.cancel();
                    self.run(hook, other.line.hand_over())
                }
                None => {
                    let place = kept.iter().position(|(name, _)| *name == hook.name);
                    let events = place.map(|place| kept.swap_remove(place).1);
                    self.run(hook, WorkerState::of(events.unwrap_or_default()))
                }
            });
        }
        for gone in old {
            gone.stop.cancel();
            kept.push((gone.line.name().to_owned(), gone.line.events()));
        }
        kept.iter().for_each(|(name, events)| tell_gone(name, events.len()));
        self.changed.notify_one();
    }

    fn run(&self, hook: &Hook, inner: WorkerState) -> RunningHook {
        let line = Arc::new(HookWorker::new(hook.clone(), inner, self.changed.clone()));
        let stop = CancellationToken::new();
        let (its, stopped) = (Arc::clone(&line), stop.clone());
        self.deliveries.spawn(async move { stopped.run_until_cancelled(its.deliver()).await });
        RunningHook { line, stop }
    }

    fn next_id(&self, at: Timestamp) -> u64 {
        let next = |last| Some(next_id(last, at));
        // It never fails, as there always is a next one.
        let last = self.last_id.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        next_id(last.unwrap_or_else(|last| last), at)
    }

    /// To those who asked for it.
    fn push(&self, turn: &Change) {
        let running = self.running();
        let wants = |running: &&RunningHook| running.line.hook.wants(turn.scope, &turn.pool);
        let mut those = running.iter().filter(wants).peekable();
        // An id that nobody gets need not be kept.
        if those.peek().is_some() {
            let event = HookEvent::of(self.next_id(turn.at), turn, self.server.clone());
            those.for_each(|running| running.line.push(&event));
        }
    }

    fn each(&self, order: impl Fn(&RunningHook)) {
        self.running().iter().for_each(order);
    }

    fn running(&self) -> MutexGuard<'_, Vec<RunningHook>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn status(&self) -> Vec<HookStatus> {
        self.running().iter().map(|running| running.line.status()).collect()
    }

    /// After the writer has ended: waits a bounded time for what is not delivered yet, and keeps
    /// the rest.
    pub async fn stop(self) {
        self.deliveries.close();
        if timeout(STOP_LIMIT, self.deliveries.wait()).await.is_err() {
            let waiting: usize = self.running().iter().map(|running| running.line.waiting()).sum();
            tracing::warn!("{waiting} events for hooks are not delivered; the next start does it");
            self.each(|running| running.stop.cancel());
            // They end where they next wait.
            let _ = timeout(BREAK_OFF, self.deliveries.wait()).await;
        }
        self.ended.cancel();
        self.keeper.close();
        if timeout(KEEPING, self.keeper.wait()).await.is_err() {
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
        let waits = |running: &RunningHook| (running.line.name().to_owned(), running.line.events());
        let hooks = running.iter().map(waits).filter(|(_, events)| !events.is_empty());
        SavedQueues { last_id: self.last_id.load(Ordering::Relaxed), hooks: hooks.collect() }
    }

    fn put_first(&self, kept: SavedQueues) {
        self.last_id.fetch_max(kept.last_id, Ordering::Relaxed);
        let running = self.running();
        for (name, events) in kept.hooks {
            match running.iter().find(|running| running.line.name() == name) {
                Some(running) => running.line.put_first(events),
                None => tell_gone(&name, events.len()),
            }
        }
    }
}

fn tell_gone(name: &str, events: usize) {
    if events > 0 {
        tracing::warn!("there is no hook {name} any more: {events} events for it are dropped");
    }
}
