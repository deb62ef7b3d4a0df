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
pub struct OutageRule {
    /// Longest time that a set is kept.
    pub longest: Duration,
    /// In it every member has been probed, and the probe has its verdict.
    pub interval: Duration,
    /// In it who is asked has answered or failed.
    pub patience: Duration,
}

/// One member, as clients feel it serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Its account says that it is out.
    pub falls: bool,
    /// Its newest probe failed.
    pub fails: bool,
}

/// What the control targets say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceAnswer {
    /// There are none.
    None,
    /// None has answered its newest probe.
    Silent,
    /// Nothing is known of any yet.
    Awaited,
    Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum OutagePhase {
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
pub enum Finding {
    /// The set is kept from now on.
    Kept {
        failing: usize,
        of: usize,
    },
    CutOff,
    /// The failing ones are asked again.
    Again,
    Answered,
    Believed(ReferenceAnswer),
    TooLong,
}

/// The detector of one pool.
#[derive(Debug, Default)]
pub struct Detector {
    phase: OutagePhase,
    /// Falls within the last interval.
    fell: VecDeque<Moment>,
    believed_until: Option<Moment>,
}

impl Detector {
    /// `sights` are the members that clients feel serving. Afterwards [`Detector::keeps`] says who
    /// of them does not fall.
    pub fn judge(
        &mut self,
        rule: &OutageRule,
        sights: &[Evidence],
        controls: ReferenceAnswer,
        now: Moment,
    ) -> Option<Finding> {
        self.fell.retain(|at| now < at.later(rule.interval));
        if let Some(since) = self.since()
            && since.later(rule.longest) <= now
        {
            return Some(self.believe(rule, now, Finding::TooLong));
        }
        let fails = sights.iter().filter(|sight| sight.fails).count();
        let most_fail = is_most(fails, sights.len());
        match self.phase {
            OutagePhase::Calm => self.suspect(rule, sights, fails, now),
            OutagePhase::Asking { decided, .. } if fails > 0 && now < decided => None,
            OutagePhase::Asking { since, .. } => Some(match (most_fail, controls) {
                (false, _) => {
                    self.phase = OutagePhase::Rising { since };
                    Finding::Answered
                }
                (true, ReferenceAnswer::None | ReferenceAnswer::Answer) => {
                    self.believe(rule, now, Finding::Believed(controls))
                }
                (true, ReferenceAnswer::Silent | ReferenceAnswer::Awaited) => {
                    self.phase = OutagePhase::CutOff { since };
                    Finding::CutOff
                }
            }),
            OutagePhase::CutOff { .. } if most_fail && controls != ReferenceAnswer::Answer => None,
            OutagePhase::Rising { .. } if !most_fail => {
                if !sights.iter().any(|sight| self.keeps(sight) && sight.falls) {
                    self.phase = OutagePhase::Calm;
                }
                None
            }
            OutagePhase::CutOff { since } | OutagePhase::Rising { since } => {
                self.phase = OutagePhase::Asking { since, decided: now.later(rule.patience) };
                Some(Finding::Again)
            }
        }
    }

    /// Whether those who are asked have had their time, and the longest time is not over.
    pub fn is_to_decide(&self, rule: &OutageRule, now: Moment) -> bool {
        match self.phase {
            OutagePhase::Asking { decided, .. } => {
                decided <= now && self.until(rule).is_some_and(|until| now < until)
            }
            OutagePhase::Calm | OutagePhase::CutOff { .. } | OutagePhase::Rising { .. } => false,
        }
    }

    /// Gives those who are asked their time once more: this machine did not hear them.
    pub fn wait(&mut self, rule: &OutageRule, now: Moment) {
        if let OutagePhase::Asking { decided, .. } = &mut self.phase {
            *decided = now.later(rule.patience);
        }
    }

    fn suspect(
        &mut self,
        rule: &OutageRule,
        sights: &[Evidence],
        fails: usize,
        now: Moment,
    ) -> Option<Finding> {
        let believed = self.believed_until.is_some_and(|until| now < until);
        let (failing, of) = (fails + self.fell.len(), sights.len() + self.fell.len());
        if believed || !sights.iter().any(|sight| sight.falls) || !is_most(failing, of) {
            return None;
        }
        let decided = now.later(rule.patience);
        self.phase = OutagePhase::Asking { since: now, decided };
        Some(Finding::Kept { failing, of })
    }

    fn believe(&mut self, rule: &OutageRule, now: Moment, finding: Finding) -> Finding {
        self.phase = OutagePhase::Calm;
        self.believed_until = Some(now.later(rule.interval));
        finding
    }

    /// A member fell that clients felt serving.
    pub fn note_fall(&mut self, rule: &OutageRule, members: usize, now: Moment) {
        self.fell.push_back(now);
        self.fell.drain(..self.fell.len().saturating_sub(members));
        if self.believed_until.is_some_and(|until| now < until) {
            self.believed_until = Some(now.later(rule.interval));
        }
    }

    /// Whether that member does not fall now, although its account says so.
    pub fn keeps(&self, sight: &Evidence) -> bool {
        match self.phase {
            OutagePhase::Calm => false,
            OutagePhase::Asking { .. } | OutagePhase::CutOff { .. } => true,
            OutagePhase::Rising { .. } => !sight.fails,
        }
    }

    /// Since when the set is kept.
    pub fn since(&self) -> Option<Moment> {
        match self.phase {
            OutagePhase::Calm => None,
            OutagePhase::Asking { since, .. }
            | OutagePhase::CutOff { since }
            | OutagePhase::Rising { since } => Some(since),
        }
    }

    pub fn is_cut_off(&self) -> bool {
        matches!(self.phase, OutagePhase::CutOff { .. })
    }

    /// Whether the control targets are to be probed.
    pub fn asks_controls(&self) -> bool {
        matches!(self.phase, OutagePhase::Asking { .. } | OutagePhase::CutOff { .. })
    }

    /// The longest time ends, while the set is kept.
    pub fn until(&self, rule: &OutageRule) -> Option<Moment> {
        Some(self.since()?.later(rule.longest))
    }

    /// When time alone decides something.
    pub fn due(&self, rule: &OutageRule) -> Option<Moment> {
        let longest = self.until(rule)?;
        match self.phase {
            OutagePhase::Asking { decided, .. } => Some(decided.min(longest)),
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

    const RULE: OutageRule = OutageRule {
        longest: Duration::from_secs(60),
        interval: Duration::from_secs(7),
        patience: Duration::from_secs(3),
    };
    const WELL: Evidence = Evidence { falls: false, fails: false };
    const FAILS: Evidence = Evidence { falls: false, fails: true };
    const FALLS: Evidence = Evidence { falls: true, fails: true };
    const RISES: Evidence = Evidence { falls: true, fails: false };

    fn at(second: i64) -> Moment {
        Moment::on_line(Timestamp::from_second(second).unwrap())
    }

    fn judged(sights: &[Evidence]) -> (Detector, Option<Finding>) {
        let mut detector = Detector::default();
        let finding = detector.judge(&RULE, sights, ReferenceAnswer::None, at(0));
        (detector, finding)
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
            let (detector, finding) = judged(suspect);
            let failing = suspect.iter().filter(|sight| sight.fails).count();
            assert_eq!(finding, Some(Finding::Kept { failing, of: suspect.len() }));
            assert!(detector.keeps(&FALLS));
            assert_eq!(detector.due(&RULE), Some(at(3)));
        }
    }

    /// With `fall: 1` they fall one after the other.
    #[test]
    fn those_that_fell_within_the_interval_count() {
        let mut detector = Detector::default();
        detector.note_fall(&RULE, 5, at(0));
        detector.note_fall(&RULE, 5, at(1));
        let sights = [FALLS, WELL, WELL];
        let later = detector.judge(&RULE, &sights, ReferenceAnswer::None, at(8));
        assert_eq!(later, None);
        detector.note_fall(&RULE, 5, at(8));
        detector.note_fall(&RULE, 5, at(9));
        let finding = detector.judge(&RULE, &sights, ReferenceAnswer::None, at(10));
        assert_eq!(finding, Some(Finding::Kept { failing: 3, of: 5 }));
    }

    #[test]
    fn without_control_targets_who_fails_again_is_believed() {
        let (mut detector, _) = judged(&[FALLS, FAILS, FAILS]);
        let mut judge = |sights: &[Evidence], now| {
            let finding = detector.judge(&RULE, sights, ReferenceAnswer::None, at(now));
            (finding, detector.keeps(&FALLS))
        };
        assert_eq!(judge(&[FALLS, FALLS, FAILS], 2), (None, true));
        let believed = Some(Finding::Believed(ReferenceAnswer::None));
        assert_eq!(judge(&[FALLS, FALLS, FAILS], 3), (believed, false));
        assert_eq!(judge(&[FALLS, FAILS], 6), (None, false), "the rest of the same death");
        assert!(judge(&[FALLS, FAILS], 10).1, "another one");
    }

    #[test]
    fn who_answers_is_kept_until_it_has_risen() {
        let (mut detector, _) = judged(&[FALLS, FALLS, FAILS]);
        let finding = detector.judge(&RULE, &[RISES, RISES, WELL], ReferenceAnswer::Silent, at(1));
        assert_eq!(finding, Some(Finding::Answered), "all of them have answered");
        assert!(detector.keeps(&RISES) && !detector.keeps(&FALLS));
        detector.judge(&RULE, &[RISES, WELL, WELL], ReferenceAnswer::Silent, at(2));
        assert!(detector.since().is_some());
        detector.judge(&RULE, &[WELL; 3], ReferenceAnswer::Silent, at(3));
        assert_eq!((detector.since(), detector.due(&RULE)), (None, None));
    }

    #[test]
    fn a_machine_that_is_cut_off_believes_nobody_for_the_longest_time() {
        let dead = [FALLS, FALLS, FALLS];
        let (mut detector, _) = judged(&dead);
        let mut judge = |controls, now| detector.judge(&RULE, &dead, controls, at(now));
        assert_eq!(judge(ReferenceAnswer::Silent, 3), Some(Finding::CutOff));
        assert_eq!(judge(ReferenceAnswer::Silent, 59), None);
        assert_eq!(judge(ReferenceAnswer::Silent, 60), Some(Finding::TooLong));
        assert!(!detector.keeps(&FALLS));
    }

    #[test]
    fn when_a_control_target_answers_again_the_members_are_asked_again() {
        let dead = [FALLS, FALLS, FALLS];
        let (mut detector, _) = judged(&dead);
        let mut judge = |sights: &[Evidence], controls, now| {
            let finding = detector.judge(&RULE, sights, controls, at(now));
            (finding, detector.due(&RULE))
        };
        assert_eq!(judge(&dead, ReferenceAnswer::Silent, 3), (Some(Finding::CutOff), Some(at(60))));
        assert_eq!(judge(&dead, ReferenceAnswer::Answer, 20), (Some(Finding::Again), Some(at(23))));
        let (finding, _) = judge(&[RISES, RISES, FALLS], ReferenceAnswer::Answer, 23);
        assert_eq!(finding, Some(Finding::Answered));
        assert!(detector.keeps(&RISES) && !detector.keeps(&FALLS));
    }

    #[test]
    fn a_machine_that_is_cut_off_again_asks_again_within_the_same_longest_time() {
        let (mut detector, _) = judged(&[FALLS; 3]);
        detector.judge(&RULE, &[RISES; 3], ReferenceAnswer::Silent, at(1));
        let finding = detector.judge(&RULE, &[FALLS, FALLS, RISES], ReferenceAnswer::Silent, at(5));
        assert_eq!((finding, detector.since()), (Some(Finding::Again), Some(at(0))));
        let late = detector.judge(&RULE, &[FALLS; 3], ReferenceAnswer::Silent, at(60));
        assert_eq!(late, Some(Finding::TooLong));
    }
}
