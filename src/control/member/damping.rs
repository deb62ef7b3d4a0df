//! Flap damping: counts how often a member fell, and holds it out of the answers if that was often.
//!
//! | event | effect | clients feel |
//! |---|---|---|
//! | the member falls | the fall counts; the `falls`th in the window begins a hold | it is out |
//! | it rises within the hold | none | nothing |
//! | it falls again within the hold | the fall does not count: clients felt no return | nothing |
//! | the time of the hold is over | the hold ends | it is back, if it is healthy |
//! | too few members serve without it | the hold ends | it is back, as it is healthy |
//!
//! A hold begins with the fall, so it does not prolong a failure that lasts longer. [`Damping`]
//! computes the length of a hold.

use std::collections::VecDeque;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::cluster::steadiness::Damping;

/// The falls of one member in one address family.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Falls {
    /// The times of the falls, the oldest first; at most [`Damping::remembered`].
    times: VecDeque<Moment>,
    /// The end of the hold; `None` without one.
    held_until: Option<Moment>,
}

impl Falls {
    /// Counts a fall that clients feel.
    pub fn count_fall(&mut self, rule: &Damping, now: Moment) {
        self.times.retain(|at| is_within(rule, *at, now));
        self.times.push_back(now);
        let count = self.times.len() as u32;
        if count > rule.remembered() {
            self.times.pop_front();
        }
        self.held_until = rule.hold(count).and_then(|hold| now.checked_add(hold));
    }

    /// Whether there is neither a fall nor a hold.
    pub fn is_none(&self) -> bool {
        self.times.is_empty() && self.held_until.is_none()
    }

    /// The number of falls within the window that ends now.
    pub fn count(&self, rule: &Damping, now: Moment) -> usize {
        self.times.iter().filter(|at| is_within(rule, **at, now)).count()
    }

    /// The end of the hold; `None` without one.
    pub fn held_until(&self) -> Option<Moment> {
        self.held_until
    }

    /// Ends the hold if its time is over. Returns whether it did.
    pub fn end_hold(&mut self, now: Moment) -> bool {
        self.held_until.take_if(|until| *until <= now).is_some()
    }

    /// The same falls, with every time moved by `by`.
    pub fn moved(&self, by: SignedDuration) -> Falls {
        let times = self.times.iter().map(|at| *at + by).collect();
        Falls { times, held_until: self.held_until.map(|until| until + by) }
    }

    /// The falls that an earlier run stored, without a hold longer than the rule allows.
    pub fn recalled(&self, rule: &Damping, now: Moment) -> Falls {
        let held_until = self.held_until.map(|until| until.min(now.later(rule.most)));
        Falls { times: self.times.clone(), held_until }
    }

    /// Ends the hold before its time; the falls continue to count.
    pub fn release(&mut self) {
        self.held_until = None;
    }
}

fn is_within(rule: &Damping, at: Moment, now: Moment) -> bool {
    let window = SignedDuration::try_from(rule.within).unwrap_or(SignedDuration::MAX);
    now.duration_since(at) < window
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const RULE: Damping = Damping::DEFAULT;

    fn at(minute: i64) -> Moment {
        Moment::on_line(Timestamp::from_second(minute * 60).unwrap())
    }

    fn fallen(minutes: &[i64]) -> Falls {
        let mut falls = Falls::default();
        minutes.iter().for_each(|minute| falls.count_fall(&RULE, at(*minute)));
        falls
    }

    #[test]
    fn three_falls_are_forgiven_and_the_fourth_is_not() {
        assert_eq!(fallen(&[0, 1, 2]).held_until(), None);
        assert_eq!(fallen(&[0, 1, 2, 3]).held_until(), Some(at(4)));
        assert_eq!(fallen(&[0, 1, 2, 3, 5]).held_until(), Some(at(7)));
    }

    #[test]
    fn a_fall_is_forgotten_when_its_window_is_over() {
        assert_eq!(fallen(&[0, 1, 2, 60]).held_until(), None, "that of minute 0 is an hour ago");
        let falls = fallen(&[0, 1, 2, 59]);
        assert_eq!(falls.held_until(), Some(at(60)));
        assert_eq!([59, 60, 61, 119].map(|now| falls.count(&RULE, at(now))), [4, 3, 2, 0]);
    }

    #[test]
    fn a_hold_ends_once() {
        let mut falls = fallen(&[0, 1, 2, 3]);
        assert!(!falls.end_hold(at(3)));
        assert!(falls.end_hold(at(4)) && !falls.end_hold(at(4)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let falls = fallen(&(0..50).collect::<Vec<i64>>());
        assert_eq!(falls.count(&RULE, at(50)), RULE.remembered() as usize);
        assert_eq!(falls.held_until(), Some(at(49 + 30)));
    }
}
