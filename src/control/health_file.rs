//! Reads and writes `health.json` of the state folder: the standings for the next start.
//!
//! | the file | at the start |
//! |---|---|
//! | missing | nothing is known |
//! | younger than [`YOUNG`] | its standings count until probes say otherwise |
//! | older | only the active tiers of pools with `stay` are used |
//! | from the future | it counts as just written |
//! | broken, or of another version | nothing is known, and the file is set aside |
//!
//! The file is written soon after each change, and every `REWRITE` without one: its age says when
//! the server last ran. A change is written only after the hooks have it on their disk. After a
//! crash between the two writes the next run finds the change again, and the hooks get it; with
//! the writes the other way round the hooks would never get it. No problem with the file stops a
//! start or a change.

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
use crate::control::troubles::{TroubleSubject, Troubles};
use crate::pace;
use crate::state_dir::{RETRY, WRITE_INTERVAL, disk, document, file};

/// Name of the file in the state folder.
pub const FILE: &str = "health.json";
/// From this age on, standings no longer say how the nodes are.
pub const YOUNG: SignedDuration = SignedDuration::from_mins(10);
/// Time from one write to the next without a change.
const REWRITE: Duration = Duration::from_secs(60);
/// Version of the format. Version 1 had no active tiers, version 2 no verdicts of families.
const VERSION: u32 = 3;
/// Oldest version that is read.
const OLDEST: u32 = 1;

/// How long a write waits until the hooks have their changes on the disk.
const HOOKS_LIMIT: Duration = Duration::from_secs(1);

/// The state to write.
#[derive(Debug, Clone)]
pub struct SaveRequest {
    pub pools: Vec<Arc<SavedPool>>,
    /// The changes that the hooks must have on the disk first; `None` without hooks.
    pub backlog: Option<ChangeBacklog>,
}

/// The stored state of one pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPool {
    pub name: String,
    /// Nodes that served when at least `min_serving` last did.
    pub last_enough: Vec<String>,
    /// `last_enough` of IPv6; `None` if it is the same.
    #[serde(default)]
    pub last_enough6: Option<Vec<String>>,
    /// Nodes of the active tier; empty without `stay`.
    #[serde(default)]
    pub in_charge: Vec<String>,
    /// `in_charge` of IPv6; `None` if it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_charge6: Option<Vec<String>>,
    #[serde(serialize_with = "in_pieces")]
    pub members: Vec<SavedMember>,
}

/// The stored state of one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedMember {
    pub node: String,
    pub serving: bool,
    pub since: Moment,
    #[serde(default, skip_serializing_if = "Falls::is_none")]
    pub falls: Falls,
    /// The verdict of IPv6; `None` if the other fields are for both families.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v6: Option<SavedVerdict>,
}

/// The stored verdict of one member in one address family, or in both.
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
    to.collect_seq(members.iter().inspect(|_| pace::yield_after(1)))
}

impl SavedPool {
    /// The part that counts at any age: the active tier; `None` without one.
    fn aged(self) -> Option<SavedPool> {
        let stays = !self.in_charge.is_empty() || self.in_charge6.is_some();
        stays.then(|| SavedPool {
            last_enough: vec![],
            last_enough6: None,
            members: vec![],
            ..self
        })
    }

    /// The same state, with every time moved by `by`.
    fn moved(&self, by: SignedDuration) -> SavedPool {
        let members = self.members.iter().map(|member| {
            pace::yield_after(1);
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

    /// The nodes of the active tier in IPv6.
    pub fn in_charge6(&self) -> &Vec<String> {
        self.in_charge6.as_ref().unwrap_or(&self.in_charge)
    }

    /// `last_enough` of IPv6.
    pub fn last_enough6(&self) -> &Vec<String> {
        self.last_enough6.as_ref().unwrap_or(&self.last_enough)
    }
}

impl SavedMember {
    /// The standing and the falls in a family; `None` for IPv6 without a verdict of its own.
    pub fn to_prior(&self, family: Family) -> Option<(PriorStanding, &Falls)> {
        let (serving, since, falls) = match (family, &self.v6) {
            (Family::V4, _) => (self.serving, self.since, &self.falls),
            (Family::V6, Some(v6)) => (v6.serving, v6.since, &v6.falls),
            (Family::V6, None) => return None,
        };
        let standing = if serving { Standing::Serving } else { Standing::Out };
        Some((PriorStanding { standing, since }, falls))
    }
}

/// Reads the state that an earlier run stored; empty if there is none that can be used. Blocks, for
/// a bounded time.
pub fn read_at_start(folder: &Path, now: Moment) -> Vec<SavedPool> {
    let from = folder.to_owned();
    let work = move || {
        let saved = read(&from, now);
        file::remove_unfinished(&from);
        saved
    };
    disk::run_at_start(work).unwrap_or_else(|| {
        let shown = folder.display();
        tracing::warn!("{shown} does not answer, so nothing is remembered");
        vec![]
    })
}

/// As [`read_at_start`], without a bound on the time.
pub fn read(folder: &Path, now: Moment) -> Vec<SavedPool> {
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

/// Writes the latest request whenever it changes. Ends after a last write when the sender is gone.
pub async fn write_requests(
    folder: PathBuf,
    mut requests: watch::Receiver<Option<SaveRequest>>,
    clock: Clock,
    troubles: Troubles,
) {
    let file = Arc::new(folder.join(FILE));
    let mut pause = REWRITE;
    loop {
        let ended = timeout(pause, requests.changed()).await.is_ok_and(|changed| changed.is_err());
        let request = requests.borrow_and_update().clone();
        if let Some(SaveRequest { pools, backlog }) = request {
            if let Some(mut backlog) = backlog {
                let _ = timeout(HOOKS_LIMIT, backlog.persisted()).await;
            }
            let (file, now) = (Arc::clone(&file), clock());
            let write = move || write(&file, &pools, now);
            let written = disk::run(&troubles.reporter(TroubleSubject::Standings), write).await;
            pause = if written.is_ok() { REWRITE } else { RETRY };
        }
        if ended {
            return;
        }
        sleep(WRITE_INTERVAL).await;
    }
}

/// Writes the file, with all times as the wall clock gives them now: it may have been set since.
fn write(file: &Path, pools: &[Arc<SavedPool>], now: Moment) -> Result<(), String> {
    let pools: Vec<SavedPool> = pools.iter().map(|pool| pool.moved(now.set())).collect();
    let content = HealthFile { version: VERSION, written: now.wall(), pools };
    let content = serde_json::to_vec(&content).map_err(|error| error.to_string())?;
    document::write(file, &content)
}
