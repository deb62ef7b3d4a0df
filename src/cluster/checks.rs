//! The checks that decide whether a member serves: one, or several of which some number must pass.

use crate::cluster::check::Check;
use crate::cluster::standing::{Standing, State};

/// Most checks of a pool.
pub const MAX_CHECKS: usize = 8;

/// `check:` of a pool, or its `checks:` with `need:`. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checks {
    list: Vec<NamedCheck>,
    /// How many must pass.
    least: usize,
}

/// A check with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedCheck {
    /// Distinct among the checks of a pool.
    pub name: String,
    pub check: Check,
}

/// The checks of a member whose node sets some of their keys itself. Names, kinds and times are
/// those of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnChecks {
    pub checks: Checks,
    pub deep: Option<Check>,
}

impl Checks {
    /// `None` when the list is empty, or `least` is not from 1 to its length.
    pub fn new(list: Vec<NamedCheck>, least: usize) -> Option<Checks> {
        (1..=list.len()).contains(&least).then_some(Checks { list, least })
    }

    /// A single check, named after its kind.
    pub fn one(check: Check) -> Checks {
        let name = check.probe.kind().to_owned();
        Checks { list: vec![NamedCheck { name, check }], least: 1 }
    }

    pub fn list(&self) -> &[NamedCheck] {
        &self.list
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut NamedCheck> {
        self.list.iter_mut()
    }

    /// How many must pass.
    pub fn least(&self) -> usize {
        self.least
    }

    pub fn are_several(&self) -> bool {
        self.list.len() > 1
    }
}

/// The standing of a member, `least` of whose checks must pass.
pub fn standing(least: usize, checks: impl Iterator<Item = Standing>) -> Standing {
    let passing = checks.filter(|standing| *standing == Standing::Serving).count();
    if passing >= least { Standing::Serving } else { Standing::Out }
}

/// The state of a member, `least` of whose checks must pass.
///
/// | standing | checks that are falling or rising | state |
/// |---|---|---|
/// | serving | enough are falling to take it out | falling, by the check that would decide |
/// | out | enough are rising to bring it back | rising, by the check that would decide |
/// | either | it rests on checks without a result | unknown |
/// | serving, out | none of these cases | up, down |
///
/// With one check this is the state of that check. A falling check that cannot change the standing
/// shortens no TTL, because [`State::is_stable`] goes by this state.
pub fn state(least: usize, checks: &[State]) -> State {
    let of = |standing: Standing| checks.iter().filter(move |s| s.standing() == standing);
    let seen = |standing| of(standing).filter(|s| !matches!(s, State::Unknown { .. })).count();
    let (serving, out) = (of(Standing::Serving).count(), of(Standing::Out).count());
    // How many checks may be out while the member serves.
    let spare = checks.len().saturating_sub(least);
    if serving >= least {
        let falling = checks.iter().filter_map(|state| match state {
            State::Falling { count, of } => Some((*count, *of)),
            _ => None,
        });
        match deciding(falling.collect(), serving - least) {
            Some((count, of)) => State::Falling { count, of },
            None if seen(Standing::Serving) >= least => State::Up,
            None => State::Unknown { last: remembered(checks) },
        }
    } else {
        let rising = checks.iter().filter_map(|state| match state {
            State::Rising { count, of } => Some((*count, *of)),
            _ => None,
        });
        match deciding(rising.collect(), out - spare - 1) {
            Some((count, of)) => State::Rising { count, of },
            None if seen(Standing::Out) > spare => State::Down,
            None => State::Unknown { last: Some(Standing::Out) },
        }
    }
}

/// Of the falling or rising checks `moving`, the check that changes the standing when it reaches
/// its threshold: `before` others may reach theirs first without effect.
fn deciding(mut moving: Vec<(u32, u32)>, before: usize) -> Option<(u32, u32)> {
    let remaining = |(count, of): &(u32, u32)| of.saturating_sub(*count);
    moving.sort_by_key(remaining);
    moving.get(before).copied()
}

/// `Serving` if a check without a result has that as its prior standing; `None` otherwise.
fn remembered(checks: &[State]) -> Option<Standing> {
    let last = checks.iter().filter_map(|state| match state {
        State::Unknown { last } => Some(*last),
        _ => None,
    });
    last.flatten().find(|standing| *standing == Standing::Serving)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UP: State = State::Up;
    const DOWN: State = State::Down;
    const UNSEEN: State = State::Unknown { last: None };

    fn falling(count: u32) -> State {
        State::Falling { count, of: 3 }
    }

    fn rising(count: u32) -> State {
        State::Rising { count, of: 5 }
    }

    #[test]
    fn all_any_and_so_many() {
        assert_eq!(state(2, &[UP, UP]), UP);
        assert_eq!(state(2, &[UP, DOWN]), DOWN);
        assert_eq!(state(1, &[UP, DOWN]), UP);
        assert_eq!(state(1, &[DOWN, DOWN]), DOWN);
        assert_eq!(state(2, &[UP, DOWN, UP]), UP);
        assert_eq!(state(2, &[UP, DOWN, DOWN]), DOWN);
    }

    #[test]
    fn only_what_could_change_the_verdict_unsettles_it() {
        assert_eq!(state(2, &[UP, falling(2)]), falling(2));
        assert_eq!(state(1, &[UP, falling(2)]), UP, "the other one is enough");
        assert_eq!(state(1, &[falling(1), falling(2)]), falling(1), "the last one decides");
        assert_eq!(state(2, &[DOWN, falling(2)]), DOWN);
        assert_eq!(state(2, &[DOWN, rising(1)]), DOWN, "the other one must rise, too");
        assert_eq!(state(2, &[UP, rising(1)]), rising(1));
        assert_eq!(state(2, &[rising(4), rising(1)]), rising(1));
        assert_eq!(state(1, &[rising(4), rising(1)]), rising(4));
    }

    #[test]
    fn a_verdict_that_rests_upon_the_unseen_is_unknown() {
        assert_eq!(state(2, &[UP, UNSEEN]), UNSEEN);
        assert_eq!(state(1, &[UP, UNSEEN]), UP);
        assert_eq!(state(2, &[DOWN, UNSEEN]), DOWN);
        let was = |standing| State::Unknown { last: Some(standing) };
        assert_eq!(state(2, &[UP, was(Standing::Serving)]), was(Standing::Serving));
        assert_eq!(state(2, &[UP, was(Standing::Out)]), was(Standing::Out));
        assert_eq!(state(1, &[DOWN, was(Standing::Out)]), was(Standing::Out));
    }

    fn any_state() -> impl Strategy<Value = State> {
        prop_oneof![
            Just(UP),
            Just(DOWN),
            Just(UNSEEN),
            Just(State::Unknown { last: Some(Standing::Serving) }),
            Just(State::Unknown { last: Some(Standing::Out) }),
            (1u32..3).prop_map(falling),
            (1u32..5).prop_map(rising),
        ]
    }

    fn any_checks() -> impl Strategy<Value = (usize, Vec<State>)> {
        prop::collection::vec(any_state(), 1..=MAX_CHECKS)
            .prop_flat_map(|checks| (1..=checks.len(), Just(checks)))
    }

    proptest! {
        #[test]
        fn one_check_is_itself(only in any_state()) {
            prop_assert_eq!(state(1, &[only]), only);
        }

        #[test]
        fn exactly_so_many_must_pass((least, checks) in any_checks()) {
            let passing = checks.iter().filter(|s| s.standing() == Standing::Serving).count();
            let wanted = if passing >= least { Standing::Serving } else { Standing::Out };
            prop_assert_eq!(state(least, &checks).standing(), wanted);
            prop_assert_eq!(standing(least, checks.iter().map(|s| s.standing())), wanted);
        }

        #[test]
        fn a_check_more_that_passes_never_makes_it_worse(
            (least, mut checks) in any_checks(),
            which in any::<prop::sample::Index>(),
        ) {
            let before = state(least, &checks).standing();
            let one = which.get_mut(&mut checks);
            *one = UP;
            let after = state(least, &checks).standing();
            prop_assert!(before == Standing::Out || after == Standing::Serving);
        }

        #[test]
        fn a_settled_one_that_serves_goes_on_whatever_becomes_of_those_moving(
            (least, checks) in any_checks(),
        ) {
            let now = state(least, &checks);
            let moved = checks.iter().map(|state| match state {
                State::Falling { .. } => Standing::Out,
                state => state.standing(),
            });
            let serves = now.standing() == Standing::Serving;
            prop_assert_eq!(
                serves && now.is_stable(),
                standing(least, moved) == Standing::Serving
            );
        }
    }
}
