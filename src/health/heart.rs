//! Measures for how long this process was held up: time in which it could neither send nor read.
//!
//! One task sleeps for short times on the runtime of the probes. Each end of a sleep is a beat. A
//! beat is late for the same reasons as the probes: the runtime is busy, other processes have the
//! core, or the process was stopped. While the machine is suspended the monotonic clock stands
//! still and no timer is late; the difference to the boot-time clock, which goes on, gives that
//! time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Time from beat to beat while a probe is in flight.
const QUICK: Duration = Duration::from_millis(25);
/// Time from beat to beat while no probe is in flight.
const SLOW: Duration = Duration::from_millis(250);
/// A timer that is late by less does not count as late: on a busy machine no timer is more exact.
const NOTICEABLE: Duration = Duration::from_millis(20);

/// Measures how much time this process loses.
#[derive(Debug)]
pub struct Heart {
    beats: Mutex<Beats>,
    /// Number of probes in flight.
    in_flight: AtomicUsize,
    /// How long the machine had been suspended when this was made.
    suspended_before: Duration,
    /// Notified when a probe begins while none is in flight.
    quicken: Notify,
}

#[derive(Debug)]
struct Beats {
    /// The sum of what the beats were late.
    lost: Duration,
    /// When the next beat is due; `None` before [`Heart::run`].
    due: Option<Instant>,
}

/// A probe in flight; dropped when the probe ends.
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
    /// Beats for ever; runs as a task of its own.
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

    /// Time lost until now: by late beats, by the next beat if it is overdue, and by suspension.
    pub fn lost(&self) -> Duration {
        let beats = self.beats();
        let late = beats.due.map(late).unwrap_or_default();
        beats.lost + late + suspended().saturating_sub(self.suspended_before)
    }

    /// Notes that a probe begins.
    pub fn fly(self: &Arc<Heart>) -> Flight {
        if self.in_flight.fetch_add(1, Ordering::Relaxed) == 0 {
            self.quicken.notify_one();
        }
        Flight { lost_before: self.lost(), heart: Arc::clone(self) }
    }

    /// Locks the beats. No code panics or awaits while it holds the lock.
    fn beats(&self) -> MutexGuard<'_, Beats> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// For how long the process was held up since the probe began.
    pub fn held_up(&self) -> Duration {
        self.heart.lost().saturating_sub(self.lost_before)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.heart.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How late a timer is now that was due at `due`; zero below `NOTICEABLE`.
pub fn late(due: Instant) -> Duration {
    let late = Instant::now().saturating_duration_since(due);
    if late < NOTICEABLE { Duration::ZERO } else { late }
}

/// How long the machine was suspended since it started.
fn suspended() -> Duration {
    let read = |clock| clock_gettime(clock).map(Duration::from).unwrap_or_default();
    // In this order, so that the time between the two readings does not count.
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
