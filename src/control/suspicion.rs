//! Common cause: when most members of a pool fail at once, the one who probes is suspected first.
//!
//! A member is about to fall. Of the members that clients feel serving, and those that fell within
//! the last interval, so many failed their newest probe or fell:
//!
//! | failing | then |
//! |---|---|
//! | one, or half of them or fewer | it falls: one death of two, or two of four, are just that |
//! | two or more, and more than half | nobody falls: all that serve are kept, and it is asked |
//!
//! Asked are the failing members, at once, and the control targets, which have nothing to do with
//! the cluster. When each has had its time:
//!
//! | most members | a control target | then |
//! |---|---|---|
//! | answer | | who fails falls; who answers is kept until it has risen, or fails again |
//! | failed again | answers, or there is none | they are believed: the falls count |
//! | failed again | none answers | this machine is cut off: the set is kept |
//!
//! Whom this machine did not hear in that time, as it was held up itself, is waited for once more.
//!
//! While it is cut off, the set is kept until a control target or most members answer; then the
//! failing ones are asked again, as above, since their last results are those of the cut. After
//! the longest time that the pool allows the falls count, whatever the control targets say.
//!
//! Who is believed once is believed until an interval has passed in which nobody fell: the others
//! of the same death need not be asked about again. A member that fell before it was noticed (with
//! `fall: 1`) stays out. Members under an operator's order or held out by their damping are not
//! looked at: clients do not feel their falls.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Moment;

/// What a pool says of it.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Longest time that a set is kept.
    pub longest: Duration,
    /// In it every member has been probed, and the probe has its verdict.
    pub interval: Duration,
    /// In it who is asked has answered or failed.
    pub patience: Duration,
}

/// One member, as clients feel it serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Its account says that it is out.
    pub falls: bool,
    /// Its newest probe failed.
    pub fails: bool,
}

/// What the control targets say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controls {
    /// There are none.
    None,
    /// None has answered its newest probe.
    Silent,
    /// Nothing is known of any yet.
    Awaited,
    Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Calm,
    /// Members and control targets are asked.
    Asking {
        since: Moment,
        decided: Moment,
    },
    CutOff {
        since: Moment,
    },
    /// The members answer: those that rise are kept.
    Rising {
        since: Moment,
    },
}

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The set is kept from now on.
    Kept {
        failing: usize,
        of: usize,
    },
    CutOff,
    /// The failing ones are asked again.
    Again,
    Answered,
    Believed(Controls),
    TooLong,
}

/// The suspicion of one pool.
#[derive(Debug, Default)]
pub struct Suspicion {
    phase: Phase,
    /// Falls within the last interval.
    fell: VecDeque<Moment>,
    believed_until: Option<Moment>,
}

impl Suspicion {
    /// `sights` are the members that clients feel serving. Afterwards [`Suspicion::keeps`] says who
    /// of them does not fall.
    pub fn judge(
        &mut self,
        rule: &Rule,
        sights: &[Sight],
        controls: Controls,
        now: Moment,
    ) -> Option<Turn> {
        self.fell.retain(|at| now < at.later(rule.interval));
        if let Some(since) = self.since()
            && since.later(rule.longest) <= now
        {
            return Some(self.believe(rule, now, Turn::TooLong));
        }
        let fails = sights.iter().filter(|sight| sight.fails).count();
        let most_fail = is_most(fails, sights.len());
        match self.phase {
            Phase::Calm => self.suspect(rule, sights, fails, now),
            Phase::Asking { decided, .. } if fails > 0 && now < decided => None,
            Phase::Asking { since, .. } => Some(match (most_fail, controls) {
                (false, _) => {
                    self.phase = Phase::Rising { since };
                    Turn::Answered
                }
                (true, Controls::None | Controls::Answer) => {
                    self.believe(rule, now, Turn::Believed(controls))
                }
                (true, Controls::Silent | Controls::Awaited) => {
                    self.phase = Phase::CutOff { since };
                    Turn::CutOff
                }
            }),
            Phase::CutOff { .. } if most_fail && controls != Controls::Answer => None,
            Phase::Rising { .. } if !most_fail => {
                if !sights.iter().any(|sight| self.keeps(sight) && sight.falls) {
                    self.phase = Phase::Calm;
                }
                None
            }
            Phase::CutOff { since } | Phase::Rising { since } => {
                self.phase = Phase::Asking { since, decided: now.later(rule.patience) };
                Some(Turn::Again)
            }
        }
    }

