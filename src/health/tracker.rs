//! Rise and fall: decides the state of one target from the sequence of its probe results.
//!
//! | state | success | failure |
//! |---|---|---|
//! | unknown, no prior standing | up | down |
//! | unknown, prior standing serving | up | as in state up |
//! | unknown, prior standing out | as in state down | down |
//! | up, falling | one unit less | `forgive` units more; down at `fall` * `forgive` units |
//! | down, rising | up after `rise` successes in a row | the row starts again |
//!
//! A failure counts until `forgive` successes have removed its units. So a single lost packet is
//! forgotten, and a target that fails more often than that falls, only later than a dead one. It is
//! a sequential test that needs no window of past results. There is no clock here: a caller that
//! probes less often judges more slowly.

use crate::cluster::check::Thresholds;
use crate::cluster::standing::{Standing, State};

/// Counts the results of one target.
#[derive(Debug, Clone)]
pub struct Tracker {
    thresholds: Thresholds,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Unseen {
        last: Option<Standing>,
    },
    /// Failures that count, in units of 1/`forgive`.
    Serving {
        units: u32,
    },
    /// Successes in a row.
    Out {
        row: u32,
    },
}

impl Tracker {
    /// `remembered` is the prior standing, from an earlier run or configuration.
    pub fn new(thresholds: Thresholds, remembered: Option<Standing>) -> Tracker {
        Tracker { thresholds, phase: Phase::Unseen { last: remembered } }
    }

    /// Counts one result. Returns the new standing if this result changed it.
    pub fn observe(&mut self, success: bool) -> Option<Standing> {
        let before = self.state().standing();
        self.phase = match (self.phase, success) {
            (Phase::Unseen { last: None }, true) => Phase::Serving { units: 0 },
            (Phase::Unseen { last: None }, false) => Phase::Out { row: 0 },
            (Phase::Unseen { last: Some(Standing::Serving) }, _) => self.serving(0, success),
            (Phase::Unseen { last: Some(Standing::Out) }, _) => self.out(0, success),
            (Phase::Serving { units }, _) => self.serving(units, success),
            (Phase::Out { row }, _) => self.out(row, success),
        };
        let after = self.state().standing();
        (after != before).then_some(after)
    }

    pub fn state(&self) -> State {
        let Thresholds { fall, rise, forgive } = self.thresholds;
        match self.phase {
            Phase::Unseen { last } => State::Unknown { last },
            Phase::Serving { units: 0 } => State::Up,
            Phase::Serving { units } => {
                State::Falling { count: units.div_ceil(forgive.max(1)), of: fall }
            }
            Phase::Out { row: 0 } => State::Down,
            Phase::Out { row } => State::Rising { count: row, of: rise },
        }
    }

    fn serving(&self, units: u32, success: bool) -> Phase {
        if success {
            return Phase::Serving { units: units.saturating_sub(1) };
        }
        let units = units.saturating_add(self.thresholds.forgive);
        if units >= self.thresholds.fall.saturating_mul(self.thresholds.forgive) {
            Phase::Out { row: 0 }
        } else {
            Phase::Serving { units }
        }
    }

