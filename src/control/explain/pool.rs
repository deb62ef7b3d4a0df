//! Sentences about a pool: which members are answered, and why.

use crate::cluster::failover;
use crate::cluster::families::Family;
use crate::cluster::operator::Withholding;
use crate::cluster::pool::{Order, Pool, WhenShort};
use crate::cluster::selection::{Cause, Selection};
use crate::control::explain::tier;
use crate::control::pool::PoolState;

/// Which members are answered for a pool, and why.
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

/// Which members are answered in one family, and why; with `None` for both families together.
fn decided(
    pools: &[Pool],
    pool: &Pool,
    selection: &Selection,
    state: &PoolState,
    family: Option<Family>,
) -> String {
    let members = pool.with_family(family, (0..state.members.len()).collect());
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

/// The sentence of a short failover pool: which of its tiers is answered.
fn first(pool: &Pool, selection: &Selection, rule: &str) -> String {
    let tier = selection.members.first().map(|member| pool.tiers.of_member(*member));
    match tier {
        Some(tier) if tier > 0 || pool.tiers.are_written() => {
            format!("{} is answered (when_short: {rule})", tier::name(pool, tier))
        }
        _ => format!("the first member is answered (when_short: {rule})"),
    }
}

/// The sentence of a short pool with `when_short: all`, of which `members` have an address.
fn all(state: &PoolState, selection: &Selection, members: &[usize]) -> String {
    let mut states = members.iter().filter_map(|index| state.members.get(*index));
    let withheld = states.any(|member| member.withheld() != Withholding::No);
    if withheld && selection.members.len() < members.len() {
        return "all are answered whom the operator does not hold back (when_short: all)".into();
    }
    "all members are answered (when_short: all)".to_owned()
}

/// Whether the selection consists of the pool's own members, not of its fallback's.
fn is_own(pools: &[Pool], pool: &Pool, selection: &Selection) -> bool {
    pools.get(selection.pool.index()).is_some_and(|of| of.name == pool.name)
}

/// The sentence of a pool that is not short; `of` members have an address of the family.
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
