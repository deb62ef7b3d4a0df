//! Decides which overrides are in force after a request, and which override counts for each member.
//!
//! Of several overrides that select a member the newest counts. A new override replaces an earlier
//! one with the same selector and pool. A member of weight 0 that no override selects is drained by
//! config.yaml.

use std::cell::LazyCell;
use std::time::Duration;

use crate::clock::Moment;
use crate::cluster::operator::{ActiveOverride, Override, OverrideKind, Selector};
use crate::cluster::pool::{MemberView, Pool, node_names};
use crate::control::explain;
use crate::control::member::MemberState;
use crate::control::overrides::request::OverrideRequest;
use crate::control::pool::PoolState;
use crate::control::request::{RequestFault, fault};
use crate::control::served_config::ServedConfig;
use crate::pace;

/// Most overrides in force at a time.
const MAX_OVERRIDES: usize = 1000;
/// Added to the TTL of a draining member's address, because resolvers round up, and the last answer
/// may have been on its way when the drain began.
pub const DRAIN_GRACE: Duration = Duration::from_secs(30);
/// Author and reason of the drain of a member whose weight is 0.
const AUTHOR: &str = "config.yaml";
const BY_WEIGHT: &str = "weight: 0";

/// The overrides in force after `request`, the newest last. The error is for a request that selects
/// no member, that releases nothing, or that would exceed `MAX_OVERRIDES`.
pub fn decide(
    request: &OverrideRequest,
    overrides: &[Override],
    config: &ServedConfig,
    now: Moment,
) -> Result<Vec<Override>, Vec<RequestFault>> {
    let mut next: Vec<Override> = overrides.iter().filter(|o| !o.is_over(now)).cloned().collect();
    let before = next.len();
    next.retain(|old| old.selector != request.selector || old.pool != request.pool);
    let Some(kind) = request.kind else {
        let released = next.len() < before;
        return if released { Ok(next) } else { Err(vec![nothing_to_release(request, &next)]) };
    };
    let faults = unknown(request, config);
    if !faults.is_empty() {
        return Err(faults);
    }
    if next.len() >= MAX_OVERRIDES {
        let text = format!("{MAX_OVERRIDES} orders are in force");
        return Err(vec![fault("", text, "release some, or order by a pattern or a tag")]);
    }
    next.push(Override {
        selector: request.selector.clone(),
        pool: request.pool.clone(),
        kind,
        reason: request.reason.clone(),
        author: request.author.clone(),
        since: now,
        until: request.lasts.and_then(|lasts| now.checked_add(lasts)),
    });
    Ok(next)
}

fn nothing_to_release(request: &OverrideRequest, overrides: &[Override]) -> RequestFault {
    let of = |given: &Override| match &given.pool {
        Some(pool) => format!("{} in pool {pool}", given.selector),
        None => given.selector.to_string(),
    };
    let known: Vec<String> = overrides.iter().map(of).collect();
    let write = match known.is_empty() {
        true => "nothing: no order is in force".to_owned(),
        false => format!("a target as it was ordered: {}", known.join(", ")),
    };
    fault("target", format!("no order for {} is in force", request.selector), write)
}

/// Refuses a request that selects nothing, because it is probably a typing mistake.
fn unknown(request: &OverrideRequest, config: &ServedConfig) -> Vec<RequestFault> {
    let pools = &config.pools;
    if let Some(name) = &request.pool
        && !pools.iter().any(|pool| pool.name.as_str() == name)
    {
        let names: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
        let write = format!("one of {}", names.join(", "));
        return vec![fault("pool", format!("there is no pool {name:?}"), write)];
    }
    let mut pools = pools.iter().filter(|pool| in_pool(request.pool.as_deref(), pool));
    if pools.any(|pool| pool.membership.iter().any(|m| selects(&request.selector, &m, config))) {
        return vec![];
    }
    let of = request.pool.as_ref().map_or("a pool".into(), |pool| format!("pool {pool}"));
    let text = format!("{} means no member of {of}", request.selector);
    vec![fault("target", text, "a member as the page names it, or a tag of some")]
}

