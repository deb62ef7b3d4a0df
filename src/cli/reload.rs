//! Loading again: on SIGHUP, and when one of the files changed.
//!
//! Files are looked at once a second instead of being watched by inotify: config.yaml may lie on
//! NFS, where a change made elsewhere raises no event, or be swapped in as a whole folder. A change
//! counts once it has stood still for a look, so a file that is still being written is not read.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::config::certificate::Certificate;
use crate::config::{self, Config, Server};
use crate::control::event::Command;
use crate::control::loaded::Loaded;
use crate::dns::encrypted;

const LOOK: Duration = Duration::from_secs(1);

/// Runs until the writer is gone.
pub async fn watch(
    path: PathBuf,
    first: Config,
    commands: mpsc::Sender<Command>,
    encrypted: Option<encrypted::Handle>,
) -> std::io::Result<()> {
    let mut watch = Watch {
        hangup: signal(SignalKind::hangup())?,
        look: interval(LOOK),
        files: first.files.clone(),
        seen: vec![],
        loaded: marks(&first.files),
    };
    watch.look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    watch.seen.clone_from(&watch.loaded);
    let server = first.server;
    loop {
        watch.changed().await;
        let marks_before = marks(&watch.files);
        let reload = match load(path.clone(), server.clone()).await {
            Ok(Fresh { loaded, files, certificate }) => {
                if let (Some(encrypted), Some(certificate)) = (&encrypted, certificate) {
                    encrypted.present(certificate.certified);
                }
                // Of files that this load read for the first time the marks are younger than what
                // was read; of all others they are older, and a change in between is seen.
                watch.loaded = marks(&files);
                for (at, file) in files.iter().enumerate() {
                    if let Some(before) = watch.files.iter().position(|known| known == file) {
                        watch.loaded[at].clone_from(&marks_before[before]);
                    }
                }
                watch.files = files;
                Ok(loaded)
            }
            Err(faults) => {
                watch.loaded = marks_before;
                Err(faults)
            }
        };
        watch.seen.clone_from(&watch.loaded);
        if commands.send(Command::Reload(reload)).await.is_err() {
            return Ok(());
        }
    }
}

/// What tells one version of a file from the next without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
}

struct Watch {
    hangup: Signal,
    look: Interval,
    files: Vec<PathBuf>,
    /// At the last look.
    seen: Vec<Option<Mark>>,
    /// When they were loaded.
    loaded: Vec<Option<Mark>>,
}

impl Watch {
    /// Returns when it is time to load again.
    async fn changed(&mut self) {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => return,
                _ = self.look.tick() => {
                    let now = marks(&self.files);
                    let is_still = now == self.seen;
                    self.seen = now;
                    if is_still && self.seen != self.loaded {
                        return;
                    }
                }
            }
        }
    }
}

fn marks(files: &[PathBuf]) -> Vec<Option<Mark>> {
    files.iter().map(|file| mark(file)).collect()
}

fn mark(file: &Path) -> Option<Mark> {
    use std::os::unix::fs::MetadataExt;
    let data = std::fs::metadata(file).ok()?;
    Some(Mark { modified: data.modified().ok(), len: data.len(), inode: data.ino() })
}

/// What a load brings.
struct Fresh {
    loaded: Box<Loaded>,
    /// To be looked at from now on.
    files: Vec<PathBuf>,
    certificate: Option<Certificate>,
}

async fn load(path: PathBuf, server: Server) -> Result<Fresh, Vec<String>> {
    let loading = tokio::task::spawn_blocking(move || {
        let config::Loaded { config, warnings } = config::load(&path)
            .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        tell_of_restart(&server, &config.server);
        let loaded = Loaded::build(&config, &path, jiff::Timestamp::now())
            .map_err(|error| vec![format!("{}: {error}", path.display())])?;
        let Config { files, certificate, .. } = config;
        Ok(Fresh { loaded: Box::new(loaded), files, certificate })
    });
    loading.await.unwrap_or_else(|panic| Err(vec![format!("loading broke off: {panic}")]))
}

/// Sockets and threads stay as they are over a reload.
fn tell_of_restart(old: &Server, new: &Server) {
    let changed = [
        ("listen", old.listen != new.listen),
        ("dashboard", old.dashboard != new.dashboard),
        ("state", old.state != new.state),
        ("workers", old.workers != new.workers),
        ("tls, server.https or server.quic", old.encrypted != new.encrypted),
    ];
    for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!("server.{key} changed: it takes effect at the next start");
    }
}
