//! What a restart delivers: the events that wait, in `hooks.json` of the state folder.
//!
//! The file follows the queues within `WRITE_INTERVAL` and the time that the disk takes. After a
//! crash in between, the events that were delivered in that time come again, with the same id; the
//! changes of that time are not on the disk as standings either, and so are found and told anew.
//! Only the file of the standings waits for this one: neither a delivery nor the writer does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::{Wall, wall};
use crate::control::troubles::{Subject, Troubles};
use crate::hooks::event::HookEvent;
use crate::state_dir::{RETRY, WRITE_INTERVAL, disk, document};

/// Name of the file in the state folder.
pub const FILE: &str = "hooks.json";
/// Of the file's form. A change of it means a new number.
const VERSION: u32 = 1;

/// What waits for all hooks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SavedQueues {
    /// No event had a greater one.
    pub last_id: u64,
    /// Names of hooks, and what waits for each, oldest first.
    pub hooks: Vec<(String, Vec<HookEvent>)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HooksFile {
    #[serde(rename = "version")]
    _version: u32,
    last_id: u64,
    hooks: Vec<SavedQueue>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedQueue {
    name: String,
    events: Vec<SavedBody>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "Value")]
struct SavedBody(HookEvent);

impl TryFrom<Value> for SavedBody {
    type Error = &'static str;

    fn try_from(body: Value) -> Result<SavedBody, &'static str> {
        HookEvent::recalled(&body).map(SavedBody).ok_or("an event is none")
    }
}

/// What an earlier run kept. The error says why it cannot be read. Blocks.
pub fn recall(folder: &Path, now: Timestamp) -> Result<SavedQueues, String> {
    let consequence = "so what an earlier run had not told the hooks is not told";
    let content = document::read(&folder.join(FILE), VERSION, consequence, now)?;
    let kept = content.map(|content: HooksFile| SavedQueues {
        last_id: content.last_id,
        hooks: content.hooks.into_iter().map(SavedQueue::events).collect(),
    });
    Ok(kept.unwrap_or_default())
}

impl SavedQueue {
    fn events(self) -> (String, Vec<HookEvent>) {
        (self.name, self.events.into_iter().map(|body| body.0).collect())
    }
}

impl SavedQueues {
    /// Bodies are JSON as they are.
    fn content(&self) -> Vec<u8> {
        let hook = |(name, events): &(String, Vec<HookEvent>)| {
            let events: Vec<&str> = events.iter().map(HookEvent::body).collect();
            format!("{{\"name\":{},\"events\":[{}]}}", Value::from(name.as_str()), events.join(","))
        };
        let hooks: Vec<String> = self.hooks.iter().map(hook).collect();
        let (last_id, hooks) = (self.last_id, hooks.join(","));
        format!("{{\"version\":{VERSION},\"last_id\":{last_id},\"hooks\":[{hooks}]}}").into_bytes()
    }
}

/// What there is to keep.
pub trait QueueSource {
    /// How many changes are in [`QueueSource::waiting`], were delivered, or no hook wants.
    fn passed_on(&self) -> u64;
    /// As it is now.
    fn waiting(&self) -> SavedQueues;
    /// Older than all that waits.
    fn put_first(&self, kept: SavedQueues);
}

/// Keeps what `of` says, whenever it `changed` and once more when it has `ended`.
#[derive(Debug)]
pub struct QueueWriter<K> {
    pub folder: PathBuf,
    pub of: K,
    pub changed: Arc<Notify>,
    pub ended: CancellationToken,
    /// Changes that a crash does not lose.
    pub persisted: watch::Sender<u64>,
    /// What the file has; `None` while it cannot be read, and so is not written over.
    pub on_disk: Option<SavedQueues>,
    pub troubles: Troubles,
}

impl<K: QueueSource> QueueWriter<K> {
    pub async fn keep(mut self) {
        let mut well = self.on_disk.is_some();
        loop {
            let is_last = tokio::select! {
                biased;
                () = self.ended.cancelled() => true,
                () = sleep(RETRY), if !well => false,
                () = self.changed.notified(), if well => false,
            };
            let kept = self.bring_to_disk().await;
            well = kept.is_ok();
            if is_last {
                return;
            }
            let _ = timeout(WRITE_INTERVAL, self.ended.cancelled()).await;
        }
    }

    async fn bring_to_disk(&mut self) -> Result<(), String> {
        if self.on_disk.is_none() {
            let folder = self.folder.clone();
            let read = move || recall(&folder, wall(Wall::Kept));
            let kept = disk::run(&self.troubles.reporter(Subject::Hooks), read).await?;
            self.on_disk = Some(kept.clone());
            self.of.put_first(kept);
        }
        let passed_on = self.of.passed_on();
        let now = self.of.waiting();
        if self.on_disk.as_ref() != Some(&now) {
            let (file, content) = (self.folder.join(FILE), now.content());
            let write = move || document::write(&file, &content);
            disk::run(&self.troubles.reporter(Subject::Hooks), write).await?;
            self.on_disk = Some(now);
        }
        self.persisted.send_replace(passed_on);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::event::tests::{event, long_event};
    use crate::hooks::queue::{MAX_OCTETS, Queue};

    fn there_and_back(kept: &SavedQueues) -> SavedQueues {
        let folder = tempfile::tempdir().unwrap();
        document::write(&folder.path().join(FILE), &kept.content()).unwrap();
        recall(folder.path(), wall(Wall::Kept)).unwrap()
    }

    #[test]
    fn what_is_kept_is_recalled() {
        let dropped = HookEvent::dropped(11, Timestamp::UNIX_EPOCH, 10, None);
        let pager = ("pager".to_owned(), vec![dropped, event(12), event(13)]);
        let kept =
            SavedQueues { last_id: 14, hooks: vec![pager, ("a\"b".into(), vec![event(13)])] };
        assert_eq!(there_and_back(&kept), kept);
        assert_eq!(there_and_back(&SavedQueues::default()), SavedQueues::default());
    }

    #[test]
    fn full_queues_of_every_hook_fit_into_the_file() {
        let mut queue = Queue::default();
        for id in 0..2000 {
            queue.push(long_event(id, 4000));
        }
        queue.take();
        let events: Vec<HookEvent> = queue.events().cloned().collect();
        let octets: usize = events.iter().map(|event| event.body().len()).sum();
        assert!(octets > MAX_OCTETS * 9 / 10, "{octets}");
        let hooks = (0..32).map(|index| (format!("{index:063}"), events.clone())).collect();
        let kept = SavedQueues { last_id: u64::MAX, hooks };
        assert_eq!(there_and_back(&kept), kept);
        let recalled = Queue::recalled(events.clone());
        assert!(recalled.events().eq(&events), "nothing is dropped for it");
    }
}
