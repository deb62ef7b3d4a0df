//! The state of one target: its tracker, and the results of its probes.
//!
//! Each observation updates the tracker at once. The standing follows only with
//! [`TargetState::commit`], which is not called before the first round of a run is over.

use crate::clock::Moment;
use crate::cluster::check::Thresholds;
use crate::cluster::standing::{Standing, State};
use crate::control::member::load::Load;
use crate::health::TargetId;
use crate::health::probe::answer::{Healthy, Verdict};
use crate::health::probe::failure::Failure;
use crate::health::tracker::Tracker;

/// The state of one target.
#[derive(Debug, Clone)]
pub struct TargetState {
    pub id: TargetId,
    tracker: Tracker,
    /// The committed standing.
    standing: Standing,
    /// When the tracker last changed its standing, or from when on that standing is assumed.
    pub since: Moment,
    /// Results since the target exists.
    pub probes: u64,
    /// Failures among them, those of this machine included.
    pub failures: u64,
    /// Time of the latest result; `None` before the first.
    pub last_probe: Option<Moment>,
    /// Void probes: they have no result, because this machine was held up.
    pub voids: u64,
    /// Void probes since the last result.
    pub voids_in_row: u32,
    /// Time of the last result that says something about the node.
    pub last_verdict: Option<Moment>,
    /// Whether an extra probe was asked for, and there has been no result since.
    pub is_awaited: bool,
    /// The latest healthy result; `None` before the first.
    pub last_healthy: Option<Healthy>,
    /// The latest failure; `None` once the target is up and no failure counts any more.
    pub last_failure: Option<Failure>,
    /// `None` unless the check has `load: true`.
    pub load: Option<Load>,
    /// Whether the latest result about the node was a failure.
    pub fails: bool,
    /// Whether its check is probed in both families of the member, and this target is one of the
    /// two.
    pub is_of_two: bool,
    /// Whether this machine had no route in the target's family at the latest probe; false unless
    /// `is_of_two`.
    pub is_blind: bool,
    thresholds: Thresholds,
    /// Whether [`TargetState::cause`] shows a count like `(3/3)`: false if the very first result
    /// decided.
    shows_count: bool,
}

/// The standing of a target or member before its first result, from an earlier run or
/// configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriorStanding {
    pub standing: Standing,
    pub since: Moment,
}

impl TargetState {
    pub fn new(
        id: TargetId,
        thresholds: Thresholds,
        prior: Option<PriorStanding>,
        now: Moment,
    ) -> TargetState {
        let tracker = Tracker::new(thresholds, prior.map(|prior| prior.standing));
        TargetState {
            id,
            standing: tracker.state().standing(),
            tracker,
            since: prior.map_or(now, |prior| prior.since),
            probes: 0,
            failures: 0,
            last_probe: None,
            voids: 0,
            voids_in_row: 0,
            last_verdict: None,
            is_awaited: false,
            last_healthy: None,
            last_failure: None,
            load: None,
            fails: false,
            is_of_two: false,
            is_blind: false,
            thresholds,
            shows_count: true,
        }
    }

    /// Counts one result. Returns whether the state or the share by load changed.
    pub fn observe(&mut self, verdict: &Verdict, now: Moment) -> bool {
        if verdict.as_ref().is_err_and(Failure::is_void) {
            self.voids += 1;
            self.voids_in_row = self.voids_in_row.saturating_add(1);
            return false;
        }
        self.voids_in_row = 0;
        self.probes += 1;
        self.last_probe = Some(now);
        match verdict {
            Ok(healthy) => self.last_healthy = Some(*healthy),
            Err(failure) => {
                self.failures += 1;
                // A failure of this machine does not replace the latest failure of the node.
                if !failure.is_ours() || self.last_failure.as_ref().is_none_or(Failure::is_ours) {
                    self.last_failure = Some(failure.clone());
                }
            }
        }
        self.is_blind = self.is_of_two && matches!(verdict, Err(Failure::NoNetwork));
        if self.is_blind || verdict.as_ref().is_err_and(Failure::is_ours) {
            return false;
        }
        self.last_verdict = Some(now);
        self.is_awaited = false;
        self.fails = verdict.is_err();
        let before = self.state();
        if self.tracker.observe(verdict.is_ok()).is_some() {
            self.since = now;
            self.shows_count = before != State::Unknown { last: None };
        }
        if self.state() == State::Up {
            self.last_failure = None;
        }
        let is_out = self.state().standing() == Standing::Out;
        let loaded = match (&mut self.load, verdict) {
            (Some(load), Ok(healthy)) => load.observe(healthy.capacity()),
            (Some(load), Err(_)) if is_out => {
                load.reset();
                false
            }
            (Some(_), Err(_)) | (None, _) => false,
        };
        loaded || self.state() != before
    }

