//! When a target is probed next: the arithmetic of [`crate::health::schedule`], without a clock.
//!
//! Times count from any moment that stays the same. `luck` is a random number from 0 up to 1, of
//! the caller: who plays time forward draws the same ones again.

use std::time::Duration;

/// Of few targets, first probes that begin together.
const BURST: usize = 20;
/// Of many, the part of them that does.
const PART: usize = 50;
pub const STEP: Duration = Duration::from_millis(10);
/// How long after its beat a probe may begin, as a share of the interval.
const JITTER: f64 = 0.1;
/// How long after a first failure the node is asked once more, as a part of the interval.
const AGAIN: u32 = 4;
/// But never sooner: what is shorter is one disturbance, and is to count once.
const AGAIN_FLOOR: Duration = Duration::from_secs(1);

/// First probes that begin together when so many targets are new.
pub fn burst_size(targets: usize) -> usize {
    BURST.max(targets.div_ceil(PART))
}

/// How long the first probe of the `index`th of so many new targets waits.
pub fn first_delay(index: usize, targets: usize) -> Duration {
    STEP * u32::try_from(index / burst_size(targets)).unwrap_or(u32::MAX)
}

/// The beat of one target.
#[derive(Debug, Clone, Copy)]
pub struct ProbeTimer {
    every: Duration,
    next: Duration,
    /// The last verdict was good.
    well: bool,
    /// The last probe said nothing.
    void: bool,
}

impl ProbeTimer {
    /// Of a target whose first probe begins at `now`: the second comes after half an interval to
    /// one and a half.
    pub fn new(every: Duration, now: Duration, luck: f64) -> ProbeTimer {
        ProbeTimer { every, next: now + every.mul_f64(0.5 + luck), well: false, void: false }
    }

    /// When to ask once more ahead of the beat: only after the first failure behind a success, and
    /// only when the beat is not near. So there are never more than two probes in an interval.
    /// Takes note of the verdict.
    pub fn retry_after_failure(&mut self, now: Duration, failed: bool) -> Option<Duration> {
        let first = std::mem::replace(&mut self.well, !failed) && failed;
        self.void = false;
        let pause = (self.every / AGAIN).max(AGAIN_FLOOR);
        (first && now + 2 * pause <= self.next).then_some(now + pause)
    }

    /// When to ask once more ahead of the beat because the probe said nothing: a quarter to half an
    /// interval later, and only after the first of a row. So a machine that is held up all the time
    /// probes as often as the beat says.
    pub fn retry_after_void(&mut self, now: Duration, luck: f64) -> Option<Duration> {
        let first = !std::mem::replace(&mut self.void, true);
        let pause = (self.every / AGAIN).mul_f64(1.0 + luck);
        (first && now + pause < self.next).then_some(now + pause)
    }

    /// When the next probe begins, now that the last one has its verdict. Beats that are over are
    /// left out.
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
        // The beats of 3 and 4 s are missed; that of 5 s is less than one ago.
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
