//! Gathers the evidence of a pool's members for the outage detector, and states its finding.

use std::time::Duration;

use crate::clock::Moment;
use crate::cluster::families::Family;
use crate::cluster::operator::ActiveOverride;
use crate::cluster::pool::Pool;
use crate::cluster::standing::{Standing, State};
use crate::cluster::steadiness::ReferenceTarget;
use crate::control::explain::time::{clock, span};
use crate::control::member::checks::MemberChecks;
use crate::control::member::{FamilyState, MemberState};
use crate::control::outage::detector::{
    Detector, Evidence, OutageFinding, OutageRule, ReferenceAnswer,
};
use crate::control::outage::references;
use crate::control::pool::PoolState;
use crate::health::{TargetId, probe_timer};

/// Longest time from the end of a probe to the observation of its result.
const SLACK: Duration = Duration::from_millis(250);

/// What the detector found in a pool, for the log and the status.
#[derive(Debug)]
pub struct Announcement {
    pub warning: bool,
    /// One sentence.
    pub what: String,
    /// Whether the last set is kept from now on; `None` if that did not change.
    pub is_kept: Option<bool>,
    /// Targets to probe at once.
    pub probe_at_once: Vec<TargetId>,
}

/// The times that the detector uses for this pool; `None` with `common_cause: off`.
pub fn rule(pool: &Pool) -> Option<OutageRule> {
    let longest = pool.steadiness.common_cause?;
    let checks = || pool.checks.list().iter().map(|of| &of.check);
    let timeout = checks().map(|check| check.timeout).max()?;
    let interval = checks().map(|check| check.every).max()? + timeout;
    let members = pool.membership.len();
    let begun = probe_timer::first_delay(members, members);
    let patience = begun + timeout.max(references::TIMEOUT) + SLACK;
    Some(OutageRule { longest, interval, patience })
}

/// The evidence of one member, in a family or in both. `None` while clients do not feel the member
/// serving, or an override decides: then its fall would change nothing.
pub fn of_member(verdict: &FamilyState, active: Option<&ActiveOverride>) -> Option<Evidence> {
    let serves = active.is_none() && verdict.standing(None) == Standing::Serving;
    serves.then(|| Evidence {
        falls: verdict.check.state().standing() == Standing::Out,
        fails: verdict.check.fails(),
    })
}

/// The evidence of the members that have an address of the family. The family's own verdict counts
/// here, even while this machine cannot reach the family and the other verdict decides.
fn of_pool<'a>(
    pool: &'a Pool,
    family: Option<Family>,
    state: &'a PoolState,
) -> impl Iterator<Item = (Evidence, &'a FamilyState)> {
    let members = state.members.iter().enumerate();
    let members = members.filter(move |(index, _)| pool.is_in(*index, family));
    members.filter_map(move |(_, member)| {
        let verdict = member.own(family);
        Some((of_member(verdict, member.operator.as_ref())?, verdict))
    })
}

/// Runs the detector of one family, or of both together. `answer` is the answer of the reference
/// targets, `targets`. `None` if nothing changed.
pub fn evaluate(
    pool: &Pool,
    family: Option<Family>,
    state: &mut PoolState,
    (answer, targets): (ReferenceAnswer, &[ReferenceTarget]),
    now: Moment,
) -> Option<Announcement> {
    let Some(rule) = rule(pool) else {
        let detector = std::mem::take(state.outage.of_mut(family));
        return detector.since().map(|_| Announcement {
            warning: false,
            what: "the last set is kept no longer: common_cause is off".into(),
            is_kept: detector.needs_references().then_some(false),
            probe_at_once: vec![],
        });
    };
    // The usual case: there is no outage, and no member is about to fall.
    let detector = state.outage.of(family);
    if detector.since().is_none() && !state.members.iter().any(is_kept) {
        return None;
    }
    let (was_kept, since) = (detector.needs_references(), detector.since());
    let is_to_decide = detector.is_to_decide(&rule, now);
    if is_to_decide && (answer == ReferenceAnswer::Awaited || is_awaited(pool, family, state)) {
        state.outage.of_mut(family).extend_wait(&rule, now);
        return None;
    }
    let evidence: Vec<Evidence> = of_pool(pool, family, state).map(|(of, _)| of).collect();
    let finding = state.outage.of_mut(family).evaluate(&rule, &evidence, answer, now)?;
    let is_kept = state.outage.of(family).needs_references();
    let lasted = since.map(|since| now.duration_since(since).as_secs_f64());
    let until = state.outage.of(family).until(&rule);
    let what = sentence(finding, &rule, targets, lasted.unwrap_or_default(), until, now);
    Some(Announcement {
        warning: is_kept,
        what: with_family(family, &what),
        is_kept: (was_kept != is_kept).then_some(is_kept),
        probe_at_once: match finding {
            OutageFinding::Suspected { .. } | OutageFinding::ProbedAgain => {
                await_failing(pool, family, state)
            }
            OutageFinding::CutOff
            | OutageFinding::Recovered
            | OutageFinding::Confirmed(_)
            | OutageFinding::LimitReached => vec![],
        },
    })
}

