//! The status, or the part of it that is one pool's, built from the state.

use std::sync::Arc;

use crate::clock::Moment;
use crate::cluster::check::Check;
use crate::cluster::checks::Checks;
use crate::cluster::families::Families;
use crate::cluster::operator::{InForce, Override};
use crate::cluster::pool::{MemberView, Membership, Order, Pool, PoolId, WhenShort};
use crate::cluster::selection::Selection;
use crate::cluster::standing::State;
use crate::control::charge;
use crate::control::checks::Checked;
use crate::control::common;
use crate::control::explain;
use crate::control::load::Load;
use crate::control::loaded::Loaded;
use crate::control::orders;
use crate::control::roster::MemberState;
use crate::control::state::ControlState;
use crate::control::status::{
    CheckStatus, ConfigStatus, FamiliesStatus, LoadStatus, MemberStatus, NamedCheckStatus,
    OperatorStatus, OrderedStatus, OverrideStatus, PoolStatus, Status,
};
use crate::control::watched::Watched;
use crate::health::probe::describe;
use crate::pace;
use crate::snapshot::PoolInput;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// With each pool as it is now.
pub fn status(state: &ControlState, now: Moment) -> Status {
    let pools = 0..state.loaded.pools.len();
    whole(pools.map(|index| Arc::new(pool_status(state, index, now))).collect(), state, now)
}

/// With these pools.
pub fn whole(pools: Vec<Arc<PoolStatus>>, state: &ControlState, now: Moment) -> Status {
    let loaded = &state.loaded;
    Status {
        version: VERSION,
        nsid: loaded.nsid.clone(),
        started: shown(state.started, now),
        ready: state.is_ready(),
        config: ConfigStatus {
            file: loaded.file.clone(),
            loaded: shown(loaded.at, now),
            refused: state.refused.clone(),
        },
        zones: loaded.zones.clone(),
        pools,
        overrides: state.ordered.clone(),
        changes: state.journal.changes.iter().cloned().collect(),
    }
}

pub fn pool_status(state: &ControlState, index: usize, now: Moment) -> PoolStatus {
    let pools = &state.loaded.pools;
    let (pool, members) = (&pools[index], &state.pools[index]);
    let PoolInput { selection, ttl } = &state.answers()[index];
    let why = explain::answered(pools, pool, selection, members);
    let short = selection.is_short();
    let kept = common::kept(pool, members, now);
    let keeps = kept.is_some();
    let shortage = short.then_some(why.as_str());
    let statuses = pool.membership.iter().zip(&members.members).enumerate();
    let statuses = statuses.map(|(place, (member, health))| {
        pace::did(1);
        let in_answers = selection.has(PoolId(index as u32), place);
        member_status(pool, &member, health, in_answers, shortage, keeps, now)
    });
    PoolStatus {
        name: pool.name.to_string(),
        names: state.loaded.names[index].clone(),
        unicode_names: state.loaded.unicode_names[index].clone(),
        clients: clients(&pool.membership),
        order: order(pool.order),
        ttl: *ttl,
        ttl_configured: pool.ttl,
        max_answers: pool.max_answers,
        spread_by: pool.spread.as_ref().map(|spread| spread.by.clone()),
        min_serving: pool.min_serving,
        min_serving_families: pool.families.map(|Families { v4, v6 }| FamiliesStatus { v4, v6 }),
        when_short: when_short(pools, pool.when_short),
        serving: members.serving().len(),
        short,
        in_charge: pool.stay.then(|| charge::nodes(pool, members)),
        answering: answering(pools, selection),
        members: statuses.collect(),
        kept: members.suspicion.since().map(|at| shown(at, now)).filter(|_| keeps),
        cut_off: members.suspicion.is_cut_off(),
        why: match kept {
            Some(kept) => format!("{why}; {kept}"),
            None => why,
        },
    }
}

fn member_status(
    pool: &Pool,
    member: &MemberView<'_>,
    health: &MemberState,
    in_answers: bool,
    shortage: Option<&str>,
    keeps: bool,
    now: Moment,
) -> MemberStatus {
    let (v4, v6) = (member.addresses.v4(), member.addresses.v6());
    let addresses = v4.map(|a| a.to_string()).into_iter().chain(v6.map(|a| a.to_string()));
    let falls = pool.steadiness.damping.map(|rule| health.falls.count(&rule, now));
    let deep = pool.deep.as_ref().zip(health.deep.as_ref());
    MemberStatus {
        node: member.node.to_string(),
        role: member.role.as_str(),
        addresses: addresses.collect(),
        weight: member.weight,
        in_answers,
        operator: health.operator.as_ref().map(|order| operator_status(order, now)),
        why: match &health.operator {
            Some(order) => explain::ordered_member(order, in_answers, shortage, now),
            None if keeps && common::is_kept(health) => common::kept_member(health),
            None => explain::member(pool, health, in_answers, shortage, now),
        },
        share: health.share().get(),
        falls: falls.unwrap_or_default(),
        held_until: health.falls.held_until().map(|at| shown(at, now)),
        check: rotation(member, &pool.checks, &health.check, now),
        checks: match pool.checks.are_several() {
            true => each(member, &pool.checks, &health.check, now),
            false => vec![],
        },
        deep: deep.map(|(check, watched)| check_status(member, check, watched, now)),
    }
}

