//! Gathers what the outage detector needs to know of a pool, and states its findings.

use std::time::Duration;

use crate::clock::Moment;
use crate::cluster::families::Family;
use crate::cluster::operator::ActiveOverride;
use crate::cluster::pool::Pool;
use crate::cluster::standing::{Standing, State};
use crate::cluster::steadiness::ReferenceTarget;
use crate::control::explain::{clock, span};
use crate::control::member::checks::MemberChecks;
use crate::control::member::{FamilyState, MemberState};
use crate::control::outage::detector::{Detector, Evidence, Finding, OutageRule, ReferenceAnswer};
use crate::control::outage::references;
use crate::control::pool::PoolState;
use crate::health::{TargetId, beat};

/// An answer that came in time has been observed by then.
const SLACK: Duration = Duration::from_millis(250);

/// What is to be told of a pool.
#[derive(Debug)]
pub struct Announcement {
    pub warning: bool,
    /// One sentence.
    pub what: String,
    /// The set is kept from now on, or no longer.
    pub turn: Option<bool>,
    /// To be asked at once.
    pub asked: Vec<TargetId>,
}

/// `None` when the pool does not want it.
pub fn rule(pool: &Pool) -> Option<OutageRule> {
    let longest = pool.steadiness.common_cause?;
    let checks = || pool.checks.list().iter().map(|of| &of.check);
    let timeout = checks().map(|check| check.timeout).max()?;
    let interval = checks().map(|check| check.every).max()? + timeout;
    let members = pool.membership.len();
    let begun = beat::delay(members, members);
    let patience = begun + timeout.max(references::TIMEOUT) + SLACK;
    Some(OutageRule { longest, interval, patience })
}

/// Of a member whose fall clients would feel, in a family or in both.
pub fn sight(verdict: &FamilyState, order: Option<&ActiveOverride>) -> Option<Evidence> {
    let serves = order.is_none() && verdict.standing(None) == Standing::Serving;
    serves.then(|| Evidence {
        falls: verdict.check.state().standing() == Standing::Out,
        fails: verdict.check.fails(),
    })
}

/// Of those with an address of the family. A verdict stands for itself here: that of a family which
/// this machine cannot reach does not change.
fn sights<'a>(
    pool: &'a Pool,
    family: Option<Family>,
    state: &'a PoolState,
) -> impl Iterator<Item = (Evidence, &'a FamilyState)> {
    let members = state.members.iter().enumerate();
    let members = members.filter(move |(index, _)| pool.is_in(*index, family));
    members.filter_map(move |(_, member)| {
        let verdict = member.own(family);
        Some((sight(verdict, member.operator.as_ref())?, verdict))
    })
}

/// Looks at the verdicts of a family, or at those of both.
pub fn judge(
    pool: &Pool,
    family: Option<Family>,
    state: &mut PoolState,
    (say, targets): (ReferenceAnswer, &[ReferenceTarget]),
    now: Moment,
) -> Option<Announcement> {
    let Some(rule) = rule(pool) else {
        let detector = std::mem::take(state.outage.of_mut(family));
        return detector.since().map(|_| Announcement {
            warning: false,
            what: "the last set is kept no longer: common_cause is off".into(),
            turn: detector.asks_controls().then_some(false),
            asked: vec![],
        });
    };
    // Nearly always: nobody is about to fall, and nothing is to be counted.
    let detector = state.outage.of(family);
    if detector.since().is_none() && !state.members.iter().any(is_kept) {
        return None;
    }
    let (was_kept, since) = (detector.asks_controls(), detector.since());
    let is_to_decide = detector.is_to_decide(&rule, now);
    if is_to_decide && (say == ReferenceAnswer::Awaited || is_awaited(pool, family, state)) {
        state.outage.of_mut(family).wait(&rule, now);
        return None;
    }
    let sights: Vec<Evidence> = sights(pool, family, state).map(|(sight, _)| sight).collect();
    let turn = state.outage.of_mut(family).judge(&rule, &sights, say, now)?;
    let is_kept = state.outage.of(family).asks_controls();
    let for_long = since.map(|since| now.duration_since(since).as_secs_f64());
    Some(Announcement {
        warning: is_kept,
        what: {
            let until = state.outage.of(family).until(&rule);
            of_family(
                family,
                &words(turn, &rule, targets, for_long.unwrap_or_default(), until, now),
            )
        },
        turn: (was_kept != is_kept).then_some(is_kept),
        asked: match turn {
            Finding::Kept { .. } | Finding::Again => ask(pool, family, state),
            Finding::CutOff | Finding::Answered | Finding::Believed(_) | Finding::TooLong => vec![],
        },
    })
}

