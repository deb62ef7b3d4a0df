//! Outages: when most members of a pool fail at once, the prober is suspected before the members.
//!
//! When a member is about to fall, the detector counts the failing members: members that clients
//! feel serving and whose latest probe failed, and members that fell within the last interval.
//!
//! | failing | then |
//! |---|---|
//! | one, or half of them or fewer | the member falls: a single failure is believed |
//! | two or more, and more than half | no member falls: the pool keeps its last set |
//!
//! To find the cause, the failing members and the reference targets are probed at once. When each
//! has had its time:
//!
//! | most members | a reference target | then |
//! |---|---|---|
//! | answer | | failing members fall; others are kept until they have risen, or fail again |
//! | failed again | answers, or there is none | the failures are confirmed: the falls count |
//! | failed again | none answers | this machine is cut off: the last set is kept |
//!
//! If this machine was held up itself and lost a result, the wait starts once more.
//!
//! While this machine is cut off, the last set is kept until a reference target or most members
//! answer. Then the failing members are probed again, as above, because their last results are from
//! the time of the cut. After the longest time that the pool allows, the falls count whatever the
//! reference targets say.
//!
//! A confirmation lasts until an interval has passed without a fall: other members that fail for
//! the same cause are believed at once. A member that fell before the outage was noticed (with
//! `fall: 1`) stays out. Members under an override, or held out by their damping, are not counted,
//! because clients do not feel their falls.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Moment;

/// The times that a pool gives the detector.
#[derive(Debug, Clone, Copy)]
pub struct OutageRule {
    /// Longest time for which the last set is kept.
    pub longest: Duration,
    /// Time within which every member has been probed, and the result is known.
    pub interval: Duration,
    /// Time within which a target that is probed at once has answered or failed.
    pub patience: Duration,
}

/// The evidence of one member that clients feel serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Its checks say that it is out.
    pub falls: bool,
    /// Its latest probe failed.
    pub fails: bool,
}

/// Whether a reference target answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceAnswer {
    /// The configuration has no reference targets.
    NoTargets,
    /// No reference target answered its latest probe.
    No,
    /// No reference target has a result yet.
    Awaited,
    /// A reference target answered its latest probe.
    Yes,
}

/// The phase of an outage; `since` is when it was first suspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum OutagePhase {
    #[default]
    None,
    /// Failing members and reference targets are probed; at `decides` the results count.
    Suspected { since: Moment, decides: Moment },
    /// No reference target answers.
    CutOff { since: Moment },
    /// Most members answer again: members that answer are kept until they have risen.
    Recovering { since: Moment },
}

/// What an evaluation changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutageFinding {
    /// Most members fail: the last set is kept from now on.
    Suspected { failing: usize, of: usize },
    /// No reference target answers: the last set is kept.
    CutOff,
    /// The failing members are probed again.
    ProbedAgain,
    /// Most members answer again.
    Recovered,
    /// The failures are believed; the value is the answer of the reference targets that led to it.
    Confirmed(ReferenceAnswer),
    /// The longest time is over: the failures are believed.
    LimitReached,
}

/// The outage detector of one pool.
#[derive(Debug, Default)]
pub struct Detector {
    phase: OutagePhase,
    /// The times at which members fell, within the last interval.
    falls: VecDeque<Moment>,
    /// The end of the latest confirmation.
    confirmed_until: Option<Moment>,
}

impl Detector {
    /// Evaluates the evidence of the members that clients feel serving. Afterwards
    /// [`Detector::keeps`] says which members do not fall. `None` if nothing changed.
    pub fn evaluate(
        &mut self,
        rule: &OutageRule,
        evidence: &[Evidence],
        answer: ReferenceAnswer,
        now: Moment,
    ) -> Option<OutageFinding> {
        self.falls.retain(|at| now < at.later(rule.interval));
        if let Some(since) = self.since()
            && since.later(rule.longest) <= now
        {
            return Some(self.confirm(rule, now, OutageFinding::LimitReached));
        }
        let fails = evidence.iter().filter(|of| of.fails).count();
        let most_fail = is_most(fails, evidence.len());
        match self.phase {
            OutagePhase::None => self.suspect(rule, evidence, fails, now),
            OutagePhase::Suspected { decides, .. } if fails > 0 && now < decides => None,
            OutagePhase::Suspected { since, .. } => Some(match (most_fail, answer) {
                (false, _) => {
                    self.phase = OutagePhase::Recovering { since };
                    OutageFinding::Recovered
                }
                (true, ReferenceAnswer::NoTargets | ReferenceAnswer::Yes) => {
                    self.confirm(rule, now, OutageFinding::Confirmed(answer))
                }
                (true, ReferenceAnswer::No | ReferenceAnswer::Awaited) => {
                    self.phase = OutagePhase::CutOff { since };
                    OutageFinding::CutOff
                }
            }),
            OutagePhase::CutOff { .. } if most_fail && answer != ReferenceAnswer::Yes => None,
            OutagePhase::Recovering { .. } if !most_fail => {
                if !evidence.iter().any(|of| self.keeps(of) && of.falls) {
                    self.phase = OutagePhase::None;
                }
                None
            }
            OutagePhase::CutOff { since } | OutagePhase::Recovering { since } => {
                self.phase = OutagePhase::Suspected { since, decides: now.later(rule.patience) };
                Some(OutageFinding::ProbedAgain)
            }
        }
    }

