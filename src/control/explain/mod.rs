//! Every decision in one sentence, in the operator's words.

pub mod tier;

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::Moment;
use crate::cluster::failover;
use crate::cluster::families::Family;
use crate::cluster::operator::{self, ActiveOverride, Withholding};
use crate::cluster::pool::{MemberView, Order, Pool, WhenShort};
use crate::cluster::selection::{Cause, Selection, Share};
use crate::cluster::standing::{Standing, State};
use crate::control::member::FamilyState;
use crate::control::member::checks::MemberChecks;
use crate::control::member::damping::Falls;
use crate::control::member::target::TargetState;
use crate::control::pool::PoolState;

/// RFC 3339 in UTC, to the millisecond.
pub fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// `at` by the wall clock of now, as [`time`] writes it.
pub fn shown(at: Moment, now: Moment) -> String {
    time(now.wall_of(at))
}

/// The names of the nodes, each once.
pub fn nodes<'a>(members: impl Iterator<Item = MemberView<'a>>) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = members.map(|member| member.node.as_str());
    names.filter(|name| seen.insert(*name)).map(str::to_owned).collect()
}

/// `10:02:11 UTC` as the wall clock goes now, with the date when that is not today's.
pub fn clock(at: Moment, now: Moment) -> String {
    let (at, now) = (now.wall_of(at), now.wall());
    let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
    let form = if day(at) == day(now) { "%H:%M:%S UTC" } else { "%Y-%m-%d %H:%M:%S UTC" };
    at.strftime(form).to_string()
}

/// A member's standing changed, in a family or in all that it has.
pub fn moved(pool: &Pool, family: Option<Family>, standing: Standing, cause: &str) -> String {
    let (name, which) = (&pool.name, which(family));
    match standing {
        // Whether it is answered is another question.
        Standing::Serving if pool.stay => {
            let over = family.map(|family| format!(" over {}", family.as_str()));
            format!("serves again{} in {name}: {cause}", over.unwrap_or_default())
        }
        Standing::Serving => back(pool, family, cause),
        Standing::Out => format!("out of the {which}answers of {name}: {cause}"),
    }
}

pub fn back(pool: &Pool, family: Option<Family>, cause: &str) -> String {
    format!("back in the {}answers of {}: {cause}", which(family), pool.name)
}

/// `IPv6 `, of `the IPv6 answers`.
fn which(family: Option<Family>) -> String {
    family.map(|family| format!("{} ", family.as_str())).unwrap_or_default()
}

/// `IPv4: connection refused (3/3); IPv6: no answer within 2 s (3/3)`, or what is true of both.
pub fn of_both(v4: &str, v6: &str) -> String {
    match v4 == v6 {
        true => v4.to_owned(),
        false => format!("{}: {v4}; {}: {v6}", Family::V4.as_str(), Family::V6.as_str()),
    }
}

/// The same of a member for which the operator's word counts.
pub fn moved_under(
    order: &ActiveOverride,
    family: Option<Family>,
    standing: Standing,
    check: &MemberChecks,
) -> String {
    let health = match standing {
        Standing::Serving => "would serve again",
        Standing::Out => "would be out",
    };
    let health = format!("{health} by its {}health", which(family));
    format!("{health}: {}; it stays {}", check.cause(), order.state())
}

/// The same of a member that is held out whatever its health says.
pub fn moved_while_held(
    family: Option<Family>,
    standing: Standing,
    check: &MemberChecks,
    until: Moment,
    now: Moment,
) -> String {
    let (cause, until) = (check.cause(), clock(until, now));
    let over = family.map(|family| format!(" over {}", family.as_str())).unwrap_or_default();
    match standing {
        Standing::Serving => format!("is well again{over}: {cause}; it is held out until {until}"),
        Standing::Out => format!("is not well again{over}: {cause}; it is held out until {until}"),
    }
}

/// Why a member stays out although it may be well.
pub fn hold(pool: &Pool, falls: &Falls, now: Moment) -> Option<String> {
    let (until, rule) = (falls.held_until()?, pool.steadiness.damping.as_ref()?);
    let (count, within) = (falls.count(rule, now), span(rule.within));
    Some(format!("held out until {}: {count} falls within {within}", clock(until, now)))
}

/// What a member takes that returned.
fn start(pool: &Pool, verdict: &FamilyState, now: Moment) -> Option<String> {
    let (since, over) = (verdict.comeback.since()?, pool.steadiness.slow_start?);
    let full = clock(since.checked_add(over)?, now);
    let share = verdict.comeback.share().get();
    Some(format!("; starts slowly: {share} % of its part, all of it from {full}"))
}