/// Whether one that fails has not been heard since it was asked: what it said before is no answer.
fn is_awaited(pool: &Pool, family: Option<Family>, state: &PoolState) -> bool {
    let mut failing = sights(pool, family, state).filter(|(sight, _)| sight.fails);
    failing.any(|(_, verdict)| verdict.check.is_awaited())
}

/// Those who fail are to be asked.
fn ask(pool: &Pool, family: Option<Family>, state: &mut PoolState) -> Vec<TargetId> {
    let mut asked = vec![];
    for (index, member) in state.members.iter_mut().enumerate() {
        if !pool.is_in(index, family) {
            continue;
        }
        member.each_verdict(|of, verdict, order| {
            let is_meant = family.is_none() || of.is_none() || of == family;
            if is_meant && sight(verdict, order).is_some_and(|sight| sight.fails) {
                verdict.check.ask();
                asked.extend(verdict.check.targets());
            }
        });
    }
    asked
}

/// `IPv6: …`
fn of_family(family: Option<Family>, what: &str) -> String {
    family.map_or(what.to_owned(), |family| format!("{}: {what}", family.as_str()))
}

fn words(
    turn: Finding,
    rule: &OutageRule,
    targets: &[ReferenceTarget],
    for_long: f64,
    until: Option<Moment>,
    now: Moment,
) -> String {
    match turn {
        Finding::Kept { failing, of } => format!(
            "{failing} of {of} fail at once, as if it were this machine: the last set is kept \
             while they are asked again"
        ),
        Finding::CutOff => {
            let none = references::words(targets);
            let until = until.map(|until| clock(until, now)).unwrap_or_default();
            format!(
                "they failed again, and no control target answers ({none}): this machine is \
                 cut off, and the last set is kept until {until} at most"
            )
        }
        Finding::Again => "this machine reaches something: the failing ones are asked again".into(),
        Finding::Answered => {
            format!("most members answer: the last set was kept for {for_long:.1} s")
        }
        Finding::Believed(ReferenceAnswer::None) => {
            "most members failed again, and no `server.controls` tell whether it is this machine: \
             they are believed"
                .into()
        }
        Finding::Believed(_) => {
            "most members failed again, and a control target answers: they are believed".into()
        }
        Finding::TooLong => {
            format!("the last set was kept for {}, and no longer", span(rule.longest))
        }
    }
}

/// Why a set is kept that health would not choose; nothing, while none is.
pub fn kept(pool: &Pool, state: &PoolState, now: Moment) -> Option<String> {
    let of = |family: &Option<Family>| {
        Some(of_family(*family, &kept_of(pool, state.outage.of(*family), now)?))
    };
    let kept: Vec<String> = pool.verdicts().iter().filter_map(of).collect();
    (!kept.is_empty()).then(|| kept.join("; "))
}

fn kept_of(pool: &Pool, detector: &Detector, now: Moment) -> Option<String> {
    let (rule, since) = (rule(pool)?, detector.since()?);
    let until = clock(detector.until(&rule)?, now);
    let since = clock(since, now);
    Some(match (detector.is_cut_off(), detector.asks_controls()) {
        (true, _) => format!(
            "no control target answers, this machine is cut off: the last set is kept since \
             {since}, until {until} at most"
        ),
        (false, true) => format!(
            "most members fail at once: the last set is kept since {since} while they are asked \
             again"
        ),
        (false, false) => format!("who answers again is kept since {since} until it has risen"),
    })
}

/// Whether its health would have it out, and it is in: it is about to fall, or kept.
pub fn is_kept(member: &MemberState) -> bool {
    member.verdicts().any(|(_, verdict)| is_kept_in(verdict, member.operator.as_ref()))
}

pub fn is_kept_in(verdict: &FamilyState, order: Option<&ActiveOverride>) -> bool {
    sight(verdict, order).is_some_and(|sight| sight.falls)
}

/// Since when a set is kept, in whichever family.
pub fn kept_since(pool: &Pool, state: &PoolState) -> Option<Moment> {
    pool.verdicts().iter().filter_map(|family| state.outage.of(*family).since()).min()
}

pub fn kept_member(check: &MemberChecks) -> String {
    match check.state() {
        State::Rising { count, of } => {
            let healthy = check.answer().unwrap_or_else(|| "healthy".into());
            format!("serving, as the last set is kept; rising ({count} of {of}): {healthy}")
        }
        _ => {
            let failure = check.failure().unwrap_or_else(|| "no failure".into());
            format!("serving, as the last set is kept: {failure}")
        }
    }
}
