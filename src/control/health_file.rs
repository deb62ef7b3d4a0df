//! What a restart remembers: the standings, in `health.json` of the state folder.
//!
//! | the file | at the start |
//! |---|---|
//! | missing | nothing is remembered |
//! | younger than [`YOUNG`] | its standings count until probes say otherwise |
//! | older | of it only who is in charge of a pool with `stay` |
//! | from the future | as if it had just been written |
//! | not readable as such, or of another version | the same, and it is renamed aside |
//!
//! The file is written soon after each change, and every `REWRITE` even without one: its age says
//! when the server last ran. A change that it has is one that those who pass changes on have kept:
//! after a crash between the two it happens again, instead of being known here and told to nobody.
//! Nothing that is wrong with the file stops a start or a change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::clock::{Clock, Moment};
use crate::cluster::families::Family;
use crate::cluster::standing::Standing;
use crate::control::change_feed::ChangeBacklog;
use crate::control::member::damping::Falls;
use crate::control::member::target::PriorStanding;
use crate::control::troubles::{Subject, Troubles};
use crate::pace;
use crate::state_dir::{RETRY, WRITE_INTERVAL, disk, document, file};

/// Name of the file in the state folder.
pub const FILE: &str = "health.json";
/// Older standings say nothing of the nodes any more.
pub const YOUNG: SignedDuration = SignedDuration::from_mins(10);
const REWRITE: Duration = Duration::from_secs(60);
/// Of the file's form. A change of it means a new number. 1 knew nobody in charge, 2 no verdict of
/// a family.
const VERSION: u32 = 3;
const OLDEST: u32 = 1;

/// How long a write waits for those who pass changes on: they write to the same disk.
const BEHIND: Duration = Duration::from_secs(1);

/// Shared with the task that writes it; `None` until there is something worth to be kept.
pub type Keepable = Option<SaveRequest>;

