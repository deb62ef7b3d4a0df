//! Brings the operator's orders to the disk without making the writer wait for it, and from there
//! when the start could not read them.
//!
//! | the disk | an order |
//! |---|---|
//! | is free | is written |
//! | is busy | waits, behind at most `WAITING` others |
//! | has not answered for [`disk::PATIENCE`] | is refused, and so are those that wait |

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
use crate::control::troubles::{Subject, Troubles};
use crate::state_dir::disk;

/// Orders that wait for the one under way.
const WAITING: usize = 16;

pub type Reply = oneshot::Sender<Result<Acknowledgement, Refusal>>;

/// What the disk has said.
#[derive(Debug)]
pub enum OverrideFileResult {
    Written(Result<(), String>),
    Read(Result<Vec<Override>, String>),
}

/// At most one write or read is under way.
#[derive(Debug)]
pub struct OverrideWriter {
    folder: PathBuf,
    /// Why the orders of earlier runs cannot be read. While they cannot, nothing is written.
    unread: Option<String>,
    under_way: Option<(Vec<Override>, Reply)>,
    waiting: VecDeque<(OverrideRequest, Reply)>,
    task: Option<JoinHandle<OverrideFileResult>>,
    /// When that began.
    begun: Instant,
    troubles: Troubles,
}

impl OverrideWriter {
    /// And the orders of earlier runs. Blocks, for a bounded time.
    pub fn new(
        folder: PathBuf,
        troubles: Troubles,
        now: Moment,
    ) -> (OverrideWriter, Vec<Override>) {
        let from = folder.clone();
        let recalled = disk::run_at_start(move || file::recall(&from, now));
        let late = || Err("the state folder does not answer, so its orders cannot be read".into());
        let recalled = recalled.unwrap_or_else(late);
        let unread = recalled.as_ref().err().cloned();
        if let Some(error) = &unread {
            troubles.begin(Subject::Orders, unreadable(error));
        }
        let recorder = OverrideWriter {
            folder,
            unread,
            under_way: None,
            waiting: VecDeque::new(),
            task: None,
            begun: Instant::now(),
            troubles,
        };
        (recorder, recalled.unwrap_or_default())
    }

    pub fn is_busy(&self) -> bool {
        self.task.is_some()
    }

    /// Why no order is taken now.
    pub fn unread(&self) -> Option<&str> {
        self.unread.as_deref()
    }

    /// Not while it is busy.
    pub fn write(&mut self, overrides: Vec<Override>, reply: Reply, now: Moment) {
        self.rewrite(overrides.clone(), now);
        self.under_way = Some((overrides, reply));
    }

    /// Brings what is in force to the disk once more. Not while it is busy.
    pub fn rewrite(&mut self, overrides: Vec<Override>, now: Moment) {
        let folder = self.folder.clone();
        let write = move || OverrideFileResult::Written(file::write(&folder, &overrides, now));
        self.task = Some(spawn_blocking(write));
        self.begun = Instant::now();
    }

    /// An order that comes while it is busy.
    pub fn wait(&mut self, request: OverrideRequest, reply: Reply) {
        if self.is_late() {
            refuse(reply, Subject::Orders.no_answer());
        } else if self.waiting.len() == WAITING {
            refuse(reply, format!("{WAITING} orders wait for the disk"));
        } else {
            self.waiting.push_back((request, reply));
        }
    }

    /// The oldest that waits, once it is free.
    pub fn next_waiting(&mut self) -> Option<(OverrideRequest, Reply)> {
        match self.is_busy() {
            true => None,
            false => self.waiting.pop_front(),
        }
    }

    /// To be called each second: nothing waits for a disk that does not answer, and what could not
    /// be read before is tried again.
    pub fn look(&mut self, now: Moment) {
        if self.is_late() {
            self.troubles.begin(Subject::Orders, Subject::Orders.no_answer());
            for (_, reply) in self.waiting.drain(..) {
                refuse(reply, Subject::Orders.no_answer());
            }
        }
        if self.unread.is_some() && !self.is_busy() {
            let folder = self.folder.clone();
            let read = move || OverrideFileResult::Read(file::recall(&folder, now));
            self.task = Some(spawn_blocking(read));
            self.begun = Instant::now();
        }
    }

    fn is_late(&self) -> bool {
        self.is_busy() && self.begun.elapsed() >= disk::PATIENCE
    }

    /// Waits for what is under way; for ever, when nothing is.
    pub async fn done(&mut self) -> OverrideFileResult {
        let Some(task) = &mut self.task else { return future::pending().await };
        let ended = |_| OverrideFileResult::Written(Err("the write was ended".into()));
        let recorded = task.await.unwrap_or_else(ended);
        self.task = None;
        if let OverrideFileResult::Read(read) = &recorded {
            self.unread = read.as_ref().err().cloned();
        }
        match &self.unread {
            // Of a write that failed whoever gave the order is told.
            None => self.troubles.end(Subject::Orders),
            Some(error) => self.troubles.begin(Subject::Orders, unreadable(error)),
        }
        recorded
    }

    /// What was to be written, and who waits for it.
    pub fn end(&mut self) -> Option<(Vec<Override>, Reply)> {
        self.under_way.take()
    }
}

fn unreadable(error: &str) -> String {
    format!("{error}; no operator's order is known, and none is taken, until it can")
}

/// Whoever asked may be gone.
fn refuse(reply: Reply, why: String) {
    drop(reply.send(Err(Refusal::NotPersisted(why))));
}