/// That nothing new is known of a member.
fn held_up(check: &MemberChecks, now: Moment) -> Option<String> {
    let silent = check.held_up(now)?.as_secs();
    Some(format!("; no probe finished for {silent} s, as this machine is held up"))
}

/// `90 s`, `10 min`, `1 h`.
pub fn span(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{} s", duration.as_secs_f64()),
    }
}

pub fn deep_moved(standing: Standing, deep: &TargetState) -> String {
    match standing {
        Standing::Serving => format!("passes its deep check again: {}", deep.cause()),
        Standing::Out => format!("fails its deep check: {}", deep.cause()),
    }
}

/// Who is answered for a pool, and why.
pub fn answered(pools: &[Pool], pool: &Pool, selection: &Selection, state: &PoolState) -> String {
    let families = pool.decisions().iter().copied().flatten();
    let of_family = |family: Family| {
        let what = decided(pools, pool, selection.of(family), state, Some(family));
        format!("{}: {what}", family.as_str())
    };
    let each: Vec<String> = families.map(of_family).collect();
    match each.is_empty() {
        true => decided(pools, pool, selection, state, None),
        false => each.join("; "),
    }
}

/// The same of one family, or of all members.
fn decided(
    pools: &[Pool],
    pool: &Pool,
    selection: &Selection,
    state: &PoolState,
    family: Option<Family>,
) -> String {
    let members = (0..state.members.len()).collect();
    let members = match family {
        Some(family) => family.of(pool, members),
        None => members,
    };
    let (of, least) = (members.len(), pool.least(family));
    let Cause::Short { serving, rule } = selection.cause else {
        return enough(pool, family, selection, state, of);
    };
    let last_enough = state.last_enough.of(family);
    let done = match rule {
        WhenShort::All if pool.order == Order::Failover => first(pool, selection, "all"),
        WhenShort::All => all(state, selection, &members),
        WhenShort::LastKnown if last_enough.is_empty() => {
            "all members are answered, as there never were enough (when_short: last_known)"
                .to_owned()
        }
        WhenShort::LastKnown => "the last that were enough are answered \
            (when_short: last_known)"
            .to_owned(),
        WhenShort::None => "nobody is answered (when_short: none)".to_owned(),
        WhenShort::Pool(fallback)
            if selection.pool != fallback && is_own(pools, pool, selection) =>
        {
            let name = pools.get(fallback.index()).map_or("?", |pool| pool.name.as_str());
            format!("all members are answered, as pool {name} has no such address (when_short)")
        }
        WhenShort::Pool(_) => {
            let name = pools.get(selection.pool.index()).map_or("?", |pool| pool.name.as_str());
            format!("pool {name} stands in (when_short)")
        }
    };
    let within = if pool.tiers.are_written() { " of a tier" } else { "" };
    format!("{serving} of {of} serve, at least {least}{within} must: {done}")
}

fn first(pool: &Pool, selection: &Selection, rule: &str) -> String {
    let tier = selection.members.first().map(|member| pool.tiers.of_member(*member));
    match tier {
        Some(tier) if tier > 0 || pool.tiers.are_written() => {
            format!("{} is answered (when_short: {rule})", tier::name(pool, tier))
        }
        _ => format!("the first member is answered (when_short: {rule})"),
    }
}

fn all(state: &PoolState, selection: &Selection, members: &[usize]) -> String {
    let mut states = members.iter().filter_map(|index| state.members.get(*index));
    let withheld = states.any(|member| member.withheld() != Withholding::No);
    if withheld && selection.members.len() < members.len() {
        return "all are answered whom the operator does not hold back (when_short: all)".into();
    }
    "all members are answered (when_short: all)".to_owned()
}

/// Whether a pool answers its own members.
fn is_own(pools: &[Pool], pool: &Pool, selection: &Selection) -> bool {
    pools.get(selection.pool.index()).is_some_and(|of| of.name == pool.name)
}

/// `of` is how many members have an address of the family.
fn enough(
    pool: &Pool,
    family: Option<Family>,
    selection: &Selection,
    state: &PoolState,
    of: usize,
) -> String {
    if let (Order::Failover, Some(&first)) = (pool.order, selection.members.first()) {
        return failed_over(pool, family, first, state);
    }
    let serving = state.serving(pool, family).len();
    match of {
        0 => "no member has an address".into(),
        1 => "its only member serves".into(),
        of if serving == of => format!("all {of} serve"),
        of => format!("{serving} of {of} serve"),
    }
}

