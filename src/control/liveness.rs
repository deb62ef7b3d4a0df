//! Liveness: whether the writer decides and probes finish, by the time at which each last did.
//!
//! | observed | means |
//! |---|---|
//! | the writer passed its loop within [`LOOP`] | it decides; it wakes at least once a second |
//! | a probe finished within the time of [`Liveness::expect`] | it decides on recent results |
//! | no target is probed (no pool, or only reports) | only the writer's loop counts |
//!
//! A probe that fails because of this machine counts as finished: a restart would not repair the
//! machine.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::checks::checked::Probe;
use crate::control::probes::ProbeChanges;
use crate::health::TargetId;

/// Longest time for one pass of the writer's loop.
pub const LOOP: Duration = Duration::from_secs(5);
/// Intervals of the target that is probed most often, within which some probe must finish.
const ROUNDS: u32 = 3;
/// Added to these intervals, for a busy machine.
const SLACK: Duration = Duration::from_secs(5);

/// The times of the latest progress; clones share them.
#[derive(Debug, Clone)]
pub struct Liveness(Arc<Marks>);

/// Times in milliseconds since `start`.
#[derive(Debug)]
struct Marks {
    start: Instant,
    /// The latest pass of the writer's loop.
    looped: AtomicU64,
    /// The end of the latest probe.
    probed: AtomicU64,
    /// Longest time without a finished probe; 0 when no target is probed.
    bound: AtomicU64,
}

/// What makes no progress, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stall {
    Writer(Duration),
    Probes(Duration),
}

/// Marks the progress of the probes, and derives the bound on it from the targets that are probed.
#[derive(Debug)]
pub struct ProbeRounds {
    pub liveness: Liveness,
    /// For each probed target, the longest time from one result to the next.
    targets: HashMap<TargetId, Duration>,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stall::Writer(since) => {
                write!(f, "nothing was decided for {} s", since.as_secs())
            }
            Stall::Probes(since) => {
                write!(f, "no probe was finished for {} s", since.as_secs())
            }
        }
    }
}

impl Default for Liveness {
    fn default() -> Liveness {
        let [looped, probed, bound] = Default::default();
        Liveness(Arc::new(Marks { start: Instant::now(), looped, probed, bound }))
    }
}

impl Liveness {
    /// Marks a pass of the writer's loop. After a stall, such as that of a process that was stopped
    /// and continued, the time for probes starts again.
    pub fn mark_loop(&self) {
        let now = self.now();
        let before = self.0.looped.swap(now, Ordering::Relaxed);
        if now.saturating_sub(before) > millis(LOOP) {
            self.mark_probe();
        }
    }

    /// Marks a finished probe.
    pub fn mark_probe(&self) {
        self.0.probed.store(self.now(), Ordering::Relaxed);
    }

    /// Sets the time within which a probe must finish. `round` is the interval of the target that
    /// is probed most often; `None` if no target is probed.
    pub fn expect(&self, round: Option<Duration>) {
        let bound = round.map_or(Duration::ZERO, |round| round * ROUNDS + SLACK);
        self.mark_probe();
        self.0.bound.store(millis(bound), Ordering::Relaxed);
    }

    /// Fails if the writer's loop or the probes make no progress.
    pub fn check(&self) -> Result<(), Stall> {
        // The marks are read before the clock, so that none is later than `now`.
        let [looped, probed, bound] =
            [&self.0.looped, &self.0.probed, &self.0.bound].map(|of| of.load(Ordering::Relaxed));
        let now = self.now();
        let since = |mark: u64| Duration::from_millis(now.saturating_sub(mark));
        if since(looped) > LOOP {
            return Err(Stall::Writer(since(looped)));
        }
        if bound > 0 && since(probed) > Duration::from_millis(bound) {
            return Err(Stall::Probes(since(probed)));
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        millis(self.0.start.elapsed())
    }
}

impl ProbeRounds {
    pub fn new(liveness: Liveness) -> ProbeRounds {
        ProbeRounds { liveness, targets: HashMap::new() }
    }

    /// Follows a change of what is probed.
    pub fn update(&mut self, changes: &ProbeChanges) {
        if changes.stop.is_empty() && changes.start.is_empty() {
            return;
        }
        for target in &changes.stop {
            self.targets.remove(target);
        }
        for target in &changes.start {
            // A target that waits for reports is not probed.
            if !matches!(target.check.probe, Probe::Push(_)) {
                self.targets.insert(target.id, target.check.every + target.check.timeout);
            }
        }
        self.liveness.expect(self.targets.values().min().copied());
    }

    /// Marks a finished probe if `target` is probed.
    pub fn observe(&self, target: TargetId) {
        if self.targets.contains_key(&target) {
            self.liveness.mark_probe();
        }
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old(age: Duration) -> Liveness {
        let [looped, probed, bound] = Default::default();
        Liveness(Arc::new(Marks { start: Instant::now() - age, looped, probed, bound }))
    }

    #[test]
    fn a_writer_that_stands_still_is_told() {
        let liveness = old(LOOP + Duration::from_secs(2));
        assert!(matches!(liveness.check(), Err(Stall::Writer(since)) if since > LOOP));
        assert_eq!(liveness.check().unwrap_err().to_string(), "nothing was decided for 7 s");
        liveness.mark_loop();
        assert_eq!(liveness.check(), Ok(()), "no target is probed");
    }

    #[test]
    fn probes_that_do_not_end_are_told_after_some_rounds_of_the_quickest() {
        let liveness = old(Duration::from_secs(100));
        liveness.expect(Some(Duration::from_secs(7)));
        liveness.mark_loop();
        assert_eq!(liveness.check(), Ok(()));
        liveness.0.probed.store(0, Ordering::Relaxed);
        assert!(matches!(liveness.check(), Err(Stall::Probes(_))));
        liveness.mark_probe();
        assert_eq!(liveness.check(), Ok(()));
        liveness.0.probed.store(0, Ordering::Relaxed);
        liveness.expect(Some(Duration::from_secs(3600)));
        assert_eq!(liveness.check(), Ok(()), "rare probes are no standstill");
        liveness.0.probed.store(0, Ordering::Relaxed);
        liveness.expect(None);
        assert_eq!(liveness.check(), Ok(()), "nothing is probed any more");
    }
}
