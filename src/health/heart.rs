//! How long this process was held up: a beat that comes late is time in which nobody here could
//! send, read or take note of anything.
//!
//! One task beats beside the probes, on their runtime. So it is late by whatever makes them late: a
//! runtime that is busy, a core that others have, a process that was stopped. While the machine is
//! suspended the monotonic clock stands still and no timer is late; then its difference to the
//! clock that goes on tells.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// From beat to beat while a probe is in flight. A hold-up is measured to that.
const QUICK: Duration = Duration::from_millis(25);
/// And while there is none.
const SLOW: Duration = Duration::from_millis(250);
/// A beat that is late by less has not been held up: timers are not more exact on a busy machine.
const NOTICEABLE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct Heart {
    beats: Mutex<Beats>,
    in_flight: AtomicUsize,
    suspended_before: Duration,
    /// A probe begins.
    quicken: Notify,
}

#[derive(Debug)]
struct Beats {
    /// Time that was lost, in all.
    lost: Duration,
    /// The next beat; `None` before the first.
    due: Option<Instant>,
}

/// Held by a probe while it is in flight.
#[derive(Debug)]
pub struct Flight {
    heart: Arc<Heart>,
    lost_before: Duration,
}

impl Default for Heart {
    fn default() -> Heart {
        let beats = Mutex::new(Beats { lost: Duration::ZERO, due: None });
        let (in_flight, quicken) = Default::default();
        Heart { beats, in_flight, suspended_before: suspended(), quicken }
    }
}

impl Heart {
    /// Never returns.
    pub async fn run(self: Arc<Heart>) {
        loop {
            let is_slow = self.in_flight.load(Ordering::Relaxed) == 0;
            let due = Instant::now() + if is_slow { SLOW } else { QUICK };
            self.beats().due = Some(due);
            tokio::select! {
                biased;
                () = sleep_until(due) => {}
                () = self.quicken.notified(), if is_slow => {}
            }
            let mut beats = self.beats();
            beats.lost += late(due);
        }
    }

    /// Time lost until now, with what the beat is late, and what the machine was suspended.
    pub fn lost(&self) -> Duration {
        let beats = self.beats();
        let late = beats.due.map(late).unwrap_or_default();
        beats.lost + late + suspended().saturating_sub(self.suspended_before)
    }

    /// A probe begins.
    pub fn fly(self: &Arc<Heart>) -> Flight {
        if self.in_flight.fetch_add(1, Ordering::Relaxed) == 0 {
            self.quicken.notify_one();
        }
        Flight { lost_before: self.lost(), heart: Arc::clone(self) }
    }

    /// Nothing panics while it is held, and no await lies in between.
    fn beats(&self) -> MutexGuard<'_, Beats> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// How long the process was held up since it began.
    pub fn held_up(&self) -> Duration {
        self.heart.lost().saturating_sub(self.lost_before)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.heart.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// By how much a timer is late that was due then; nothing, when nobody would notice.
pub fn late(due: Instant) -> Duration {
    let late = Instant::now().saturating_duration_since(due);
    if late < NOTICEABLE { Duration::ZERO } else { late }
}

/// How long the machine was suspended since it started.
fn suspended() -> Duration {
    let read = |clock| clock_gettime(clock).map(Duration::from).unwrap_or_default();
    // In this order, so that what passes between the two is not counted.
    let since_the_start = read(ClockId::CLOCK_BOOTTIME);
    since_the_start.saturating_sub(read(ClockId::CLOCK_MONOTONIC))
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};
    use tokio_util::task::AbortOnDropHandle;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_that_is_lost_counts_once() {
        let heart = Arc::new(Heart::default());
        let _running = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&heart).run()));
        sleep(SLOW * 4).await;
        assert_eq!(heart.lost(), Duration::ZERO);
        let flight = heart.fly();
        sleep(QUICK * 2).await;
        let stopped = Duration::from_secs(5);
        advance(stopped).await;
        let seen = flight.held_up();
        assert!(seen <= stopped && seen + QUICK >= stopped, "{seen:?}, before the beat");
        sleep(SLOW * 4).await;
        assert_eq!(flight.held_up(), seen, "and after it");
        assert!(heart.fly().held_up().is_zero(), "no news for a later probe");
    }
}
