//! Decides when a target is probed next: the arithmetic of [`crate::health::schedule`], without a
//! clock.
//!
//! All times of one target count from the same moment, which the caller chooses. `luck` is a random
//! number of the caller, from 0 to less than 1; a simulation can repeat its numbers.

use std::time::Duration;

/// Least number of first probes that begin together.
const BURST: usize = 20;
/// Most groups of first probes, however many targets are new.
const PART: usize = 50;
/// Time from one group of first probes to the next.
pub const STEP: Duration = Duration::from_millis(10);
/// Longest time from a beat to its probe, as a share of the interval.
const JITTER: f64 = 0.1;
/// A target is probed again after the interval divided by this number, when its first probe fails
/// after a success.
const AGAIN: u32 = 4;
/// Shortest time to that probe: failures that are closer together probably have one cause, and
/// should count once.
const AGAIN_FLOOR: Duration = Duration::from_secs(1);

/// How many first probes begin together when `targets` targets are new.
pub fn burst_size(targets: usize) -> usize {
    BURST.max(targets.div_ceil(PART))
}

/// How long the first probe of the `index`th of `targets` new targets waits.
pub fn first_delay(index: usize, targets: usize) -> Duration {
    STEP * u32::try_from(index / burst_size(targets)).unwrap_or(u32::MAX)
}

/// The beat of one target: moments that lie `every` apart.
#[derive(Debug, Clone, Copy)]
pub struct ProbeTimer {
    every: Duration,
    /// The next beat.
    next: Duration,
    /// Whether the latest verdict was no failure.
    well: bool,
    /// Whether the latest probe was void.
    void: bool,
}

impl ProbeTimer {
    /// The timer of a target whose first probe begins at `now`. The second probe follows after half
    /// an interval to one and a half intervals.
    pub fn new(every: Duration, now: Duration, luck: f64) -> ProbeTimer {
        ProbeTimer { every, next: now + every.mul_f64(0.5 + luck), well: false, void: false }
    }

    /// Notes the verdict, and returns when to probe again before the next beat. `None` unless this
    /// is the first failure after a success and the next beat is not near. So there are never more
    /// than two probes in an interval.
    pub fn retry_after_failure(&mut self, now: Duration, failed: bool) -> Option<Duration> {
        let first = std::mem::replace(&mut self.well, !failed) && failed;
        self.void = false;
        let pause = (self.every / AGAIN).max(AGAIN_FLOOR);
        (first && now + 2 * pause <= self.next).then_some(now + pause)
    }

    /// Notes a void probe, and returns when to probe again before the next beat: a quarter to half
    /// an interval later. `None` unless this is the first void probe in a row and the next beat is
    /// later than that. So a machine that is held up all the time probes only once a beat.
    pub fn retry_after_void(&mut self, now: Duration, luck: f64) -> Option<Duration> {
        let first = !std::mem::replace(&mut self.void, true);
        let pause = (self.every / AGAIN).mul_f64(1.0 + luck);
        (first && now + pause < self.next).then_some(now + pause)
    }

    /// When the probe of the next beat begins. Call it when the latest probe has its verdict.
    /// Missed beats are left out.
    pub fn next(&mut self, now: Duration, luck: f64) -> Duration {
        let late = now.saturating_sub(self.next).as_nanos();
        let over = u32::try_from(late / self.every.as_nanos().max(1)).unwrap_or_default();
        let beat = self.next + self.every * over;
        self.next = beat + self.every;
        beat + self.every.mul_f64(luck * JITTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_late_verdict_leaves_out_the_beats_that_it_missed() {
        let mut timer = ProbeTimer::new(SECOND, Duration::ZERO, 0.5);
        assert_eq!(timer.next(Duration::from_millis(300), 0.0), SECOND);
        assert_eq!(timer.next(Duration::from_millis(1100), 0.5), Duration::from_millis(2050));
        // The beats at 3 and 4 s are missed; the beat at 5 s is less than an interval ago.
        assert_eq!(timer.next(Duration::from_millis(5300), 0.0), 5 * SECOND);
        assert_eq!(timer.next(Duration::from_millis(5400), 0.0), 6 * SECOND);
    }
    #[test]
    fn only_the_first_of_a_row_that_says_nothing_is_repeated() {
        let mut timer = ProbeTimer::new(4 * SECOND, Duration::ZERO, 0.5);
        assert_eq!(timer.retry_after_void(SECOND, 0.5), Some(Duration::from_millis(2500)));
        assert_eq!(timer.retry_after_void(Duration::from_millis(2600), 0.0), None);
        assert_eq!(timer.next(Duration::from_millis(2600), 0.0), 4 * SECOND);
        assert_eq!(timer.retry_after_failure(4 * SECOND, false), None);
        assert_eq!(timer.retry_after_void(5 * SECOND, 0.0), Some(6 * SECOND));
        timer.retry_after_failure(6 * SECOND, false);
        assert_eq!(
            timer.retry_after_void(Duration::from_millis(7500), 0.0),
            None,
            "the beat is near"
        );
    }

    #[test]
    fn only_a_first_failure_is_asked_about_once_more() {
        let every = 5 * SECOND;
        let mut timer = ProbeTimer::new(every, Duration::ZERO, 0.5);
        assert_eq!(
            timer.retry_after_failure(Duration::ZERO, true),
            None,
            "of a new target one failure is enough"
        );
        assert_eq!(timer.retry_after_failure(SECOND, false), None);
        assert_eq!(timer.retry_after_failure(2 * SECOND, true), Some(Duration::from_millis(3250)));
        assert_eq!(
            timer.retry_after_failure(Duration::from_millis(3250), true),
            None,
            "it is known to be falling"
        );
        assert_eq!(timer.retry_after_failure(Duration::from_millis(3300), false), None);
        assert_eq!(timer.retry_after_failure(4 * SECOND, true), None, "the beat is near");
        let mut quick = ProbeTimer::new(SECOND, Duration::ZERO, 0.5);
        quick.retry_after_failure(Duration::ZERO, false);
        assert_eq!(
            quick.retry_after_failure(Duration::ZERO, true),
            None,
            "it is asked soon anyway"
        );
    }
}