/// Sets the override that counts for each member. Returns what changed: the index of the pool, the
/// node, and one sentence.
pub fn apply(
    overrides: &[Override],
    config: &ServedConfig,
    pools: &mut [PoolState],
    now: Moment,
) -> Vec<(usize, String, String)> {
    let mut changes = vec![];
    for (index, (pool, state)) in config.pools.iter().zip(pools).enumerate() {
        pace::yield_after(state.members.len());
        let held = LazyCell::new(|| hold(config, index));
        for (member, state) in pool.membership.iter().zip(&mut state.members) {
            let newest = overrides.iter().rev().filter(|given| !given.is_over(now));
            let mut newest = newest.filter(|given| in_pool(given.pool.as_deref(), pool));
            let given = newest.find(|given| selects(&given.selector, &member, config));
            let by_weight = || drain_by_weight(&member, state.operator.as_ref(), now);
            let active = given.cloned().or_else(by_weight);
            let active = active.map(|given| in_force(given, || *held, now));
            if let Some(what) =
                explain::overrides::changed(state.operator.as_ref(), active.as_ref(), now)
            {
                changes.push((index, member.node.to_string(), what));
            }
            state.operator = active;
        }
    }
    changes
}

/// The drain of a member whose weight is 0; `None` with another weight. `before` is the override
/// that counted until now: if that is already a drain by weight, its `since` is kept.
fn drain_by_weight(
    member: &MemberView<'_>,
    before: Option<&ActiveOverride>,
    now: Moment,
) -> Option<Override> {
    let is_by_weight = |given: &Override| given.author == AUTHOR && given.reason == BY_WEIGHT;
    let before = before.map(|active| &active.given).filter(|given| is_by_weight(given));
    (member.weight == 0).then(|| Override {
        selector: Selector::Name(member.node.to_string()),
        pool: None,
        kind: OverrideKind::Drain,
        reason: BY_WEIGHT.into(),
        author: AUTHOR.into(),
        since: before.map_or(now, |given| given.since),
        until: None,
    })
}

/// The active override for `given`. `held` is how long resolvers may hold the member's address.
fn in_force(given: Override, held: impl Fn() -> Duration, now: Moment) -> ActiveOverride {
    let held_until = match given.kind {
        OverrideKind::Drain => given.since.checked_add(held()),
        OverrideKind::ForceUp | OverrideKind::ForceDown => None,
    };
    let is_drained = held_until.is_some_and(|until| until <= now);
    ActiveOverride { given, held_until, is_drained }
}

/// When time alone next changes the result of [`apply`]; `None` if it never does.
pub fn next_change(overrides: &[Override], pools: &[PoolState], now: Moment) -> Option<Moment> {
    let members = pools.iter().flat_map(|pool| &pool.members);
    let active = members.filter_map(|member: &MemberState| member.operator.as_ref());
    let held = active.filter_map(|active| active.held_until);
    let ends = overrides.iter().filter_map(|given| given.until);
    held.chain(ends).filter(|at| *at > now).min()
}

/// The names of the nodes that an override selects, each once.
pub fn selected_nodes(given: &Override, config: &ServedConfig) -> Vec<String> {
    let pools = config.pools.iter().filter(|pool| in_pool(given.pool.as_deref(), pool));
    let members = pools.flat_map(|pool| pool.membership.iter());
    node_names(members.filter(|member| selects(&given.selector, member, config)))
}

fn selects(selector: &Selector, member: &MemberView<'_>, config: &ServedConfig) -> bool {
    selector.selects(member.node, member.role, config.tags.get(member.node))
}

fn in_pool(wanted: Option<&str>, pool: &Pool) -> bool {
    wanted.is_none_or(|wanted| wanted == pool.name.as_str())
}

/// How long resolvers may hold an address of the pool. The address may also have been answered for
/// a pool that has this one as its fallback, and with the TTL of that pool.
fn hold(config: &ServedConfig, pool: usize) -> Duration {
    let asked = config.dependents.with_dependents([pool]).into_iter();
    let ttl = asked.map(|index| config.pools[index].ttl).max().unwrap_or_default();
    Duration::from_secs(ttl.into()) + DRAIN_GRACE
}
