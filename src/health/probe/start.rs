//! The start of a program. The kernel reads it from a disk that may not answer, such as one on
//! another machine, and no timeout ends that: so a thread of its own starts it, and may hang.
//!
//! Of one program and of all a bounded number of starts is under way. So what hangs keeps the
//! programs of another disk from nothing, and takes no more threads than [`AT_ONCE`].

use std::collections::HashMap;
use std::io;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::health::probe::group::Group;

/// Starts that are under way, for probes and hooks together.
pub const AT_ONCE: usize = 16;
/// The same of one program.
const OF_ONE: usize = 2;

static PLACES: LazyLock<Places> = LazyLock::new(Places::default);

/// Starts a program that leads a process group. When nobody waits any more it is killed as soon as
/// it has started.
pub async fn start(program: &str, mut command: Command) -> io::Result<(Option<Group>, Child)> {
    let place = PLACES.take(program).await;
    command.process_group(0).kill_on_drop(true);
    let start = move || {
        let _place = place;
        let child = command.spawn()?;
        Ok((Group::of(&child), child))
    };
    spawn_blocking(start).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[derive(Debug, Default)]
struct Places {
    /// Programs with their number of starts.
    under_way: Mutex<HashMap<String, usize>>,
    freed: Notify,
}

impl Places {
    async fn take(&self, program: &str) -> Place<'_> {
        loop {
            // Hears of what is freed after the look.
            let freed = self.freed.notified();
            if let Some(place) = self.try_take(program) {
                return place;
            }
            freed.await;
        }
    }

    fn try_take(&self, program: &str) -> Option<Place<'_>> {
        let mut under_way = self.lock();
        let all: usize = under_way.values().sum();
        let its = under_way.get(program).copied().unwrap_or_default();
        if all >= AT_ONCE || its >= OF_ONE {
            return None;
        }
        under_way.insert(program.to_owned(), its + 1);
        Some(Place { places: self, program: program.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One start that is under way.
#[derive(Debug)]
struct Place<'a> {
    places: &'a Places,
    program: String,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut under_way = self.places.lock();
        match under_way.get_mut(&self.program) {
            Some(its) if *its > 1 => *its -= 1,
            _ => drop(under_way.remove(&self.program)),
        }
        drop(under_way);
        self.places.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_hangs_leaves_room_for_others_and_all_have_a_bound() {
        let places = Places::default();
        let hanging = [places.take("/far/a").await, places.take("/far/a").await];
        assert!(places.try_take("/far/a").is_none());
        let others: Vec<_> =
            (0..AT_ONCE).map_while(|number| places.try_take(&number.to_string())).collect();
        assert_eq!(others.len(), AT_ONCE - hanging.len());
        drop(others);
        let waiting = places.take("/far/a");
        let free = async {
            tokio::task::yield_now().await;
            drop(hanging);
        };
        let (place, ()) = tokio::join!(waiting, free);
        drop(place);
        assert!(places.lock().is_empty());
    }
}