/// Which tier of a failover pool is answered; `first` is the first member of the answer.
fn failed_over(pool: &Pool, family: Option<Family>, first: usize, state: &PoolState) -> String {
    let serving = state.serving(pool, family);
    let tier = pool.tiers.of_member(first);
    let returned = failover::tier(pool, family, &serving, None).filter(|first| *first < tier);
    if let Some(returned) = returned {
        let (one, other) = (tier::name(pool, tier), tier::name(pool, returned));
        return format!("{one} is answered: it stays in charge, though {other} serves again");
    }
    let one = tier::name(pool, tier);
    if !pool.tiers.are_written() {
        return format!("{one} is answered, the first of {} that serve", serving.len());
    }
    let members = pool.tiers.members(tier);
    let here = serving.iter().filter(|member| members.contains(member)).count();
    let of = members.filter(|member| pool.is_in(*member, family)).count();
    format!("{one} is answered: {here} of {of} serve")
}

/// What another order, or the passing of time, made of a member; `None` when it changed nothing.
pub fn ordered(
    old: Option<&ActiveOverride>,
    new: Option<&ActiveOverride>,
    now: Moment,
) -> Option<String> {
    match (old, new) {
        (None, None) => None,
        (Some(old), Some(new)) if old.by == new.by => (old.drained != new.drained)
            .then(|| "drained: no resolver should hold its address any more".into()),
        (_, Some(new)) => Some(order(new, now)),
        (Some(old), None) if old.by.is_over(now) => {
            let (word, author) = (old.by.order.as_str(), &old.by.author);
            Some(format!("the time of {author}'s order {word} is over: health decides again"))
        }
        (Some(_), None) => Some("released: health decides again".into()),
    }
}

/// `draining since 10:02:11 UTC by ana@ns1: kernel update; resolvers may hold its address until …`
pub fn order(order: &ActiveOverride, now: Moment) -> String {
    let by = &order.by;
    let mut text = format!("{} since {} by {}", order.state(), clock(by.since, now), by.author);
    if !by.reason.is_empty() {
        text += &format!(": {}", by.reason);
    }
    if let Some(held) = order.held_until.filter(|_| !order.drained) {
        text += &format!("; resolvers may hold its address until {}", clock(held, now));
    }
    if let Some(until) = by.until {
        text += &format!("; the order ends {}", clock(until, now));
    }
    text
}

/// Why a member is answered or not, while an order counts for it.
pub fn ordered_member(
    in_force: &ActiveOverride,
    in_answers: bool,
    shortage: Option<&str>,
    now: Moment,
) -> String {
    let order = order(in_force, now);
    match (in_force.by.order, in_answers, shortage) {
        (operator::OverrideKind::ForceUp, true, _) => order,
        (operator::OverrideKind::ForceUp, false, None) => {
            format!("{order}; in reserve, another is answered")
        }
        (operator::OverrideKind::ForceUp, false, Some(shortage)) => {
            format!("{order}; not answered: {shortage}")
        }
        (operator::OverrideKind::Drain | operator::OverrideKind::ForceDown, false, _) => order,
        (operator::OverrideKind::Drain | operator::OverrideKind::ForceDown, true, _) => format!(
            "{order}; answered all the same: nobody else is left, and only when_short: none \
             empties a pool"
        ),
    }
}

/// What a member takes that says how loaded it is.
fn load(pool: &Pool, verdict: &FamilyState) -> Option<String> {
    let share = Some(verdict.load()).filter(|share| *share != Share::FULL)?;
    pool.answers_several()
        .then(|| format!("; takes {} % of its part, by what it says of its load", share.get()))
}

/// Why a member is answered or not. `shortage` is what [`answered`] says, while the pool is short.
pub fn member(
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

/// | standing | state | said |
/// |---|---|---|
/// | serving | up, falling, unknown | serving, with the newest answer, failure or what is awaited |
/// | serving | down, rising | the first round is not over |
/// | out | down, rising, unknown | out since, with the newest failure or what is awaited |
/// | out | up, falling | the first round is not over |
fn health(check: &MemberChecks, now: Moment) -> String {
    let (since, awaited) = (clock(check.since, now), check.awaited());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_another_day_has_its_date() {
        let at: Moment = "2026-03-01T10:02:11.5Z".parse().unwrap();
        assert_eq!(clock(at, "2026-03-01T23:00:00Z".parse().unwrap()), "10:02:11 UTC");
        assert_eq!(clock(at, "2026-03-02T00:00:00Z".parse().unwrap()), "2026-03-01 10:02:11 UTC");
        assert_eq!(time(at.wall()), "2026-03-01T10:02:11.500Z");
    }
}
