//! Common cause: what [`crate::control::suspicion`] has to know of a pool, and what is told of it.

use std::time::Duration;

use crate::clock::Moment;
use crate::cluster::pool::Pool;
use crate::cluster::standing::{Standing, State};
use crate::cluster::steadiness::ControlTarget;
use crate::control::controls;
use crate::control::explain::{clock, span};
use crate::control::roster::{MemberState, PoolState};
use crate::control::suspicion::{Controls, Rule, Sight, Turn};
use crate::health::{TargetId, beat};

/// An answer that came in time has been observed by then.
const SLACK: Duration = Duration::from_millis(250);

/// What is to be told of a pool.
#[derive(Debug)]
pub struct Told {
    pub warning: bool,
    /// One sentence.
    pub what: String,
    /// The set is kept from now on, or no longer.
    pub turn: Option<bool>,
    /// To be asked at once.
    pub asked: Vec<TargetId>,
}

/// `None` when the pool does not want it.
pub fn rule(pool: &Pool) -> Option<Rule> {
    let longest = pool.steadiness.common_cause?;
    let checks = || pool.checks.list().iter().map(|of| &of.check);
    let timeout = checks().map(|check| check.timeout).max()?;
    let interval = checks().map(|check| check.every).max()? + timeout;
    let members = pool.membership.len();
    let begun = beat::delay(members, members);
    let patience = begun + timeout.max(controls::TIMEOUT) + SLACK;
    Some(Rule { longest, interval, patience })
}

/// Of a member whose fall clients would feel.
pub fn sight(member: &MemberState) -> Option<Sight> {
    let serves = member.operator.is_none() && member.standing() == Standing::Serving;
    serves.then(|| Sight {
        falls: member.check.state().standing() == Standing::Out,
        fails: member.check.fails(),
    })
}

pub fn judge(
    pool: &Pool,
    state: &mut PoolState,
    (say, targets): (Controls, &[ControlTarget]),
    now: Moment,
) -> Option<Told> {
    let Some(rule) = rule(pool) else {
        let suspicion = std::mem::take(&mut state.suspicion);
        return suspicion.since().map(|_| Told {
            warning: false,
            what: "the last set is kept no longer: common_cause is off".into(),
            turn: suspicion.asks_controls().then_some(false),
            asked: vec![],
        });
    };
    // Nearly always: nobody is about to fall, and nothing is to be counted.
    if state.suspicion.since().is_none() && !state.members.iter().any(is_kept) {
        return None;
    }
    let sights: Vec<Sight> = state.members.iter().filter_map(sight).collect();
    if state.suspicion.is_to_decide(&rule, now) && (say == Controls::Awaited || is_awaited(state)) {
        state.suspicion.wait(&rule, now);
        return None;
    }
    let (was_kept, since) = (state.suspicion.asks_controls(), state.suspicion.since());
    let turn = state.suspicion.judge(&rule, &sights, say, now)?;
    let is_kept = state.suspicion.asks_controls();
    let for_long = since.map(|since| now.duration_since(since).as_secs_f64());
    Some(Told {
        warning: is_kept,
        what: words(turn, &rule, targets, for_long.unwrap_or_default(), state, now),
        turn: (was_kept != is_kept).then_some(is_kept),
        asked: match turn {
            Turn::Kept { .. } | Turn::Again => ask(state),
            Turn::CutOff | Turn::Answered | Turn::Believed(_) | Turn::TooLong => vec![],
        },
    })
}

/// Whether one that fails has not been heard since it was asked: what it said before is no answer.
fn is_awaited(state: &PoolState) -> bool {
    let mut failing = state.members.iter().filter(|member| fails(member));
    failing.any(|member| member.check.is_awaited())
}

/// Those who fail are to be asked.
fn ask(state: &mut PoolState) -> Vec<TargetId> {
    let failing = state.members.iter_mut().filter(|member| fails(member));
    let asked = failing.flat_map(|member| {
        member.check.ask();
        member.check.targets()
    });
    asked.collect()
}

fn fails(member: &MemberState) -> bool {
    sight(member).is_some_and(|sight| sight.fails)
}

fn words(
    turn: Turn,
    rule: &Rule,
    targets: &[ControlTarget],
    for_long: f64,
    state: &PoolState,
    now: Moment,
) -> String {
    match turn {
        Turn::Kept { failing, of } => format!(
            "{failing} of {of} fail at once, as if it were this machine: the last set is kept \
             while they are asked again"
        ),
        Turn::CutOff => {
            let (none, until) = (controls::words(targets), state.suspicion.until(rule));
            let until = until.map(|until| clock(until, now)).unwrap_or_default();
            format!(
                "they failed again, and no control target answers ({none}): this machine is \
                 cut off, and the last set is kept until {until} at most"
            )
        }
        Turn::Again => "this machine reaches something: the failing ones are asked again".into(),
        Turn::Answered => {
            format!("most members answer: the last set was kept for {for_long:.1} s")
        }
        Turn::Believed(Controls::None) => {
            "most members failed again, and no `server.controls` tell whether it is this machine: \
             they are believed"
                .into()
        }
        Turn::Believed(_) => {
            "most members failed again, and a control target answers: they are believed".into()
        }
        Turn::TooLong => {
            format!("the last set was kept for {}, and no longer", span(rule.longest))
        }
    }
}

/// Why a set is kept that health would not choose; nothing, while none is.
pub fn kept(pool: &Pool, state: &PoolState, now: Moment) -> Option<String> {
    let (rule, since) = (rule(pool)?, state.suspicion.since()?);
    let until = clock(state.suspicion.until(&rule)?, now);
    let since = clock(since, now);
    Some(match (state.suspicion.is_cut_off(), state.suspicion.asks_controls()) {
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
    sight(member).is_some_and(|sight| sight.falls)
}

pub fn kept_member(member: &MemberState) -> String {
    let check = &member.check;
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
