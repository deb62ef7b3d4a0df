//! Whether verdicts are made: the newest times at which the writer passed its loop and a probe was
//! finished.
//!
//! | seen | means |
//! |---|---|
//! | the writer passed its loop within [`LOOP`] | it decides; it wakes at least each second |
//! | a probe was finished within [`Liveness::expect`] | what it decides upon is news |
//! | no target is probed (no pool, or reports alone) | only the loop counts |
//!
//! A probe that says nothing of the node, because this machine was at fault, is finished all the
//! same: a restart would not mend the machine. Marks are monotonic and cost one store each.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::cluster::check::Probe;
use crate::control::probes::ProbeChanges;
use crate::health::TargetId;

/// For the writer to pass its loop.
pub const LOOP: Duration = Duration::from_secs(5);
/// ProbeRounds of the quickest target in which no probe at all is finished.
const ROUNDS: u32 = 3;
/// Beyond them: for a machine that is busy.
const SLACK: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub struct Liveness(Arc<Marks>);

/// Milliseconds since `start`.
#[derive(Debug)]
struct Marks {
    start: Instant,
    looped: AtomicU64,
    probed: AtomicU64,
    /// For a probe to be finished; 0: none is expected.
    bound: AtomicU64,
}

/// What does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stall {
    Writer(Duration),
    Probes(Duration),
}

/// The targets that are probed, for the writer.
#[derive(Debug)]
pub struct ProbeRounds {
    pub pulse: Liveness,
    /// How long a probe of each may take, from one to the next.
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
    /// The writer passed its loop. After a standstill, such as that of a process which was stopped
    /// and goes on, probes have their time again.
    pub fn looped(&self) {
        let now = self.now();
        let before = self.0.looped.swap(now, Ordering::Relaxed);
        if now.saturating_sub(before) > millis(LOOP) {
            self.probed();
        }
    }

    /// A probe was finished.
    pub fn probed(&self) {
        self.0.probed.store(self.now(), Ordering::Relaxed);
    }

    /// The quickest target is probed once in `round`; `None`: none is probed.
    pub fn expect(&self, round: Option<Duration>) {
        let bound = round.map_or(Duration::ZERO, |round| round * ROUNDS + SLACK);
        self.probed();
        self.0.bound.store(millis(bound), Ordering::Relaxed);
    }

    pub fn check(&self) -> Result<(), Stall> {
        // The marks first: none may be newer than now.
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
    pub fn new(pulse: Liveness) -> ProbeRounds {
        ProbeRounds { pulse, targets: HashMap::new() }
    }

    pub fn follow(&mut self, changes: &ProbeChanges) {
        if changes.stop.is_empty() && changes.start.is_empty() {
            return;
        }
        for target in &changes.stop {
            self.targets.remove(target);
        }
        for target in &changes.start {
            // What is reported is not probed.
            if !matches!(target.check.probe, Probe::Push(_)) {
                self.targets.insert(target.id, target.check.every + target.check.timeout);
            }
        }
        self.pulse.expect(self.targets.values().min().copied());
    }

    pub fn observe(&self, target: TargetId) {
        if self.targets.contains_key(&target) {
            self.pulse.probed();
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
        let pulse = old(LOOP + Duration::from_secs(2));
        assert!(matches!(pulse.check(), Err(Stall::Writer(since)) if since > LOOP));
        assert_eq!(pulse.check().unwrap_err().to_string(), "nothing was decided for 7 s");
        pulse.looped();
        assert_eq!(pulse.check(), Ok(()), "no target is probed");
    }

    #[test]
    fn probes_that_do_not_end_are_told_after_some_rounds_of_the_quickest() {
        let pulse = old(Duration::from_secs(100));
        pulse.expect(Some(Duration::from_secs(7)));
        pulse.looped();
        assert_eq!(pulse.check(), Ok(()));
        pulse.0.probed.store(0, Ordering::Relaxed);
        assert!(matches!(pulse.check(), Err(Stall::Probes(_))));
        pulse.probed();
        assert_eq!(pulse.check(), Ok(()));
        pulse.0.probed.store(0, Ordering::Relaxed);
        pulse.expect(Some(Duration::from_secs(3600)));
        assert_eq!(pulse.check(), Ok(()), "rare probes are no standstill");
        pulse.0.probed.store(0, Ordering::Relaxed);
        pulse.expect(None);
        assert_eq!(pulse.check(), Ok(()), "nothing is probed any more");
    }
}