    /// Whether the time for the extra probes is over, and the longest time is not.
    pub fn is_to_decide(&self, rule: &OutageRule, now: Moment) -> bool {
        match self.phase {
            OutagePhase::Suspected { decides, .. } => {
                decides <= now && self.until(rule).is_some_and(|until| now < until)
            }
            OutagePhase::None | OutagePhase::CutOff { .. } | OutagePhase::Recovering { .. } => {
                false
            }
        }
    }

    /// Starts the time for the extra probes again, because this machine lost a result.
    pub fn extend_wait(&mut self, rule: &OutageRule, now: Moment) {
        if let OutagePhase::Suspected { decides, .. } = &mut self.phase {
            *decides = now.later(rule.patience);
        }
    }

    fn suspect(
        &mut self,
        rule: &OutageRule,
        evidence: &[Evidence],
        fails: usize,
        now: Moment,
    ) -> Option<OutageFinding> {
        let is_confirmed = self.confirmed_until.is_some_and(|until| now < until);
        let (failing, of) = (fails + self.falls.len(), evidence.len() + self.falls.len());
        if is_confirmed || !evidence.iter().any(|of| of.falls) || !is_most(failing, of) {
            return None;
        }
        let decides = now.later(rule.patience);
        self.phase = OutagePhase::Suspected { since: now, decides };
        Some(OutageFinding::Suspected { failing, of })
    }

    fn confirm(&mut self, rule: &OutageRule, now: Moment, finding: OutageFinding) -> OutageFinding {
        self.phase = OutagePhase::None;
        self.confirmed_until = Some(now.later(rule.interval));
        finding
    }

    /// Counts the fall of a member that clients felt serving; the pool has `members` members.
    pub fn note_fall(&mut self, rule: &OutageRule, members: usize, now: Moment) {
        self.falls.push_back(now);
        self.falls.drain(..self.falls.len().saturating_sub(members));
        if self.confirmed_until.is_some_and(|until| now < until) {
            self.confirmed_until = Some(now.later(rule.interval));
        }
    }

    /// Whether a member with this evidence is kept serving, although its checks may say that it is
    /// out.
    pub fn keeps(&self, evidence: &Evidence) -> bool {
        match self.phase {
            OutagePhase::None => false,
            OutagePhase::Suspected { .. } | OutagePhase::CutOff { .. } => true,
            OutagePhase::Recovering { .. } => !evidence.fails,
        }
    }

    /// Since when the last set is kept; `None` while it is not.
    pub fn since(&self) -> Option<Moment> {
        match self.phase {
            OutagePhase::None => None,
            OutagePhase::Suspected { since, .. }
            | OutagePhase::CutOff { since }
            | OutagePhase::Recovering { since } => Some(since),
        }
    }

    /// Whether no reference target answers.
    pub fn is_cut_off(&self) -> bool {
        matches!(self.phase, OutagePhase::CutOff { .. })
    }

    /// Whether the reference targets are to be probed.
    pub fn needs_references(&self) -> bool {
        matches!(self.phase, OutagePhase::Suspected { .. } | OutagePhase::CutOff { .. })
    }

    /// When the longest time ends; `None` while no set is kept.
    pub fn until(&self, rule: &OutageRule) -> Option<Moment> {
        Some(self.since()?.later(rule.longest))
    }

    /// When time alone next changes the phase; `None` without an outage.
    pub fn due(&self, rule: &OutageRule) -> Option<Moment> {
        let longest = self.until(rule)?;
        match self.phase {
            OutagePhase::Suspected { decides, .. } => Some(decides.min(longest)),
            _ => Some(longest),
        }
    }
}

