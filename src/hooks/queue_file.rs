//! Reads and writes `hooks.json` of the state folder: undelivered events, for the next start.
//!
//! The file is behind the queues by at most [`WRITE_INTERVAL`] and the time that the disk needs.
//! After a crash, events that were delivered in that time are sent again, with the same id. Changes
//! that happened in that time are not in `health.json` either, which is written later, so the next
//! run finds and sends them again. Neither a delivery nor the writer waits for this file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::{Wall, wall};
use crate::control::troubles::{TroubleSubject, Troubles};
use crate::hooks::event::HookEvent;
use crate::state_dir::{RETRY, WRITE_INTERVAL, disk, document};

/// Name of the file in the state folder.
pub const FILE: &str = "hooks.json";
/// Version of the format.
const VERSION: u32 = 1;

/// The undelivered events of all hooks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SavedQueues {
    /// The greatest id of any event so far.
    pub last_id: u64,
    /// The name of each hook and its events, the oldest first.
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
        HookEvent::from_body(&body).map(SavedBody).ok_or("an event is none")
    }
}

/// Reads the events that an earlier run stored; empty without a file. The error says why the file
/// cannot be read. Blocks.
pub fn read(folder: &Path, now: Timestamp) -> Result<SavedQueues, String> {
    let consequence = "so undelivered events of an earlier run are lost";
    let content = document::read(&folder.join(FILE), VERSION, consequence, now)?;
    let saved = content.map(|content: HooksFile| SavedQueues {
        last_id: content.last_id,
        hooks: content.hooks.into_iter().map(SavedQueue::events).collect(),
    });
    Ok(saved.unwrap_or_default())
}

impl SavedQueue {
    fn events(self) -> (String, Vec<HookEvent>) {
        (self.name, self.events.into_iter().map(|body| body.0).collect())
    }
}

impl SavedQueues {
    /// The content of the file. The bodies of events are JSON already.
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

/// The queues to store.
pub trait QueueSource {
    /// How many changes have reached the queues of all hooks that want them.
    fn passed_on(&self) -> u64;
    /// The undelivered events now.
    fn waiting(&self) -> SavedQueues;
    /// Puts the events `saved` before the waiting events, because they are older.
    fn put_first(&self, saved: SavedQueues);
}

/// Writes the queues to the disk after each change, and once more at the end.
#[derive(Debug)]
pub struct QueueWriter<K> {
    pub folder: PathBuf,
    pub source: K,
    /// Notified when a queue has changed.
    pub changed: Arc<Notify>,
    /// Cancelled when the queues change no more.
    pub ended: CancellationToken,
    /// Reports how many changes a crash does not lose.
    pub persisted: watch::Sender<u64>,
    /// The content of the file; `None` while the file cannot be read. Then it is not written.
    pub on_disk: Option<SavedQueues>,
    pub troubles: Troubles,
}

impl<K: QueueSource> QueueWriter<K> {
    /// Writes until the queues change no more.
    pub async fn run(mut self) {
        let mut well = self.on_disk.is_some();
        loop {
            let is_last = tokio::select! {
                biased;
                () = self.ended.cancelled() => true,
                () = sleep(RETRY), if !well => false,
                () = self.changed.notified(), if well => false,
            };
            well = self.write().await.is_ok();
            if is_last {
                return;
            }
            let _ = timeout(WRITE_INTERVAL, self.ended.cancelled()).await;
        }
    }

    async fn write(&mut self) -> Result<(), String> {
        if self.on_disk.is_none() {
            let folder = self.folder.clone();
            let read = move || read(&folder, wall(Wall::Kept));
            let saved = disk::run(&self.troubles.reporter(TroubleSubject::Hooks), read).await?;
            self.on_disk = Some(saved.clone());
            self.source.put_first(saved);
        }
        let passed_on = self.source.passed_on();
        let now = self.source.waiting();
        if self.on_disk.as_ref() != Some(&now) {
            let (file, content) = (self.folder.join(FILE), now.content());
            let write = move || document::write(&file, &content);
            disk::run(&self.troubles.reporter(TroubleSubject::Hooks), write).await?;
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
    use crate::hooks::queue::{EventQueue, MAX_OCTETS};

    fn there_and_back(saved: &SavedQueues) -> SavedQueues {
        let folder = tempfile::tempdir().unwrap();
        document::write(&folder.path().join(FILE), &saved.content()).unwrap();
        read(folder.path(), wall(Wall::Kept)).unwrap()
    }

    #[test]
    fn what_is_kept_is_recalled() {
        let dropped = HookEvent::dropped(11, Timestamp::UNIX_EPOCH, 10, None);
        let pager = ("pager".to_owned(), vec![dropped, event(12), event(13)]);
        let saved =
            SavedQueues { last_id: 14, hooks: vec![pager, ("a\"b".into(), vec![event(13)])] };
        assert_eq!(there_and_back(&saved), saved);
        assert_eq!(there_and_back(&SavedQueues::default()), SavedQueues::default());
    }

    #[test]
    fn full_queues_of_every_hook_fit_into_the_file() {
        let mut queue = EventQueue::default();
        for id in 0..2000 {
            queue.push(long_event(id, 4000));
        }
        queue.take();
        let events: Vec<HookEvent> = queue.events().cloned().collect();
        let octets: usize = events.iter().map(|event| event.body().len()).sum();
        assert!(octets > MAX_OCTETS * 9 / 10, "{octets}");
        let hooks = (0..32).map(|index| (format!("{index:063}"), events.clone())).collect();
        let saved = SavedQueues { last_id: u64::MAX, hooks };
        assert_eq!(there_and_back(&saved), saved);
        let queue = EventQueue::from_events(events.clone());
        assert!(queue.events().eq(&events), "nothing is dropped for it");
    }
}
