//! Builds the status of the server, or of one pool, from the state.

use std::sync::Arc;

use crate::clock::Moment;
use crate::cluster::families::Families;
use crate::cluster::operator::Override;
use crate::cluster::pool::{MemberView, Membership, Order, Pool, PoolId, WhenShort, node_names};
use crate::cluster::selection::Selection;
use crate::control::active_tier;
use crate::control::explain;
use crate::control::explain::time::shown;
use crate::control::outage::detector::Detector;
use crate::control::outage::evidence;
use crate::control::pool::PoolState;
use crate::control::state::ControlState;
use crate::control::status::member::MemberContext;
use crate::control::status::overrides::operator_status;
use crate::control::status::{
    AnsweringStatus, ConfigStatus, FamiliesStatus, OperatorStatus, OverrideEffect, PoolStatus,
    Status,
};
use crate::pace;
use crate::snapshot::PoolInput;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The status with every pool as it is now.
pub fn status(state: &ControlState, now: Moment) -> Status {
    let pools = 0..state.config.pools.len();
    with_pools(pools.map(|index| Arc::new(pool_status(state, index, now))).collect(), state, now)
}

/// The status with `pools` as they were built before, and everything else as it is now.
pub fn with_pools(pools: Vec<Arc<PoolStatus>>, state: &ControlState, now: Moment) -> Status {
    let config = &state.config;
    Status {
        version: VERSION,
        nsid: config.nsid.clone(),
        started: shown(state.started, now),
        ready: state.is_ready(),
        config: ConfigStatus {
            file: config.file.clone(),
            loaded: shown(config.at, now),
            refused: state.refused.clone(),
        },
        zones: config.zones.clone(),
        pools,
        overrides: state.override_statuses.clone(),
        changes: state.journal.recent.iter().cloned().collect(),
    }
}

/// The status of one pool.
pub fn pool_status(state: &ControlState, index: usize, now: Moment) -> PoolStatus {
    let pools = &state.config.pools;
    let (pool, members) = (&pools[index], &state.pools[index]);
    let PoolInput { selection, ttl } = &state.answers()[index];
    let why = explain::pool::answered(pools, pool, selection, members);
    let short = selection.is_short();
    let kept = evidence::kept(pool, members, now);
    let context = MemberContext {
        pool,
        id: PoolId(index as u32),
        selection,
        shortage: short.then_some(why.as_str()),
        keeps: kept.is_some(),
        now,
    };
    let statuses = pool.membership.iter().zip(&members.members).enumerate();
    let statuses = statuses.map(|(place, (member, health))| {
        pace::yield_after(1);
        context.member(place, &member, health)
    });
    let detector = |is: fn(&Detector) -> bool| {
        pool.verdicts().iter().any(|family| is(members.outage.of(*family)))
    };
    PoolStatus {
        name: pool.name.to_string(),
        names: state.config.names[index].clone(),
        unicode_names: state.config.unicode_names[index].clone(),
        clients: clients(&pool.membership),
        order: order(pool.order),
        ttl: *ttl,
        ttl_configured: pool.ttl,
        max_answers: pool.max_answers,
        spread_by: pool.spread.as_ref().map(|spread| spread.by.clone()),
        min_serving: pool.min_serving,
        min_serving_families: pool.families.map(|Families { v4, v6 }| FamiliesStatus { v4, v6 }),
        when_short: when_short(pools, pool.when_short),
        serving: members.members.iter().filter(|member| member.serves()).count(),
        short,
        in_charge: pool.stay.then(|| in_charge(pool, members)),
        answering: node_names(selection.each().flat_map(|of| answering(pools, of))),
        answering_families: selection.v6.as_deref().map(|v6| AnsweringStatus {
            v4: node_names(answering(pools, selection)),
            v6: node_names(answering(pools, v6)),
        }),
        members: statuses.collect(),
        kept: evidence::kept_since(pool, members)
            .map(|at| shown(at, now))
            .filter(|_| kept.is_some()),
        cut_off: detector(Detector::is_cut_off),
        why: match kept {
            Some(kept) => format!("{why}; {kept}"),
            None => why,
        },
    }
}

/// What an override in force does to each member that it selects; empty without one.
pub fn override_effects(
    state: &ControlState,
    given: Option<&Override>,
    now: Moment,
) -> Vec<OverrideEffect> {
    let mut effects = vec![];
    let Some(given) = given else { return effects };
    let pools = state.config.pools.iter().zip(&state.pools).zip(state.answers());
    for (index, ((pool, members), PoolInput { selection, .. })) in pools.enumerate() {
        for (place, (member, health)) in pool.membership.iter().zip(&members.members).enumerate() {
            let Some(active) = health.operator.as_ref().filter(|o| o.given == *given) else {
                continue;
            };
            let in_answers = selection.has(PoolId(index as u32), place);
            let OperatorStatus { state, held_until, .. } = operator_status(active, now);
            effects.push(OverrideEffect {
                pool: pool.name.to_string(),
                node: member.node.to_string(),
                state,
                in_answers,
                held_until,
                why: explain::overrides::member(active, in_answers, None, now),
            });
        }
    }
    effects
}

fn in_charge(pool: &Pool, state: &PoolState) -> Vec<String> {
    let mut nodes: Vec<String> = vec![];
    for family in pool.decisions() {
        for node in active_tier::nodes(pool, *state.active_tier.of(*family)) {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
    }
    nodes
}

fn answering<'a>(
    pools: &'a [Pool],
    selection: &'a Selection,
) -> impl Iterator<Item = MemberView<'a>> {
    let pool = pools.get(selection.pool.index());
    selection.members.iter().filter_map(move |&index| pool?.membership.get(index))
}

fn clients(membership: &Membership) -> Option<Vec<String>> {
    match membership {
        Membership::Everyone(_) => None,
        Membership::Only { clients, .. } => Some(clients.iter().map(|n| n.to_string()).collect()),
    }
}

fn order(order: Order) -> &'static str {
    match order {
        Order::Rotate => "rotate",
        Order::Weighted => "weighted",
        Order::Failover => "failover",
        Order::Sticky => "sticky",
    }
}

/// The rule in the words of config.yaml.
fn when_short(pools: &[Pool], rule: WhenShort) -> String {
    match rule {
        WhenShort::All => "all".into(),
        WhenShort::LastKnown => "last_known".into(),
        WhenShort::None => "none".into(),
        WhenShort::Pool(id) => {
            format!("pool {}", pools.get(id.index()).map_or("?", |pool| pool.name.as_str()))
        }
    }
}
