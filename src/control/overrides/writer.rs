//! Writes overrides to the disk without blocking the one writer of the state, and reads them later
//! if that was not possible at the start.
//!
//! | the disk | a requested override |
//! |---|---|
//! | is free | is written |
//! | is busy | waits; at most `MAX_WAITING` wait |
//! | has not answered for [`disk::PATIENCE`] | is refused, and so are the waiting ones |

use std::collections::VecDeque;
use std::future;
use std::path::PathBuf;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use crate::clock::Moment;
use crate::cluster::operator::Override;
use crate::control::overrides::file;
use crate::control::overrides::request::{Acknowledgement, OverrideRequest, Refusal};
use crate::control::troubles::{TroubleSubject, Troubles};
use crate::state_dir::disk;

/// Most requests that wait for the write under way.
const MAX_WAITING: usize = 16;

/// Where the reply to a request is sent.
pub type OverrideReply = oneshot::Sender<Result<Acknowledgement, Refusal>>;

/// The result of a read or a write.
#[derive(Debug)]
pub enum OverrideFileResult {
    Written(Result<(), String>),
    Read(Result<Vec<Override>, String>),
}

/// Reads and writes `overrides.json` on threads that may block. At most one write or read is under
/// way.
#[derive(Debug)]
pub struct OverrideWriter {
    folder: PathBuf,
    /// Why the overrides of an earlier run cannot be read; `None` once they are read. Until then
    /// nothing is written.
    read_error: Option<String>,
    /// The overrides of the write under way, and where to acknowledge the request; `None` if no
    /// request caused the write.
    under_way: Option<(Vec<Override>, OverrideReply)>,
    waiting: VecDeque<(OverrideRequest, OverrideReply)>,
    /// The read or write under way.
    task: Option<JoinHandle<OverrideFileResult>>,
    /// When the last read or write began.
    begun: Instant,
    troubles: Troubles,
}

impl OverrideWriter {
    /// Also returns the overrides of an earlier run; none if they cannot be read. Blocks, for a
    /// bounded time.
    pub fn new(
        folder: PathBuf,
        troubles: Troubles,
        now: Moment,
    ) -> (OverrideWriter, Vec<Override>) {
        let from = folder.clone();
        let read = disk::run_at_start(move || file::read(&from, now));
        let late = || Err("the state folder does not answer, so its orders cannot be read".into());
        let read = read.unwrap_or_else(late);
        let read_error = read.as_ref().err().cloned();
        if let Some(error) = &read_error {
            troubles.begin(TroubleSubject::Overrides, unreadable(error));
        }
        let writer = OverrideWriter {
            folder,
            read_error,
            under_way: None,
            waiting: VecDeque::new(),
            task: None,
            begun: Instant::now(),
            troubles,
        };
        (writer, read.unwrap_or_default())
    }

    /// Whether a read or a write is under way.
    pub fn is_busy(&self) -> bool {
        self.task.is_some()
    }

    /// Why no override is accepted now; `None` while overrides are accepted.
    pub fn read_error(&self) -> Option<&str> {
        self.read_error.as_deref()
    }

    /// Starts to write `overrides`. [`OverrideWriter::take_written`] returns them with `reply` when
    /// the write has ended. Do not call while the writer is busy.
    pub fn write(&mut self, overrides: Vec<Override>, reply: OverrideReply, now: Moment) {
        self.rewrite(overrides.clone(), now);
        self.under_way = Some((overrides, reply));
    }

    /// Starts to write the overrides in force once more. Do not call while the writer is busy.
    pub fn rewrite(&mut self, overrides: Vec<Override>, now: Moment) {
        let folder = self.folder.clone();
        let write = move || OverrideFileResult::Written(file::write(&folder, &overrides, now));
        self.task = Some(spawn_blocking(write));
        self.begun = Instant::now();
    }

    /// Queues a request while a write is under way. Refuses it if the disk does not answer or the
    /// queue is full.
    pub fn wait(&mut self, request: OverrideRequest, reply: OverrideReply) {
        if self.is_late() {
            refuse(reply, TroubleSubject::Overrides.no_answer());
        } else if self.waiting.len() == MAX_WAITING {
            refuse(reply, format!("{MAX_WAITING} orders wait for the disk"));
        } else {
            self.waiting.push_back((request, reply));
        }
    }

    /// Takes the oldest request that waits; `None` if none waits, or a write is under way.
    pub fn next_waiting(&mut self) -> Option<(OverrideRequest, OverrideReply)> {
        match self.is_busy() {
            true => None,
            false => self.waiting.pop_front(),
        }
    }

    /// Refuses the waiting requests if the disk does not answer. Reads the overrides again if that
    /// failed before. Call once a second.
    pub fn check(&mut self, now: Moment) {
        if self.is_late() {
            self.troubles.begin(TroubleSubject::Overrides, TroubleSubject::Overrides.no_answer());
            for (_, reply) in self.waiting.drain(..) {
                refuse(reply, TroubleSubject::Overrides.no_answer());
            }
        }
        if self.read_error.is_some() && !self.is_busy() {
            let folder = self.folder.clone();
            let read = move || OverrideFileResult::Read(file::read(&folder, now));
            self.task = Some(spawn_blocking(read));
            self.begun = Instant::now();
        }
    }

    fn is_late(&self) -> bool {
        self.is_busy() && self.begun.elapsed() >= disk::PATIENCE
    }

    /// Waits for the result of the read or write under way; for ever if there is none.
    pub async fn done(&mut self) -> OverrideFileResult {
        let Some(task) = &mut self.task else { return future::pending().await };
        let ended = |_| OverrideFileResult::Written(Err("the write was ended".into()));
        let result = task.await.unwrap_or_else(ended);
        self.task = None;
        if let OverrideFileResult::Read(read) = &result {
            self.read_error = read.as_ref().err().cloned();
        }
        match &self.read_error {
            // A write that failed is reported to the operator who asked for it.
            None => self.troubles.end(TroubleSubject::Overrides),
            Some(error) => self.troubles.begin(TroubleSubject::Overrides, unreadable(error)),
        }
        result
    }

    /// Takes the overrides of the write that has ended, and where to acknowledge the request;
    /// `None` if no request caused the write.
    pub fn take_written(&mut self) -> Option<(Vec<Override>, OverrideReply)> {
        self.under_way.take()
    }
}

fn unreadable(error: &str) -> String {
    format!("{error}; no operator's order is known, and none is taken, until it can")
}

/// Replies with a refusal; the client may be gone.
fn refuse(reply: OverrideReply, why: String) {
    drop(reply.send(Err(Refusal::NotPersisted(why))));
}
