//! The task that owns the state: it takes events in and publishes what they change.
//!
//! A burst of observations is joined into one snapshot. The status of a pool is rebuilt at once
//! after a decision. After mere observations it is rebuilt in pieces, soon after `REFRESH`, so a
//! decision waits for one piece at most. Changes by time alone happen when they are due. When
//! somebody sets the wall clock, the times that are shown and stored follow within `REFRESH`.
//!
//! | file | |
//! |---|---|
//! | this one | starts the task, and defines the handle to it |
//! | `task.rs` | runs the loop: one event after another |
//! | `operate.rs` | handles overrides, which are in force only once they are on the disk |

mod operate;
mod task;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::{self, Clock};
use crate::control::change_feed::{self, ChangeReceiver, ChangeSender};
use crate::control::event::{Command, ReportRequest};
use crate::control::health_file;
use crate::control::liveness::{Liveness, ProbeRounds};
use crate::control::overrides::writer::OverrideWriter;
use crate::control::probes::ProbeChanges;
use crate::control::served_config::ServedConfig;
use crate::control::state::ControlState;
use crate::control::status::Status;
use crate::control::status::build;
use crate::control::status::cache::StatusCache;
use crate::control::troubles::Troubles;
use crate::control::writer::task::{Inbox, WriterTask, snapshot};
use crate::health::schedule::{CONCURRENT, Schedule};
use crate::snapshot::publish::{Publisher, SnapshotReader, channel};

/// Most commands that wait for the writer.
const COMMANDS: usize = 16;
/// Most reports that wait for the writer; more are refused.
const REPORTS: usize = 256;
/// Longest wait at the end until the state is on the disk.
const SAVE_LIMIT: Duration = Duration::from_secs(1);

/// A writer that has not started: the first snapshot is published, no probe has been sent.
#[derive(Debug)]
pub struct Control {
    state: ControlState,
    /// The targets of the first round.
    probes: ProbeChanges,
    publisher: Publisher,
    /// The state folder.
    folder: PathBuf,
    override_writer: OverrideWriter,
    /// `None` until [`Control::changes`] is called.
    changes: Option<ChangeSender>,
    /// Most probes in flight at a time.
    concurrent: usize,
    troubles: Troubles,
}

/// The handle to the running task.
#[derive(Debug)]
pub struct ControlHandle {
    pub status: watch::Receiver<Arc<Status>>,
    pub commands: mpsc::Sender<Command>,
    pub reports: mpsc::Sender<ReportRequest>,
    pub liveness: Liveness,
    pub troubles: Troubles,
    stop: CancellationToken,
    ended: CancellationToken,
    task: JoinHandle<()>,
}

impl Control {
    /// Reads the state that an earlier run stored in `folder`, and makes the first answers: the
    /// members that served then, or all of them, as far as the overrides allow. Blocks, for a
    /// bounded time.
    pub fn new(config: Box<ServedConfig>, folder: PathBuf) -> (Control, SnapshotReader) {
        let now = clock::now();
        let troubles = Troubles::default();
        let saved = health_file::read_at_start(&folder, now);
        let (mut state, probes) = ControlState::new(config, &saved, now);
        let (override_writer, overrides) =
            OverrideWriter::new(folder.clone(), troubles.clone(), now);
        state.set_overrides(overrides, now);
        state.warn_of_unmatched_overrides();
        state.take_changed();
        let (publisher, reader) = channel(snapshot(&state, None));
        let control = Control {
            state,
            probes,
            publisher,
            folder,
            override_writer,
            changes: None,
            concurrent: CONCURRENT,
            troubles,
        };
        (control, reader)
    }

    /// The current problems with the files of this server.
    pub fn troubles(&self) -> Troubles {
        self.troubles.clone()
    }

    /// Makes the feed of changes for the hooks.
    pub fn changes(&mut self) -> ChangeReceiver {
        let (sender, receiver) = change_feed::channel();
        self.changes = Some(sender);
        receiver
    }

    /// Lowers the number of concurrent probes, for a system that allows few descriptors.
    pub fn bound_probes(&mut self, concurrent: usize) {
        self.concurrent = concurrent;
    }

    /// Starts the first round of probes and everything after it. Call within a tokio runtime.
    pub fn start(self) -> ControlHandle {
        self.start_by(Arc::new(clock::now))
    }

    /// As [`Control::start`], with another source of the time.
    pub fn start_by(self, clock: Clock) -> ControlHandle {
        let Control {
            state,
            probes,
            publisher,
            folder,
            override_writer,
            changes,
            concurrent,
            troubles,
        } = self;
        let (schedule, observations) = Schedule::with(concurrent);
        let (commands, commands_in) = mpsc::channel(COMMANDS);
        let (reports, reports_in) = mpsc::channel(REPORTS);
        let now = clock();
        let status_cache = StatusCache::new(&state, now);
        let first = build::with_pools(status_cache.statuses(), &state, now);
        let (status, status_reader) = watch::channel(Arc::new(first));
        let (saves, save_requests) = watch::channel(None);
        let save = health_file::write_requests(
            folder,
            save_requests,
            Arc::clone(&clock),
            troubles.clone(),
        );
        let saving = tokio::spawn(save);
        let liveness = Liveness::default();
        let stop = CancellationToken::new();
        let round_end = Instant::now() + state.first_round();
        let mut writer = WriterTask {
            state,
            clock,
            schedule,
            publisher,
            status_cache,
            status,
            saves,
            override_writer,
            changes,
            is_stale: false,
            clock_offset: now.set(),
            is_to_rewrite: false,
            is_rewriting: false,
            rounds: ProbeRounds::new(liveness.clone()),
        };
        writer.change_probes(probes);
        writer.write_log_lines();
        let ended = CancellationToken::new();
        let (stopped, end) = (stop.clone(), ended.clone().drop_guard());
        let task = tokio::spawn(async move {
            let _end = end;
            let inbox = Inbox { observations, commands: commands_in, reports: reports_in };
            writer.run(inbox, round_end, stopped).await;
            // Without its sender, `saving` writes once more and ends.
            drop(writer);
            if timeout(SAVE_LIMIT, saving).await.is_err() {
                tracing::warn!("the disk is slow: the newest state may not be kept");
            }
        });
        ControlHandle {
            status: status_reader,
            commands,
            reports,
            liveness,
            troubles,
            stop,
            ended,
            task,
        }
    }
}

impl ControlHandle {
    /// Waits until the first round of probes is over.
    pub async fn ready(&mut self) {
        let _ = self.status.wait_for(|status| status.ready).await;
    }

    /// Waits for the end of the task. If [`ControlHandle::stop`] was not called, the task panicked.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Stops the probes, saves the state, and waits for the end of the task.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}