#[derive(Debug, Clone)]
pub struct SaveRequest {
    pub pools: Vec<Arc<SavedPool>>,
    /// What must be persisted first.
    pub backlog: Option<ChangeBacklog>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPool {
    pub name: String,
    /// Nodes that served the last time that there were enough.
    pub last_enough: Vec<String>,
    /// The same of IPv6, where that is another set.
    #[serde(default)]
    pub last_enough6: Option<Vec<String>>,
    /// Nodes of the tier in charge, of a pool with `stay`.
    #[serde(default)]
    pub in_charge: Vec<String>,
    /// The same of IPv6, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_charge6: Option<Vec<String>>,
    #[serde(serialize_with = "in_pieces")]
    pub members: Vec<SavedMember>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedMember {
    pub node: String,
    pub serving: bool,
    pub since: Moment,
    #[serde(default, skip_serializing_if = "Falls::is_none")]
    pub falls: Falls,
    /// The verdict of IPv6, where the other one is of IPv4 alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v6: Option<SavedVerdict>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedVerdict {
    pub serving: bool,
    pub since: Moment,
    #[serde(default, skip_serializing_if = "Falls::is_none")]
    pub falls: Falls,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HealthFile<P> {
    version: u32,
    written: Timestamp,
    pools: P,
}

fn in_pieces<S: Serializer>(members: &[SavedMember], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(members.iter().inspect(|_| pace::did(1)))
}

impl SavedPool {
    /// What time does not change: whoever was in charge still is.
    fn aged(self) -> Option<SavedPool> {
        let stays = !self.in_charge.is_empty() || self.in_charge6.is_some();
        stays.then(|| SavedPool {
            last_enough: vec![],
            last_enough6: None,
            members: vec![],
            ..self
        })
    }

    /// The same when all of it happened so much later.
    fn moved(&self, by: SignedDuration) -> SavedPool {
        let members = self.members.iter().map(|member| {
            pace::did(1);
            let (since, falls) = (member.since + by, member.falls.moved(by));
            let v6 = member.v6.as_ref().map(|v6| SavedVerdict {
                since: v6.since + by,
                falls: v6.falls.moved(by),
                ..*v6
            });
            SavedMember { since, falls, v6, ..member.clone() }
        });
        SavedPool { members: members.collect(), ..self.clone() }
    }

    /// Of IPv6.
    pub fn in_charge6(&self) -> &Vec<String> {
        self.in_charge6.as_ref().unwrap_or(&self.in_charge)
    }

    /// Of IPv6.
    pub fn last_enough6(&self) -> &Vec<String> {
        self.last_enough6.as_ref().unwrap_or(&self.last_enough)
    }
}

impl SavedMember {
    /// What is remembered of a family.
    pub fn memory(&self, family: Family) -> Option<(PriorStanding, &Falls)> {
        let (serving, since, falls) = match (family, &self.v6) {
            (Family::V4, _) => (self.serving, self.since, &self.falls),
            (Family::V6, Some(v6)) => (v6.serving, v6.since, &v6.falls),
            (Family::V6, None) => return None,
        };
        let standing = if serving { Standing::Serving } else { Standing::Out };
        Some((PriorStanding { standing, since }, falls))
    }
}

/// What an earlier run kept, if it is of use. Blocks, for a bounded time.
pub fn recall_within(folder: &Path, now: Moment) -> Vec<SavedPool> {
    let from = folder.to_owned();
    let work = move || {
        let kept = recall(&from, now);
        file::remove_unfinished(&from);
        kept
    };
    disk::run_at_start(work).unwrap_or_else(|| {
        let shown = folder.display();
        tracing::warn!("{shown} does not answer, so nothing is remembered");
        vec![]
    })
}

/// The same for as long as it takes.
pub fn recall(folder: &Path, now: Moment) -> Vec<SavedPool> {
    let file = folder.join(FILE);
    let content = match document::read_with(&file, now.wall(), "so nothing is remembered", parse) {
        Ok(Some(content)) => content,
        Ok(None) => return vec![],
        Err(error) => {
            tracing::warn!("{error}, so nothing is remembered");
            return vec![];
        }
    };
    let age = now.wall().duration_since(content.written);
    if age >= YOUNG {
        let (shown, written) = (file.display(), content.written);
        tracing::info!("{shown} is from {written:.0}, so no standing is remembered");
        return content.pools.into_iter().filter_map(SavedPool::aged).collect();
    }
    let by = document::shift_to_this_run(content.written, now);
    content.pools.into_iter().map(|pool| pool.moved(by)).collect()
}

fn parse(content: &[u8]) -> Result<HealthFile<Vec<SavedPool>>, String> {
    let content: HealthFile<_> =
        serde_json::from_slice(content).map_err(|error| format!("is broken: {error}"))?;
    match content.version {
        OLDEST..=VERSION => Ok(content),
        version => Err(format!("has version {version}")),
    }
}

/// Writes whatever `kept` shows until its sender is gone, and then once more.
pub async fn keep(
    folder: PathBuf,
    mut kept: watch::Receiver<Keepable>,
    clock: Clock,
    troubles: Troubles,
) {
    let file = Arc::new(folder.join(FILE));
    let mut pause = REWRITE;
    loop {
        let ended = timeout(pause, kept.changed()).await.is_ok_and(|changed| changed.is_err());
        let now = kept.borrow_and_update().clone();
        if let Some(SaveRequest { pools, backlog }) = now {
            if let Some(mut backlog) = backlog {
                let _ = timeout(BEHIND, backlog.persisted()).await;
            }
            let (file, now) = (Arc::clone(&file), clock());
            let write = move || write(&file, &pools, now);
            let written = disk::run(&troubles.reporter(Subject::Standings), write).await;
            pause = if written.is_ok() { REWRITE } else { RETRY };
        }
        if ended {
            return;
        }
        sleep(WRITE_INTERVAL).await;
    }
}

/// With the times that the wall clock gives now, whatever it gave when they were.
fn write(file: &Path, pools: &[Arc<SavedPool>], now: Moment) -> Result<(), String> {
    let pools: Vec<SavedPool> = pools.iter().map(|pool| pool.moved(now.set())).collect();
    let content = HealthFile { version: VERSION, written: now.wall(), pools };
    let content = serde_json::to_vec(&content).map_err(|error| error.to_string())?;
    document::write(file, &content)
}