fn operator_status(order: &InForce, now: Moment) -> OperatorStatus {
    OperatorStatus {
        state: order.state(),
        target: order.by.target.to_string(),
        reason: order.by.reason.clone(),
        author: order.by.author.clone(),
        since: shown(order.by.since, now),
        until: order.by.until.map(|at| shown(at, now)),
        held_until: order.held_until.map(|at| shown(at, now)),
    }
}

pub fn override_status(order: &Override, loaded: &Loaded, now: Moment) -> OverrideStatus {
    OverrideStatus {
        order: order.order.as_str(),
        target: order.target.to_string(),
        pool: order.pool.clone(),
        reason: order.reason.clone(),
        author: order.author.clone(),
        since: shown(order.since, now),
        until: order.until.map(|at| shown(at, now)),
        nodes: orders::meant(order, loaded),
    }
}

/// What an order that is in force does to each member that it means; nothing without one.
pub fn ordered(state: &ControlState, order: Option<&Override>, now: Moment) -> Vec<OrderedStatus> {
    let mut ordered = vec![];
    let Some(order) = order else { return ordered };
    let pools = state.loaded.pools.iter().zip(&state.pools).zip(state.answers());
    for (index, ((pool, members), PoolInput { selection, .. })) in pools.enumerate() {
        for (place, (member, health)) in pool.membership.iter().zip(&members.members).enumerate() {
            let Some(in_force) = health.operator.as_ref().filter(|o| o.by == *order) else {
                continue;
            };
            let in_answers = selection.has(PoolId(index as u32), place);
            let OperatorStatus { state, held_until, .. } = operator_status(in_force, now);
            ordered.push(OrderedStatus {
                pool: pool.name.to_string(),
                node: member.node.to_string(),
                state,
                in_answers,
                held_until,
                why: explain::ordered_member(in_force, in_answers, None, now),
            });
        }
    }
    ordered
}

/// What decides the rotation, whether it is one check or the verdict of several.
fn rotation(
    member: &MemberView<'_>,
    checks: &Checks,
    checked: &Checked,
    now: Moment,
) -> CheckStatus {
    let all = checked.list();
    if let ([of], [only]) = (checks.list(), all) {
        return check_status(member, &of.check, &only.watched, now);
    }
    let names: Vec<&str> = all.iter().map(|check| check.name.as_str()).collect();
    let need = match (checks.least(), all.len()) {
        (least, of) if least == of => "all of".to_owned(),
        (1, _) => "any of".to_owned(),
        (least, of) => format!("{least} of {of}:"),
    };
    let watched = || all.iter().map(|check| &check.watched);
    CheckStatus {
        kind: "several",
        probe: format!("{need} {}", names.join(", ")),
        state: checked.state().as_str(),
        progress: progress(checked.state()),
        since: shown(checked.since, now),
        probes: watched().map(|watched| watched.probes).sum(),
        failures: watched().map(|watched| watched.failures).sum(),
        voids: watched().map(|watched| watched.voids).sum(),
        last_probe: watched()
            .filter_map(|watched| watched.last_probe)
            .max()
            .map(|at| shown(at, now)),
        last_rtt_ms: None,
        last_answer: checked.answer(),
        last_error: checked.failure(),
        certificate_expires: None,
        load: None,
    }
}

fn each(
    member: &MemberView<'_>,
    checks: &Checks,
    checked: &Checked,
    now: Moment,
) -> Vec<NamedCheckStatus> {
    let checks = checks.list().iter().zip(checked.list());
    let status = checks.map(|(of, check)| NamedCheckStatus {
        name: check.name.clone(),
        check: check_status(member, &of.check, &check.watched, now),
    });
    status.collect()
}

fn load_status(load: &Load) -> LoadStatus {
    LoadStatus { said: load.said, share: load.share().get(), ignored: load.ignored }
}

fn progress(state: State) -> Option<String> {
    match state {
        State::Falling { count, of } | State::Rising { count, of } => Some(format!("{count}/{of}")),
        State::Unknown { .. } | State::Up | State::Down => None,
    }
}

fn check_status(
    member: &MemberView<'_>,
    check: &Check,
    watched: &Watched,
    now: Moment,
) -> CheckStatus {
    let state = watched.state();
    CheckStatus {
        kind: check.probe.kind(),
        probe: describe(member.probed(check), &check.probe),
        state: state.as_str(),
        progress: progress(state),
        since: shown(watched.since, now),
        probes: watched.probes,
        failures: watched.failures,
        voids: watched.voids,
        last_probe: watched.last_probe.map(|at| shown(at, now)),
        last_rtt_ms: watched
            .last_healthy
            .and_then(|healthy| healthy.took())
            .map(|took| took.as_secs_f64() * 1000.0),
        last_answer: watched.last_healthy.as_ref().map(|healthy| healthy.said.to_string()),
        last_error: watched.last_failure.as_ref().map(ToString::to_string),
        certificate_expires: watched
            .last_healthy
            .and_then(|healthy| healthy.certificate)
            .map(|expires| expires.to_string()),
        load: watched.load.as_ref().map(load_status),
    }
}

/// As the wall clock goes now.
fn shown(at: Moment, now: Moment) -> String {
    explain::time(now.wall_of(at))
}

fn answering(pools: &[Pool], selection: &Selection) -> Vec<String> {
    let members = selection.each().flat_map(|selection| {
        let pool = pools.get(selection.pool.index());
        selection.members.iter().filter_map(move |&index| pool?.membership.get(index))
    });
    explain::nodes(members)
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

/// As config.yaml has it.
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
