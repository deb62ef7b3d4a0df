//! Writes the metrics of pools, members and checks.

use std::fmt;
use std::sync::Arc;

use crate::control::status::{CheckStatus, MemberStatus, PoolStatus};
use crate::http::metrics::families::{Labels, MetricFamilies, flag, seconds, unix_seconds};

/// Every state that an override can give a member; `none` without an override.
const OPERATOR_STATES: [&str; 5] = ["none", "draining", "drained", "forced up", "forced down"];
/// Every state that a check can be in.
const STATES: [&str; 5] = ["unknown", "up", "falling", "down", "rising"];

/// Writes the metrics of pools.
pub fn pools(out: &mut MetricFamilies<'_>, pools: &[Arc<PoolStatus>]) -> fmt::Result {
    let each = |of: fn(&PoolStatus) -> f64| {
        pools.iter().map(move |pool| (vec![("pool", pool.name.as_str())], of(pool)))
    };
    out.gauge("pool_members", "Members of the pool", each(|pool| pool.members.len() as f64))?;
    let help = "Members that serve by their health";
    out.gauge("pool_serving_members", help, each(|pool| pool.serving as f64))?;
    let help = "Fewer serving members than this and the pool is short";
    out.gauge("pool_min_serving_members", help, each(|pool| pool.min_serving as f64))?;
    let help = "Nodes in the answers, those of a fallback pool included";
    out.gauge("pool_answering_nodes", help, each(|pool| pool.answering.len() as f64))?;
    let help = "1 while too few members serve and when_short decides";
    out.gauge("pool_short", help, each(|pool| flag(pool.short)))?;
    let help = "1 while the last set is kept because most members failed at once";
    out.gauge("pool_kept", help, each(|pool| flag(pool.kept.is_some())))?;
    let help = "1 while no control target answers this machine either";
    out.gauge("pool_cut_off", help, each(|pool| flag(pool.cut_off)))?;
    out.seconds("pool_ttl", "TTL of the answers now", each(|pool| f64::from(pool.ttl)))?;
    let help = "TTL as configured";
    out.seconds("pool_configured_ttl", help, each(|pool| f64::from(pool.ttl_configured)))
}

/// Writes the metrics of members, and of their address families.
pub fn members(out: &mut MetricFamilies<'_>, pools: &[Arc<PoolStatus>]) -> fmt::Result {
    let each = |of: fn(&MemberStatus) -> f64| {
        pools.iter().flat_map(move |pool| {
            pool.members.iter().map(move |member| (member_labels(pool, member), of(member)))
        })
    };
    let help = "1 while the member is in the answers of its pool";
    out.gauge("member_in_answers", help, each(|member| flag(member.in_answers)))?;
    let families = || {
        pools.iter().flat_map(|pool| {
            pool.members.iter().flat_map(move |member| {
                member.families.iter().map(move |of| {
                    let mut labels = member_labels(pool, member);
                    labels.push(("family", of.family));
                    (labels, of)
                })
            })
        })
    };
    let help = "1 while the member is in the answers of the address family";
    let in_answers = families().map(|(labels, of)| (labels, flag(of.in_answers)));
    out.gauge("member_family_in_answers", help, in_answers)?;
    let help = "1 while the member serves in the address family";
    let serving = families().map(|(labels, of)| (labels, flag(of.serving)));
    out.gauge("member_family_serving", help, serving)?;
    let help = "Part of its first places that the member takes: less than 1 by slow start or load";
    out.gauge("member_share", help, each(|member| f64::from(member.share) / 100.0))?;
    let help = "1 while the member stays out because it fell often, whatever its health says";
    out.gauge("member_held_out", help, each(|member| flag(member.held_until.is_some())))?;
    let help = "Falls of the member that its damping remembers";
    out.gauge("member_remembered_falls", help, each(|member| member.falls as f64))?;
    let states = pools.iter().flat_map(|pool| {
        pool.members.iter().flat_map(move |member| {
            let now = member.operator.as_ref().map_or("none", |order| order.state);
            OPERATOR_STATES.map(|state| {
                let mut labels = member_labels(pool, member);
                labels.push(("state", state));
                (labels, flag(now == state))
            })
        })
    });
    let help = "1 for what the operator has ordered of the member, 0 for the others";
    out.gauge("member_operator_state", help, states)?;
    out.gauge("member_weight", "Weight of the member", each(|member| f64::from(member.weight)))
}