/// Whether `failing` members are most of `of`: at least two, and more than half.
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

    fn evaluated(evidence: &[Evidence]) -> (Detector, Option<OutageFinding>) {
        let mut detector = Detector::default();
        let finding = detector.evaluate(&RULE, evidence, ReferenceAnswer::NoTargets, at(0));
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
            assert_eq!(evaluated(believed).1, None, "{believed:?}");
            assert!(!evaluated(believed).0.keeps(&FALLS));
        }
        for suspect in [&[FALLS, FAILS][..], &[FALLS, FAILS, WELL], &[FALLS, FAILS, FAILS, WELL]] {
            let (detector, finding) = evaluated(suspect);
            let failing = suspect.iter().filter(|of| of.fails).count();
            assert_eq!(finding, Some(OutageFinding::Suspected { failing, of: suspect.len() }));
            assert!(detector.keeps(&FALLS));
            assert_eq!(detector.due(&RULE), Some(at(3)));
        }
    }

    /// With `fall: 1`, members that fail for one cause fall one after the other.
    #[test]
    fn those_that_fell_within_the_interval_count() {
        let mut detector = Detector::default();
        detector.note_fall(&RULE, 5, at(0));
        detector.note_fall(&RULE, 5, at(1));
        let evidence = [FALLS, WELL, WELL];
        let later = detector.evaluate(&RULE, &evidence, ReferenceAnswer::NoTargets, at(8));
        assert_eq!(later, None);
        detector.note_fall(&RULE, 5, at(8));
        detector.note_fall(&RULE, 5, at(9));
        let finding = detector.evaluate(&RULE, &evidence, ReferenceAnswer::NoTargets, at(10));
        assert_eq!(finding, Some(OutageFinding::Suspected { failing: 3, of: 5 }));
    }

    #[test]
    fn without_control_targets_who_fails_again_is_believed() {
        let (mut detector, _) = evaluated(&[FALLS, FAILS, FAILS]);
        let mut evaluate = |evidence: &[Evidence], now| {
            let finding = detector.evaluate(&RULE, evidence, ReferenceAnswer::NoTargets, at(now));
            (finding, detector.keeps(&FALLS))
        };
        assert_eq!(evaluate(&[FALLS, FALLS, FAILS], 2), (None, true));
        let believed = Some(OutageFinding::Confirmed(ReferenceAnswer::NoTargets));
        assert_eq!(evaluate(&[FALLS, FALLS, FAILS], 3), (believed, false));
        assert_eq!(evaluate(&[FALLS, FAILS], 6), (None, false), "the rest of the same death");
        assert!(evaluate(&[FALLS, FAILS], 10).1, "another one");
    }

    #[test]
    fn who_answers_is_kept_until_it_has_risen() {
        let (mut detector, _) = evaluated(&[FALLS, FALLS, FAILS]);
        let finding = detector.evaluate(&RULE, &[RISES, RISES, WELL], ReferenceAnswer::No, at(1));
        assert_eq!(finding, Some(OutageFinding::Recovered), "all of them have answered");
        assert!(detector.keeps(&RISES) && !detector.keeps(&FALLS));
        detector.evaluate(&RULE, &[RISES, WELL, WELL], ReferenceAnswer::No, at(2));
        assert!(detector.since().is_some());
        detector.evaluate(&RULE, &[WELL; 3], ReferenceAnswer::No, at(3));
        assert_eq!((detector.since(), detector.due(&RULE)), (None, None));
    }

    #[test]
    fn a_machine_that_is_cut_off_believes_nobody_for_the_longest_time() {
        let dead = [FALLS, FALLS, FALLS];
        let (mut detector, _) = evaluated(&dead);
        let mut evaluate = |answer, now| detector.evaluate(&RULE, &dead, answer, at(now));
        assert_eq!(evaluate(ReferenceAnswer::No, 3), Some(OutageFinding::CutOff));
        assert_eq!(evaluate(ReferenceAnswer::No, 59), None);
        assert_eq!(evaluate(ReferenceAnswer::No, 60), Some(OutageFinding::LimitReached));
        assert!(!detector.keeps(&FALLS));
    }

    #[test]
    fn when_a_control_target_answers_again_the_members_are_asked_again() {
        let dead = [FALLS, FALLS, FALLS];
        let (mut detector, _) = evaluated(&dead);
        let mut evaluate = |evidence: &[Evidence], answer, now| {
            let finding = detector.evaluate(&RULE, evidence, answer, at(now));
            (finding, detector.due(&RULE))
        };
        assert_eq!(
            evaluate(&dead, ReferenceAnswer::No, 3),
            (Some(OutageFinding::CutOff), Some(at(60)))
        );
        assert_eq!(
            evaluate(&dead, ReferenceAnswer::Yes, 20),
            (Some(OutageFinding::ProbedAgain), Some(at(23)))
        );
        let (finding, _) = evaluate(&[RISES, RISES, FALLS], ReferenceAnswer::Yes, 23);
        assert_eq!(finding, Some(OutageFinding::Recovered));
        assert!(detector.keeps(&RISES) && !detector.keeps(&FALLS));
    }

    #[test]
    fn a_machine_that_is_cut_off_again_asks_again_within_the_same_longest_time() {
        let (mut detector, _) = evaluated(&[FALLS; 3]);
        detector.evaluate(&RULE, &[RISES; 3], ReferenceAnswer::No, at(1));
        let finding = detector.evaluate(&RULE, &[FALLS, FALLS, RISES], ReferenceAnswer::No, at(5));
        assert_eq!((finding, detector.since()), (Some(OutageFinding::ProbedAgain), Some(at(0))));
        let late = detector.evaluate(&RULE, &[FALLS; 3], ReferenceAnswer::No, at(60));
        assert_eq!(late, Some(OutageFinding::LimitReached));
    }
}
