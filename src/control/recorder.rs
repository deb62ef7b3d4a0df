//! Brings the operator's orders to the disk without making the writer wait for it, and from there
//! when the start could not read them.

use std::future;
use std::path::PathBuf;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::clock::Moment;
use crate::cluster::operator::Override;
use crate::control::event::{Acknowledged, Refusal};
use crate::control::overrides;

pub type Reply = oneshot::Sender<Result<Acknowledged, Refusal>>;

/// What the disk has said.
#[derive(Debug)]
pub enum Recorded {
    Written(Result<(), String>),
    Read(Result<Vec<Override>, String>),
}

/// At most one write or read is under way.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    /// Why the orders of earlier runs cannot be read. While they cannot, nothing is written.
    unread: Option<String>,
    under_way: Option<(Vec<Override>, Reply)>,
    task: Option<JoinHandle<Recorded>>,
}

impl Recorder {
    /// And the orders of earlier runs. Blocks.
    pub fn new(folder: PathBuf, now: Moment) -> (Recorder, Vec<Override>) {
        let recalled = overrides::recall(&folder, now);
        let unread = recalled.as_ref().err().cloned();
        if let Some(error) = &unread {
            tracing::warn!(
                "{error}; no operator's order is known, and none is taken, until it can"
            );
        }
        let recorder = Recorder { folder, unread, under_way: None, task: None };
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
        let write = move || Recorded::Written(overrides::write(&folder, &overrides, now));
        self.task = Some(spawn_blocking(write));
    }

    /// Tries again to read what could not be read before.
    pub fn read_again(&mut self, now: Moment) {
        if self.unread.is_some() && !self.is_busy() {
            let folder = self.folder.clone();
            let read = move || Recorded::Read(overrides::recall(&folder, now));
            self.task = Some(spawn_blocking(read));
        }
    }

    /// Waits for what is under way; for ever, when nothing is.
    pub async fn done(&mut self) -> Recorded {
        let Some(task) = &mut self.task else { return future::pending().await };
        let ended = |_| Recorded::Written(Err("the write was ended".into()));
        let recorded = task.await.unwrap_or_else(ended);
        self.task = None;
        if let Recorded::Read(read) = &recorded {
            self.unread = read.as_ref().err().cloned();
        }
        recorded
    }

    /// What was to be written, and who waits for it.
    pub fn end(&mut self) -> Option<(Vec<Override>, Reply)> {
        self.under_way.take()
    }
}