/// Writes the metrics of checks. The check that decides has the label `check="rotation"`; the deep
/// check, which is only shown and alerted on, has `check="deep"`. Each of several checks has its
/// name as the label, and `rotation` is their verdict: it has a state but no probes, so that a sum
/// counts each probe once.
pub fn checks(out: &mut MetricFamilies<'_>, pools: &[Arc<PoolStatus>]) -> fmt::Result {
    let members =
        || pools.iter().flat_map(|pool| pool.members.iter().map(move |member| (&**pool, member)));
    let verdicts: Vec<(Labels<'_>, &CheckStatus)> = members()
        .filter(|(_, member)| !member.checks.is_empty())
        .map(|of| (check_labels(of, "rotation"), &of.1.check))
        .collect();
    let all: Vec<(Labels<'_>, &CheckStatus)> = members()
        .flat_map(|of| {
            let only = of.1.checks.is_empty().then_some(("rotation", &of.1.check));
            let several = of.1.checks.iter().map(|check| (check.name.as_str(), &check.check));
            let deep = of.1.deep.as_ref().map(|check| ("deep", check));
            let checks = only.into_iter().chain(several).chain(deep);
            checks.map(move |(name, check)| (check_labels(of, name), check))
        })
        .collect();
    let each = || all.iter().map(|(labels, check)| (labels.clone(), *check));
    let stateful = || verdicts.iter().map(|(labels, check)| (labels.clone(), *check)).chain(each());
    let states = stateful().flat_map(|(labels, check)| {
        STATES.map(|state| {
            let mut labels = labels.clone();
            labels.push(("state", state));
            (labels, flag(check.state == state))
        })
    });
    out.gauge("check_state", "1 for the state that the check is in, 0 for the others", states)?;
    let since =
        stateful().filter_map(|(labels, check)| Some((labels, unix_seconds(&check.since)?)));
    let help = "When the member last became up or down, since 1970";
    out.seconds("check_since_time", help, since)?;
    out.counter("probes", "Probes with a result", each().map(|(l, check)| (l, check.probes)))?;
    let failures = each().map(|(labels, check)| (labels, check.failures));
    out.counter("probe_failures", "Probes that failed", failures)?;
    let voids = each().map(|(labels, check)| (labels, check.voids));
    let help = "Probes that say nothing, as this machine was held up";
    out.counter("probes_void", help, voids)?;
    let loads = || each().filter_map(|(labels, check)| Some((labels, check.load.as_ref()?)));
    let help = "Part of its first places that the member takes by what it says of its load";
    let shares = loads().map(|(labels, load)| (labels, f64::from(load.share) / 100.0));
    out.gauge("check_load_share", help, shares)?;
    let help = "Words on its load that were no whole number from 0 to 100";
    out.counter("check_load_ignored", help, loads().map(|(l, load)| (l, load.ignored)))?;
    let expires = each().filter_map(|(labels, check)| {
        Some((labels, unix_seconds(check.certificate_expires.as_ref()?)?))
    });
    let help = "When the certificate of the node expires, since 1970";
    out.seconds("check_certificate_expiry", help, expires)?;
    let trips = each().filter_map(|(labels, check)| Some((labels, seconds(check.last_rtt_ms?))));
    let help = "Of the newest probe that had a verdict from the node";
    out.seconds("probe_round_trip", help, trips)
}

fn check_labels<'a>(of: (&'a PoolStatus, &'a MemberStatus), check: &'a str) -> Labels<'a> {
    let mut labels = member_labels(of.0, of.1);
    labels.push(("check", check));
    labels
}

fn member_labels<'a>(pool: &'a PoolStatus, member: &'a MemberStatus) -> Labels<'a> {
    vec![("pool", &pool.name), ("node", &member.node), ("role", member.role)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::standing::State;

    #[test]
    fn every_state_has_its_series() {
        let all = [
            State::Unknown { last: None },
            State::Up,
            State::Falling { count: 1, of: 3 },
            State::Down,
            State::Rising { count: 1, of: 2 },
        ];
        assert_eq!(all.map(State::as_str), STATES);
    }
}
