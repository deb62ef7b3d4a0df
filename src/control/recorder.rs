//! Brings the operator's orders to the disk without making the writer wait for it.

use std::future;
use std::path::PathBuf;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::cluster::operator::Override;
use crate::control::event::{Acknowledged, Refusal};
use crate::control::overrides;

pub type Reply = oneshot::Sender<Result<Acknowledged, Refusal>>;

/// At most one write is under way.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    under_way: Option<(Vec<Override>, Reply)>,
    write: Option<JoinHandle<Result<(), String>>>,
}

impl Recorder {
    pub fn new(folder: PathBuf) -> Recorder {
        Recorder { folder, under_way: None, write: None }
    }

    pub fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// Not while it is busy.
    pub fn begin(&mut self, overrides: Vec<Override>, reply: Reply) {
        let (folder, content) = (self.folder.clone(), overrides.clone());
        self.write = Some(spawn_blocking(move || overrides::write(&folder, &content)));
        self.under_way = Some((overrides, reply));
    }

    /// Waits for the write that is under way; for ever, when there is none.
    pub async fn written(&mut self) -> Result<(), String> {
        let Some(write) = &mut self.write else { return future::pending().await };
        let written = write.await.unwrap_or_else(|_| Err("the write was ended".into()));
        self.write = None;
        written
    }

    /// What was to be written, and who waits for it.
    pub fn end(&mut self) -> Option<(Vec<Override>, Reply)> {
        self.under_way.take()
    }
}