    fn out(&self, row: u32, success: bool) -> Phase {
        if !success {
            Phase::Out { row: 0 }
        } else if row + 1 >= self.thresholds.rise {
            Phase::Serving { units: 0 }
        } else {
            Phase::Out { row: row + 1 }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEFAULTS: Thresholds = Thresholds { fall: 3, rise: 2, forgive: 10 };

    /// `+` is a success, `-` a failure.
    fn after(remembered: Option<Standing>, results: &str) -> State {
        let mut tracker = Tracker::new(DEFAULTS, remembered);
        for result in results.chars() {
            tracker.observe(result == '+');
        }
        tracker.state()
    }

    fn any_thresholds() -> impl Strategy<Value = Thresholds> {
        (1u32..=100, 1u32..=100, 1u32..=1000).prop_map(|(fall, rise, forgive)| Thresholds {
            fall,
            rise,
            forgive,
        })
    }

    #[test]
    fn the_first_result_decides_a_target_that_was_never_seen() {
        assert_eq!(after(None, ""), State::Unknown { last: None });
        assert_eq!(after(None, "+"), State::Up);
        assert_eq!(after(None, "-"), State::Down);
    }

    #[test]
    fn memory_makes_a_start_as_slow_to_judge_as_the_running_server() {
        let serving = Some(Standing::Serving);
        assert_eq!(after(serving, "-"), State::Falling { count: 1, of: 3 });
        assert_eq!(after(serving, "---"), State::Down);
        assert_eq!(after(serving, "+"), State::Up);
        let out = Some(Standing::Out);
        assert_eq!(after(out, "-"), State::Down);
        assert_eq!(after(out, "+"), State::Rising { count: 1, of: 2 });
        assert_eq!(after(out, "++"), State::Up);
    }

    #[test]
    fn one_failure_is_forgotten_after_ten_successes() {
        assert_eq!(after(None, "+-+++++++++"), State::Falling { count: 1, of: 3 });
        assert_eq!(after(None, "+-++++++++++"), State::Up);
    }

    #[test]
    fn a_lossy_node_falls_though_it_never_fails_three_times_in_a_row() {
        assert_eq!(after(None, "+-+-"), State::Falling { count: 2, of: 3 });
        assert_eq!(after(None, "+-+-+-"), State::Falling { count: 3, of: 3 });
        assert_eq!(after(None, "+-+-+-+-"), State::Down);
    }

    #[test]
    fn a_returning_node_rises_in_a_row_and_with_a_clear_account() {
        assert_eq!(after(None, "-+-+"), State::Rising { count: 1, of: 2 });
        assert_eq!(after(None, "-+-++"), State::Up);
        assert_eq!(after(None, "-++--"), State::Falling { count: 2, of: 3 });
    }

    #[test]
    fn only_a_change_of_standing_is_told() {
        let mut tracker = Tracker::new(DEFAULTS, None);
        assert_eq!(tracker.observe(true), None, "an unknown one serves already");
        assert_eq!(
            [false, false, false].map(|r| tracker.observe(r)).last().copied().flatten(),
            Some(Standing::Out)
        );
        assert_eq!(tracker.observe(false), None);
        assert_eq!(tracker.observe(true), None);
        assert_eq!(tracker.observe(true), Some(Standing::Serving));
    }

    proptest! {
        #[test]
        fn a_dead_one_is_out_after_exactly_fall_probes(thresholds in any_thresholds()) {
            let mut tracker = Tracker::new(thresholds, Some(Standing::Serving));
            for _ in 1..thresholds.fall {
                prop_assert_eq!(tracker.observe(false), None);
            }
            prop_assert_eq!(tracker.observe(false), Some(Standing::Out));
        }

        #[test]
        fn a_live_one_is_back_after_exactly_rise_probes(thresholds in any_thresholds()) {
            let mut tracker = Tracker::new(thresholds, Some(Standing::Out));
            for _ in 1..thresholds.rise {
                prop_assert_eq!(tracker.observe(true), None);
            }
            prop_assert_eq!(tracker.observe(true), Some(Standing::Serving));
        }

        #[test]
        fn successes_alone_never_put_anyone_out_and_pay_every_debt(
            thresholds in any_thresholds(),
            results in prop::collection::vec(any::<bool>(), 0..200),
        ) {
            let mut tracker = Tracker::new(thresholds, None);
            for result in results {
                let changed = tracker.observe(result);
                prop_assert!(changed != Some(Standing::Out) || !result);
                prop_assert!(changed != Some(Standing::Serving) || result);
            }
            for _ in 0..thresholds.fall * thresholds.forgive + thresholds.rise {
                tracker.observe(true);
            }
            prop_assert_eq!(tracker.state(), State::Up);
        }

        #[test]
        fn progress_stays_below_what_would_decide(
            thresholds in any_thresholds(),
            results in prop::collection::vec(any::<bool>(), 0..400),
        ) {
            let mut tracker = Tracker::new(thresholds, None);
            for result in results {
                tracker.observe(result);
                match tracker.state() {
                    State::Falling { count, of } => prop_assert!(count >= 1 && count <= of),
                    State::Rising { count, of } => prop_assert!(count >= 1 && count < of),
                    State::Unknown { .. } => prop_assert!(false, "seen, but unknown"),
                    State::Up | State::Down => {}
                }
            }
        }
    }
}
