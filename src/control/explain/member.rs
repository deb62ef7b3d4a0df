//! Sentences about one member: whether it is answered, and why.

use crate::clock::Moment;
use crate::cluster::pool::Pool;
use crate::cluster::selection::Share;
use crate::cluster::standing::{Standing, State};
use crate::control::explain::time::clock;
use crate::control::explain::transition::hold;
use crate::control::member::FamilyState;
use crate::control::member::checks::MemberChecks;

/// Why a member is answered or not, by its health. `shortage` is the sentence of
/// [`super::pool::answered`] while the pool is short.
pub fn why(
    pool: &Pool,
    verdict: &FamilyState,
    in_answers: bool,
    shortage: Option<&str>,
    now: Moment,
) -> String {
    let health = match (verdict.check.standing(), hold(pool, &verdict.falls, now)) {
        (_, None) => health(&verdict.check, now),
        (Standing::Out, Some(hold)) => format!("{}; {hold}", health(&verdict.check, now)),
        (Standing::Serving, Some(hold)) => {
            let health = verdict.check.answer().unwrap_or_else(|| "healthy".into());
            format!("{hold}; its check passes: {health}")
        }
    };
    let health = health
        + &start(pool, verdict, now).unwrap_or_default()
        + &held_up(&verdict.check, now).unwrap_or_default();
    match (verdict.standing(None), in_answers, shortage) {
        (Standing::Serving, true, None) => health + &load(pool, verdict).unwrap_or_default(),
        (Standing::Serving, true, Some(_)) | (Standing::Out, false, _) => health,
        (Standing::Serving, false, None) => format!("{health}; in reserve, another is answered"),
        (Standing::Serving, false, Some(shortage)) => format!("{health}; not answered: {shortage}"),
        (Standing::Out, true, Some(shortage)) => {
            format!("{health}; answered all the same: {shortage}")
        }
        (Standing::Out, true, None) => health,
    }
}

/// The health of a member, by its committed standing and the state of its checks:
///
/// | standing | state | sentence |
/// |---|---|---|
/// | serving | up, falling, unknown | serving, with latest answer or failure, or what is awaited |
/// | serving | down, rising | serving until the first round is over |
/// | out | down, rising, unknown | out since, with latest failure or answer, or what is awaited |
/// | out | up, falling | out until the first round is over |
fn health(check: &MemberChecks, now: Moment) -> String {
    let (since, awaited) = (clock(check.since, now), check.awaited_result());
    let failure = check.failure().unwrap_or_else(|| "no failure".into());
    let healthy = check.answer().unwrap_or_else(|| "healthy".into());
    match (check.standing(), check.state()) {
        (Standing::Serving, State::Up) => format!("serving: {healthy}"),
        (Standing::Serving, State::Falling { count, of }) => {
            format!("serving, but falling ({count} of {of}): {failure}")
        }
        (Standing::Serving, State::Unknown { last: None }) => format!("serving until {awaited}"),
        (Standing::Serving, State::Unknown { last: Some(_) }) => {
            format!("serving until {awaited}, as it did before")
        }
        (Standing::Serving, State::Down | State::Rising { .. }) => {
            format!("serving until the first round is over: {failure}")
        }
        (Standing::Out, State::Down) => format!("out since {since}: {failure}"),
        (Standing::Out, State::Rising { count, of }) => {
            format!("out since {since}, rising ({count} of {of}): {healthy}")
        }
        (Standing::Out, State::Unknown { .. }) => format!("out since {since}, until {awaited}"),
        (Standing::Out, State::Up | State::Falling { .. }) => {
            format!("out until the first round is over: {healthy}")
        }
    }
}

/// The share of a member that starts slowly; `None` at its full share.
fn start(pool: &Pool, verdict: &FamilyState, now: Moment) -> Option<String> {
    let (since, over) = (verdict.comeback.since()?, pool.steadiness.slow_start?);
    let full = clock(since.checked_add(over)?, now);
    let share = verdict.comeback.share().get();
    Some(format!("; starts slowly: {share} % of its part, all of it from {full}"))
}

/// For how long no probe finished because this machine is held up; `None` if probes finish.
fn held_up(check: &MemberChecks, now: Moment) -> Option<String> {
    let silent = check.held_up(now)?.as_secs();
    Some(format!("; no probe finished for {silent} s, as this machine is held up"))
}

/// The share of a member by its load; `None` at the full share, or where one member is answered.
fn load(pool: &Pool, verdict: &FamilyState) -> Option<String> {
    let share = Some(verdict.load()).filter(|share| *share != Share::FULL)?;
    pool.answers_several()
        .then(|| format!("; takes {} % of its part, by what it says of its load", share.get()))
}
