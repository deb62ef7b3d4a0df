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
use crate::hooks::event::Event;
use crate::state_dir::{RETRY, WRITE_INTERVAL, disk, document};

/// Name of the file in the state folder.
pub const FILE: &str = "hooks.json";
/// Of the file's form. A change of it means a new number.
const VERSION: u32 = 1;

/// What waits for all hooks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// No event had a greater one.
    pub last_id: u64,
    /// Names of hooks, and what waits for each, oldest first.
    pub hooks: Vec<(String, Vec<Event>)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(rename = "version")]
    _version: u32,
    last_id: u64,
    hooks: Vec<KeptHook>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptHook {
    name: String,
    events: Vec<Body>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "Value")]
struct Body(Event);

impl TryFrom<Value> for Body {
    type Error = &'static str;

    fn try_from(body: Value) -> Result<Body, &'static str> {
        Event::recalled(&body).map(Body).ok_or("an event is none")
    }
}

/// What an earlier run kept. The error says why it cannot be read. Blocks.
pub fn recall(folder: &Path, now: Timestamp) -> Result<Kept, String> {
    let consequence = "so what an earlier run had not told the hooks is not told";
    let content = document::read(&folder.join(FILE), VERSION, consequence, now)?;
    let kept = content.map(|content: Content| Kept {
        last_id: content.last_id,
        hooks: content.hooks.into_iter().map(KeptHook::events).collect(),
    });
    Ok(kept.unwrap_or_default())
}

impl KeptHook {
    fn events(self) -> (String, Vec<Event>) {
        (self.name, self.events.into_iter().map(|body| body.0).collect())
    }
}

impl Kept {
    /// Bodies are JSON as they are.
    fn content(&self) -> Vec<u8> {
        let hook = |(name, events): &(String, Vec<Event>)| {
            let events: Vec<&str> = events.iter().map(Event::body).collect();
            format!("{{\"name\":{},\"events\":[{}]}}", Value::from(name.as_str()), events.join(","))
        };
        let hooks: Vec<String> = self.hooks.iter().map(hook).collect();
        let (last_id, hooks) = (self.last_id, hooks.join(","));
        format!("{{\"version\":{VERSION},\"last_id\":{last_id},\"hooks\":[{hooks}]}}").into_bytes()
    }
}

/// What there is to keep.
pub trait Keepable {
    /// Changes that are in what is [`Keepable::waiting`], or were delivered, or wanted by nobody.
    fn passed_on(&self) -> u64;
    /// As it is now.
    fn waiting(&self) -> Kept;
    /// Older than all that waits.
    fn put_first(&self, kept: Kept);
}

/// Keeps what `of` says, whenever it `changed` and once more when it has `ended`.
#[derive(Debug)]
pub struct Keeper<K> {
    pub folder: PathBuf,
    pub of: K,
    pub changed: Arc<Notify>,
    pub ended: CancellationToken,
    /// Changes that a crash does not lose.
    pub heeded: watch::Sender<u64>,
    /// What the file has; `None` while it cannot be read, and so is not written over.
    pub on_disk: Option<Kept>,
    pub troubles: Troubles,
}

impl<K: Keepable> Keeper<K> {
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
        self.heeded.send_replace(passed_on);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::event::tests::{event, long_event};
    use crate::hooks::queue::{MAX_OCTETS, Queue};

    fn there_and_back(kept: &Kept) -> Kept {
        let folder = tempfile::tempdir().unwrap();
        document::write(&folder.path().join(FILE), &kept.content()).unwrap();
        recall(folder.path(), wall(Wall::Kept)).unwrap()
    }

    #[test]
    fn what_is_kept_is_recalled() {
        let dropped = Event::dropped(11, Timestamp::UNIX_EPOCH, 10, None);
        let pager = ("pager".to_owned(), vec![dropped, event(12), event(13)]);
        let kept = Kept { last_id: 14, hooks: vec![pager, ("a\"b".into(), vec![event(13)])] };
        assert_eq!(there_and_back(&kept), kept);
        assert_eq!(there_and_back(&Kept::default()), Kept::default());
    }

    #[test]
    fn full_queues_of_every_hook_fit_into_the_file() {
        let mut queue = Queue::default();
        for id in 0..2000 {
            queue.push(long_event(id, 4000));
        }
        queue.take();
        let events: Vec<Event> = queue.events().cloned().collect();
        let octets: usize = events.iter().map(|event| event.body().len()).sum();
        assert!(octets > MAX_OCTETS * 9 / 10, "{octets}");
        let hooks = (0..32).map(|index| (format!("{index:063}"), events.clone())).collect();
        let kept = Kept { last_id: u64::MAX, hooks };
        assert_eq!(there_and_back(&kept), kept);
        let recalled = Queue::recalled(events.clone());
        assert!(recalled.events().eq(&events), "nothing is dropped for it");
    }
}