    /// Whether those who are asked have had their time, and the longest time is not over.
    pub fn is_to_decide(&self, rule: &Rule, now: Moment) -> bool {
        match self.phase {
            Phase::Asking { decided, .. } => {
                decided <= now && self.until(rule).is_some_and(|until| now < until)
            }
            Phase::Calm | Phase::CutOff { .. } | Phase::Rising { .. } => false,
        }
    }

    /// Gives those who are asked their time once more: this machine did not hear them.
    pub fn wait(&mut self, rule: &Rule, now: Moment) {
        if let Phase::Asking { decided, .. } = &mut self.phase {
            *decided = now.later(rule.patience);
        }
    }

    fn suspect(
        &mut self,
        rule: &Rule,
        sights: &[Sight],
        fails: usize,
        now: Moment,
    ) -> Option<Turn> {
        let believed = self.believed_until.is_some_and(|until| now < until);
        let (failing, of) = (fails + self.fell.len(), sights.len() + self.fell.len());
        if believed || !sights.iter().any(|sight| sight.falls) || !is_most(failing, of) {
            return None;
        }
        let decided = now.later(rule.patience);
        self.phase = Phase::Asking { since: now, decided };
        Some(Turn::Kept { failing, of })
    }

    fn believe(&mut self, rule: &Rule, now: Moment, turn: Turn) -> Turn {
        self.phase = Phase::Calm;
        self.believed_until = Some(now.later(rule.interval));
        turn
    }

    /// A member fell that clients felt serving.
    pub fn note_fall(&mut self, rule: &Rule, members: usize, now: Moment) {
        self.fell.push_back(now);
        self.fell.drain(..self.fell.len().saturating_sub(members));
        if self.believed_until.is_some_and(|until| now < until) {
            self.believed_until = Some(now.later(rule.interval));
        }
    }

    /// Whether that member does not fall now, although its account says so.
    pub fn keeps(&self, sight: &Sight) -> bool {
        match self.phase {
            Phase::Calm => false,
            Phase::Asking { .. } | Phase::CutOff { .. } => true,
            Phase::Rising { .. } => !sight.fails,
        }
    }

    /// Since when the set is kept.
    pub fn since(&self) -> Option<Moment> {
        match self.phase {
            Phase::Calm => None,
            Phase::Asking { since, .. } | Phase::CutOff { since } | Phase::Rising { since } => {
                Some(since)
            }
        }
    }

    pub fn is_cut_off(&self) -> bool {
        matches!(self.phase, Phase::CutOff { .. })
    }

    /// Whether the control targets are to be probed.
    pub fn asks_controls(&self) -> bool {
        matches!(self.phase, Phase::Asking { .. } | Phase::CutOff { .. })
    }

    /// The longest time ends, while the set is kept.
    pub fn until(&self, rule: &Rule) -> Option<Moment> {
        Some(self.since()?.later(rule.longest))
    }

    /// When time alone decides something.
    pub fn due(&self, rule: &Rule) -> Option<Moment> {
        let longest = self.until(rule)?;
        match self.phase {
            Phase::Asking { decided, .. } => Some(decided.min(longest)),
            _ => Some(longest),
        }
    }
}