/// Whether a failing member has had no result since an extra probe was asked for.
fn is_awaited(pool: &Pool, family: Option<Family>, state: &PoolState) -> bool {
    let mut failing = of_pool(pool, family, state).filter(|(of, _)| of.fails);
    failing.any(|(_, verdict)| verdict.check.is_awaited())
}

/// Marks the failing members as awaiting a result, and returns their targets.
fn await_failing(pool: &Pool, family: Option<Family>, state: &mut PoolState) -> Vec<TargetId> {
    let mut targets = vec![];
    for (index, member) in state.members.iter_mut().enumerate() {
        if !pool.is_in(index, family) {
            continue;
        }
        member.each_verdict(|of, verdict, active| {
            let is_in_family = family.is_none() || of.is_none() || of == family;
            if is_in_family && of_member(verdict, active).is_some_and(|of| of.fails) {
                verdict.check.await_results();
                targets.extend(verdict.check.targets());
            }
        });
    }
    targets
}

/// The sentence with its family in front: `IPv6: …`
fn with_family(family: Option<Family>, what: &str) -> String {
    family.map_or(what.to_owned(), |family| format!("{}: {what}", family.as_str()))
}

/// The sentence about a finding. `lasted` is the number of seconds for which the last set was kept,
/// and `until` is the end of the longest time.
fn sentence(
    finding: OutageFinding,
    rule: &OutageRule,
    targets: &[ReferenceTarget],
    lasted: f64,
    until: Option<Moment>,
    now: Moment,
) -> String {
    match finding {
        OutageFinding::Suspected { failing, of } => format!(
            "{failing} of {of} fail at once, as if it were this machine: the last set is kept \
             while they are asked again"
        ),
        OutageFinding::CutOff => {
            let none = references::description(targets);
            let until = until.map(|until| clock(until, now)).unwrap_or_default();
            format!(
                "they failed again, and no control target answers ({none}): this machine is \
                 cut off, and the last set is kept until {until} at most"
            )
        }
        OutageFinding::ProbedAgain => {
            "this machine reaches something: the failing ones are asked again".into()
        }
        OutageFinding::Recovered => {
            format!("most members answer: the last set was kept for {lasted:.1} s")
        }
        OutageFinding::Confirmed(ReferenceAnswer::NoTargets) => {
            "most members failed again, and no `server.controls` tell whether it is this machine: \
             they are believed"
                .into()
        }
        OutageFinding::Confirmed(_) => {
            "most members failed again, and a control target answers: they are believed".into()
        }
        OutageFinding::LimitReached => {
            format!("the last set was kept for {}, and no longer", span(rule.longest))
        }
    }
}

/// Why the pool keeps its last set; `None` while health alone decides.
pub fn kept(pool: &Pool, state: &PoolState, now: Moment) -> Option<String> {
    let of = |family: &Option<Family>| {
        Some(with_family(*family, &kept_in(pool, state.outage.of(*family), now)?))
    };
    let kept: Vec<String> = pool.verdicts().iter().filter_map(of).collect();
    (!kept.is_empty()).then(|| kept.join("; "))
}

fn kept_in(pool: &Pool, detector: &Detector, now: Moment) -> Option<String> {
    let (rule, since) = (rule(pool)?, detector.since()?);
    let until = clock(detector.until(&rule)?, now);
    let since = clock(since, now);
    Some(match (detector.is_cut_off(), detector.needs_references()) {
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

/// Whether a member serves although its checks say that it is out, in a family at least: it is
/// about to fall, or it is kept.
pub fn is_kept(member: &MemberState) -> bool {
    member.verdicts().any(|(_, verdict)| is_kept_in(verdict, member.operator.as_ref()))
}

/// As [`is_kept`], for one verdict.
pub fn is_kept_in(verdict: &FamilyState, active: Option<&ActiveOverride>) -> bool {
    of_member(verdict, active).is_some_and(|of| of.falls)
}

/// Since when the pool keeps its last set, in either family; `None` while it keeps none.
pub fn kept_since(pool: &Pool, state: &PoolState) -> Option<Moment> {
    pool.verdicts().iter().filter_map(|family| state.outage.of(*family).since()).min()
}

/// Why a member serves while its pool keeps the last set.
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