    /// Commits the tracker's standing. Returns the new standing if it changed.
    pub fn commit(&mut self) -> Option<Standing> {
        let standing = self.state().standing();
        let changed = standing != self.standing;
        self.standing = standing;
        changed.then_some(standing)
    }

    /// The state by all results so far, committed or not.
    pub fn state(&self) -> State {
        self.tracker.state()
    }

    /// The committed standing.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Why the standing changed: `connection refused (3/3)`.
    pub fn cause(&self) -> String {
        let count_of = |count: u32| match self.shows_count {
            true => format!(" ({count}/{count})"),
            false => String::new(),
        };
        match (self.standing, &self.last_failure, &self.last_healthy) {
            (Standing::Out, Some(failure), _) => {
                format!("{failure}{}", count_of(self.thresholds.fall))
            }
            (Standing::Serving, _, Some(healthy)) => {
                format!("{}{}", healthy.said, count_of(self.thresholds.rise))
            }
            (Standing::Out, None, _) | (Standing::Serving, _, None) => "not probed yet".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::health::probe::answer::ProbeAnswer;

    const OK: Verdict = Ok(Healthy {
        said: ProbeAnswer::Status(200),
        rtt: Duration::from_micros(1300),
        certificate: None,
    });
    const REFUSED: Verdict = Err(Failure::Refused);

    fn at(second: i64) -> Moment {
        Moment::on_line(Timestamp::from_second(second).unwrap())
    }

    fn target(prior: Option<Standing>) -> TargetState {
        let thresholds = Thresholds { fall: 3, rise: 2, forgive: 10 };
        let prior = prior.map(|standing| PriorStanding { standing, since: at(-100) });
        TargetState::new(TargetId(1), thresholds, prior, at(0))
    }

    #[test]
    fn a_standing_counts_only_when_it_is_taken_over() {
        let mut target = target(None);
        assert!(target.observe(&REFUSED, at(1)));
        assert_eq!(target.standing(), Standing::Serving);
        assert_eq!(target.commit(), Some(Standing::Out));
        assert_eq!(target.commit(), None);
        assert_eq!(target.cause(), "connection refused");
        target.observe(&OK, at(2));
        target.observe(&OK, at(3));
        assert_eq!(target.commit(), Some(Standing::Serving));
        assert_eq!((target.cause().as_str(), target.since), ("200 (2/2)", at(3)));
    }

    #[test]
    fn what_was_remembered_keeps_its_time() {
        let mut target = target(Some(Standing::Out));
        target.observe(&REFUSED, at(1));
        assert_eq!((target.state(), target.since), (State::Down, at(-100)));
    }

    #[test]
    fn a_probe_that_was_held_up_counts_as_not_sent() {
        let mut target = target(Some(Standing::Serving));
        target.observe(&REFUSED, at(1));
        let void = Err(Failure::Void { held_up: Duration::from_secs(5) });
        for second in 2..9 {
            assert!(!target.observe(&void, at(second)));
        }
        assert_eq!(target.state(), State::Falling { count: 1, of: 3 });
        assert_eq!((target.probes, target.failures, target.voids), (1, 1, 7));
        assert_eq!((target.voids_in_row, target.last_verdict), (7, Some(at(1))));
        assert_eq!(target.last_failure, Some(Failure::Refused), "what is known stays");
        target.observe(&OK, at(9));
        assert_eq!((target.voids, target.voids_in_row), (7, 0));
    }

    #[test]
    fn a_fault_of_this_machine_moves_nothing() {
        let mut target = target(Some(Standing::Serving));
        for second in 0..9 {
            assert!(!target.observe(&Err(Failure::NoSocket), at(second)));
        }
        assert_eq!(target.commit(), None);
        assert_eq!((target.probes, target.failures), (9, 9));
    }

    #[test]
    fn the_reason_of_the_node_outlasts_a_fault_of_this_machine() {
        let mut target = target(None);
        target.observe(&Err(Failure::NoSocket), at(1));
        assert_eq!(target.last_failure, Some(Failure::NoSocket), "there is no other");
        target.observe(&REFUSED, at(2));
        target.commit();
        for second in 3..6 {
            target.observe(&Err(Failure::NoSocket), at(second));
            assert_eq!(target.last_failure, Some(Failure::Refused));
            assert_eq!(target.cause(), "connection refused");
        }
    }
}