/// More than half, and not one alone.
fn is_most(failing: usize, of: usize) -> bool {
    failing >= 2 && 2 * failing > of
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const RULE: Rule = Rule {
        longest: Duration::from_secs(60),
        interval: Duration::from_secs(7),
        patience: Duration::from_secs(3),
    };
    const WELL: Sight = Sight { falls: false, fails: false };
    const FAILS: Sight = Sight { falls: false, fails: true };
    const FALLS: Sight = Sight { falls: true, fails: true };
    const RISES: Sight = Sight { falls: true, fails: false };

    fn at(second: i64) -> Moment {
        Moment::on_line(Timestamp::from_second(second).unwrap())
    }

    fn judged(sights: &[Sight]) -> (Suspicion, Option<Turn>) {
        let mut suspicion = Suspicion::default();
        let turn = suspicion.judge(&RULE, sights, Controls::None, at(0));
        (suspicion, turn)
    }

    #[test]
    fn more_than_half_and_not_one_alone() {
        for believed in [
            &[FALLS][..],
            &[FALLS, WELL],
            &[FALLS, FALLS, WELL, WELL],
            &[FAILS, FAILS, FAILS],
            &[FALLS, FAILS, WELL, WELL, WELL],
        ] {
            assert_eq!(judged(believed).1, None, "{believed:?}");
            assert!(!judged(believed).0.keeps(&FALLS));
        }
        for suspect in [&[FALLS, FAILS][..], &[FALLS, FAILS, WELL], &[FALLS, FAILS, FAILS, WELL]] {
            let (suspicion, turn) = judged(suspect);
            let failing = suspect.iter().filter(|sight| sight.fails).count();
            assert_eq!(turn, Some(Turn::Kept { failing, of: suspect.len() }));
            assert!(suspicion.keeps(&FALLS));
            assert_eq!(suspicion.due(&RULE), Some(at(3)));
        }
    }

    /// With `fall: 1` they fall one after the other.
    #[test]
    fn those_that_fell_within_the_interval_count() {
        let mut suspicion = Suspicion::default();
        suspicion.note_fall(&RULE, 5, at(0));
        suspicion.note_fall(&RULE, 5, at(1));
        let sights = [FALLS, WELL, WELL];
        let later = suspicion.judge(&RULE, &sights, Controls::None, at(8));
        assert_eq!(later, None);
        suspicion.note_fall(&RULE, 5, at(8));
        suspicion.note_fall(&RULE, 5, at(9));
        let turn = suspicion.judge(&RULE, &sights, Controls::None, at(10));
        assert_eq!(turn, Some(Turn::Kept { failing: 3, of: 5 }));
    }

    #[test]
    fn without_control_targets_who_fails_again_is_believed() {
        let (mut suspicion, _) = judged(&[FALLS, FAILS, FAILS]);
        let mut judge = |sights: &[Sight], now| {
            let turn = suspicion.judge(&RULE, sights, Controls::None, at(now));
            (turn, suspicion.keeps(&FALLS))
        };
        assert_eq!(judge(&[FALLS, FALLS, FAILS], 2), (None, true));
        let believed = Some(Turn::Believed(Controls::None));
        assert_eq!(judge(&[FALLS, FALLS, FAILS], 3), (believed, false));
        assert_eq!(judge(&[FALLS, FAILS], 6), (None, false), "the rest of the same death");
        assert!(judge(&[FALLS, FAILS], 10).1, "another one");
    }

    #[test]
    fn who_answers_is_kept_until_it_has_risen() {
        let (mut suspicion, _) = judged(&[FALLS, FALLS, FAILS]);
        let turn = suspicion.judge(&RULE, &[RISES, RISES, WELL], Controls::Silent, at(1));
        assert_eq!(turn, Some(Turn::Answered), "all of them have answered");
        assert!(suspicion.keeps(&RISES) && !suspicion.keeps(&FALLS));
        suspicion.judge(&RULE, &[RISES, WELL, WELL], Controls::Silent, at(2));
        assert!(suspicion.since().is_some());
        suspicion.judge(&RULE, &[WELL; 3], Controls::Silent, at(3));
        assert_eq!((suspicion.since(), suspicion.due(&RULE)), (None, None));
    }

    #[test]
    fn a_machine_that_is_cut_off_believes_nobody_for_the_longest_time() {
        let dead = [FALLS, FALLS, FALLS];
        let (mut suspicion, _) = judged(&dead);
        let mut judge = |controls, now| suspicion.judge(&RULE, &dead, controls, at(now));
        assert_eq!(judge(Controls::Silent, 3), Some(Turn::CutOff));
        assert_eq!(judge(Controls::Silent, 59), None);
        assert_eq!(judge(Controls::Silent, 60), Some(Turn::TooLong));
        assert!(!suspicion.keeps(&FALLS));
    }

    #[test]
    fn when_a_control_target_answers_again_the_members_are_asked_again() {
        let dead = [FALLS, FALLS, FALLS];
        let (mut suspicion, _) = judged(&dead);
        let mut judge = |sights: &[Sight], controls, now| {
            let turn = suspicion.judge(&RULE, sights, controls, at(now));
            (turn, suspicion.due(&RULE))
        };
        assert_eq!(judge(&dead, Controls::Silent, 3), (Some(Turn::CutOff), Some(at(60))));
        assert_eq!(judge(&dead, Controls::Answer, 20), (Some(Turn::Again), Some(at(23))));
        let (turn, _) = judge(&[RISES, RISES, FALLS], Controls::Answer, 23);
        assert_eq!(turn, Some(Turn::Answered));
        assert!(suspicion.keeps(&RISES) && !suspicion.keeps(&FALLS));
    }

    #[test]
    fn a_machine_that_is_cut_off_again_asks_again_within_the_same_longest_time() {
        let (mut suspicion, _) = judged(&[FALLS; 3]);
        suspicion.judge(&RULE, &[RISES; 3], Controls::Silent, at(1));
        let turn = suspicion.judge(&RULE, &[FALLS, FALLS, RISES], Controls::Silent, at(5));
        assert_eq!((turn, suspicion.since()), (Some(Turn::Again), Some(at(0))));
        let late = suspicion.judge(&RULE, &[FALLS; 3], Controls::Silent, at(60));
        assert_eq!(late, Some(Turn::TooLong));
    }
}
