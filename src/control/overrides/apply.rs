//! The operator's orders over the members that there are: which count, what a request makes of
//! them, and what is told.
//!
//! Of several orders that mean a member the newest counts. Another order for the same target and
//! pool takes the place of the one before.

use std::cell::LazyCell;
use std::time::Duration;

use crate::clock::Moment;
use crate::cluster::operator::{ActiveOverride, Override, OverrideKind, Selector};
use crate::cluster::pool::{MemberView, Pool};
use crate::control::explain;
use crate::control::member::MemberState;
use crate::control::overrides::request::OverrideRequest;
use crate::control::pool::PoolState;
use crate::control::request::{RequestFault, fault};
use crate::control::served_config::ServedConfig;
use crate::pace;

/// Orders in force at a time.
const MAX_OVERRIDES: usize = 1000;
/// A drained member's address is waited for this much longer than its TTL says: resolvers round
/// up, and an answer may have been under way.
pub const DRAIN_GRACE: Duration = Duration::from_secs(30);

/// The orders that would be in force after `request`.
pub fn decide(
    request: &OverrideRequest,
    overrides: &[Override],
    loaded: &ServedConfig,
    now: Moment,
) -> Result<Vec<Override>, Vec<RequestFault>> {
    let mut next: Vec<Override> = overrides.iter().filter(|o| !o.is_over(now)).cloned().collect();
    let before = next.len();
    next.retain(|old| old.target != request.target || old.pool != request.pool);
    let Some(order) = request.order else {
        let released = next.len() < before;
        return if released { Ok(next) } else { Err(vec![nothing_to_release(request, &next)]) };
    };
    let faults = unknown(request, loaded);
    if !faults.is_empty() {
        return Err(faults);
    }
    if next.len() >= MAX_OVERRIDES {
        let text = format!("{MAX_OVERRIDES} orders are in force");
        return Err(vec![fault("", text, "release some, or order by a pattern or a tag")]);
    }
    next.push(Override {
        target: request.target.clone(),
        pool: request.pool.clone(),
        order,
        reason: request.reason.clone(),
        author: request.author.clone(),
        since: now,
        until: request.lasts.and_then(|lasts| now.checked_add(lasts)),
    });
    Ok(next)
}

fn nothing_to_release(request: &OverrideRequest, overrides: &[Override]) -> RequestFault {
    let of = |order: &Override| match &order.pool {
        Some(pool) => format!("{} in pool {pool}", order.target),
        None => order.target.to_string(),
    };
    let known: Vec<String> = overrides.iter().map(of).collect();
    let write = match known.is_empty() {
        true => "nothing: no order is in force".to_owned(),
        false => format!("a target as it was ordered: {}", known.join(", ")),
    };
    fault("target", format!("no order for {} is in force", request.target), write)
}

/// A typing mistake must not pass for an order that is carried out.
fn unknown(request: &OverrideRequest, loaded: &ServedConfig) -> Vec<RequestFault> {
    let pools = &loaded.pools;
    if let Some(name) = &request.pool
        && !pools.iter().any(|pool| pool.name.as_str() == name)
    {
        let names: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
        let write = format!("one of {}", names.join(", "));
        return vec![fault("pool", format!("there is no pool {name:?}"), write)];
    }
    let mut pools = pools.iter().filter(|pool| in_pool(request.pool.as_deref(), pool));
    if pools.any(|pool| pool.membership.iter().any(|m| means(&request.target, &m, loaded))) {
        return vec![];
    }
    let of = request.pool.as_ref().map_or("a pool".into(), |pool| format!("pool {pool}"));
    let text = format!("{} means no member of {of}", request.target);
    vec![fault("target", text, "a member as the page names it, or a tag of some")]
}

/// Puts the orders to the members. What is to be told: pool, node, and what happened.
pub fn apply(
    overrides: &[Override],
    loaded: &ServedConfig,
    pools: &mut [PoolState],
    now: Moment,
) -> Vec<(usize, String, String)> {
    let mut told = vec![];
    for (index, (pool, state)) in loaded.pools.iter().zip(pools).enumerate() {
        pace::did(state.members.len());
        let held = LazyCell::new(|| hold(loaded, index));
        for (member, state) in pool.membership.iter().zip(&mut state.members) {
            let newest = overrides.iter().rev().filter(|order| !order.is_over(now));
            let mut newest = newest.filter(|order| in_pool(order.pool.as_deref(), pool));
            let order = newest.find(|order| means(&order.target, &member, loaded));
            let order = order.map(|order| in_force(order, || *held, now));
            if let Some(what) = explain::ordered(state.operator.as_ref(), order.as_ref(), now) {
                told.push((index, member.node.to_string(), what));
            }
            state.operator = order;
        }
    }
    told
}

fn in_force(order: &Override, held: impl Fn() -> Duration, now: Moment) -> ActiveOverride {
    let held_until = match order.order {
        OverrideKind::Drain => order.since.checked_add(held()),
        OverrideKind::ForceUp | OverrideKind::ForceDown => None,
    };
    let drained = held_until.is_some_and(|until| until <= now);
    ActiveOverride { by: order.clone(), held_until, drained }
}

/// When time alone changes what [`apply`] does.
pub fn next_change(overrides: &[Override], pools: &[PoolState], now: Moment) -> Option<Moment> {
    let members = pools.iter().flat_map(|pool| &pool.members);
    let in_force = members.filter_map(|member: &MemberState| member.operator.as_ref());
    let held = in_force.filter_map(|order| order.held_until);
    let ends = overrides.iter().filter_map(|order| order.until);
    held.chain(ends).filter(|at| *at > now).min()
}

/// The names of the nodes that an order means, each once.
pub fn meant(order: &Override, loaded: &ServedConfig) -> Vec<String> {
    let pools = loaded.pools.iter().filter(|pool| in_pool(order.pool.as_deref(), pool));
    let members = pools.flat_map(|pool| pool.membership.iter());
    explain::nodes(members.filter(|member| means(&order.target, member, loaded)))
}

fn means(target: &Selector, member: &MemberView<'_>, loaded: &ServedConfig) -> bool {
    target.means(member.node, member.role, loaded.tags.get(member.node))
}

fn in_pool(wanted: Option<&str>, pool: &Pool) -> bool {
    wanted.is_none_or(|wanted| wanted == pool.name.as_str())
}

/// How long resolvers may hold an address of that pool, which may also have been answered in the
/// place of another one.
fn hold(loaded: &ServedConfig, pool: usize) -> Duration {
    let asked = loaded.fallbacks.answered_from([pool]).into_iter();
    let ttl = asked.map(|index| loaded.pools[index].ttl).max().unwrap_or_default();
    Duration::from_secs(ttl.into()) + DRAIN_GRACE
}
