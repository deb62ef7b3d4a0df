//! `pools:`, each by itself.

use std::collections::HashMap;
use std::path::Path;

use ipnet::IpNet;

use crate::cluster::networks::Networks;
use crate::cluster::pool::{Alpn, Order, Pool, PoolId, PoolName, WhenShort};
use crate::config::check::checks;
use crate::config::check::least;
use crate::config::check::members::{self, Audience};
use crate::config::check::nodes::{self, NodeInventory};
use crate::config::check::report::Report;
use crate::config::check::spread;
use crate::config::check::steadiness;
use crate::config::key_path::KeyPath;
use crate::config::raw::RawPool;
use crate::config::raw::choice::{RawHttpsRecord, RawWhenShort};
use crate::config::raw::keyword::ShortWord;
use crate::config::raw::scalar::quoted;
use crate::config::raw::table::Table;

/// Most networks of `clients`, as a query compares its client with each.
pub const MAX_CLIENTS: usize = 256;
const TTL: u32 = 30;
const MAX_ANSWERS: u32 = 8;

/// Faulty pools are left out, so ids are valid only when the report has no error.
pub fn check(
    raw: &Table<RawPool>,
    inventory: &NodeInventory<'_>,
    folder: &Path,
    report: &mut Report<'_>,
) -> Vec<Pool> {
    let path = KeyPath::root().key("pools");
    let ids: HashMap<&str, PoolId> =
        raw.0.iter().zip(0..).map(|((name, _), id)| (name.as_str(), PoolId(id))).collect();
    let mut pools = Vec::with_capacity(raw.0.len());
    for (name, raw) in &raw.0 {
        let path = path.key(name);
        nodes::check_name("pool", name, &path, report);
        pools.extend(pool(name, raw, &ids, inventory, folder, &path, report));
    }
    pools
}

fn pool(
    name: &str,
    raw: &RawPool,
    ids: &HashMap<&str, PoolId>,
    inventory: &NodeInventory<'_>,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Pool> {
    let audience = audience(raw, path, report);
    let (membership, tiers) = members::check(raw, audience, inventory, path, report).unzip();
    let order = raw.order.map(|order| order.0).unwrap_or_default();
    failover_only(raw, order, path, report);
    let known = membership.as_ref().zip(tiers.as_ref());
    let (min_serving, families) = least::check(raw, known, order, path, report);
    let spread = known.and_then(|(membership, tiers)| {
        spread::check(raw, (membership, tiers, order), inventory, path, report)
    });
    let when_short = when_short(raw, ids, path, report);
    let https = https(raw, path, report);
    let context = checks::Context { membership: membership.as_ref(), folder };
    let checks = checks::check(raw, &context, path, report);
    let deep = raw.deep.as_ref().map(|deep| checks::deep(deep, &context, path, report));
    let pool = Pool {
        name: PoolName::new(name),
        membership: membership?,
        order,
        tiers: tiers?,
        stay: raw.stay.is_some_and(|stay| stay.0.0),
        spread,
        ttl: raw.ttl.map_or(TTL, |ttl| ttl.0.0),
        max_answers: raw.max_answers.map_or(MAX_ANSWERS, |max| max.0.0) as usize,
        min_serving,
        families,
        when_short: when_short?,
        checks: checks?,
        deep: match deep {
            Some(deep) => Some(deep?),
            None => None,
        },
        own: HashMap::new(),
        https,
        steadiness: steadiness::check(raw, path, report),
    };
    if !pool.membership.is_empty() && pool.membership.iter().all(|member| member.weight == 0) {
        let message = "every member has `weight: 0`, so `when_short` says what is answered";
        let help = "write `weight: 1` or more for the nodes that are to serve";
        report.warning(&path.key("members"), message, help);
    }
    let mut loads = pool.checks.list().iter();
    if !pool.answers_several() && loads.any(|of| of.check.probe.tells_load()) {
        let help = "take the `load` of its checks out, or write another order, or `tiers`";
        report.warning(&path.key("order"), "where one is answered, a load changes nothing", help);
    }
    Some(pool)
}

/// Refuses keys that have no effect with this order.
fn failover_only(raw: &RawPool, order: Order, path: &KeyPath, report: &mut Report<'_>) {
    if order == Order::Failover || report.is_faulty(&path.key("order")) {
        return;
    }
    let stays = raw.stay.is_some_and(|stay| stay.0.0);
    for (key, written) in [("tiers", raw.tiers.is_some()), ("stay", stays)] {
        if written {
            let message = format!("`{key}` belongs to `order: failover`");
            report.error(&path.key(key), message, "write it, or leave the key out");
        }
    }
}

/// Checks whether the pool publishes an answer.
fn https(raw: &RawPool, path: &KeyPath, report: &mut Report<'_>) -> Option<Vec<Alpn>> {
    let path = path.key("https");
    let record = match raw.https.as_ref()? {
        RawHttpsRecord::Switch(switch) => return switch.then(|| vec![Alpn::Http2]),
        RawHttpsRecord::Record(record) => record,
    };
    let help = "write what the members speak on port 443: { alpn: [h3, h2] }";
    let Some(written) = &record.alpn else {
        report.missing(&path, "alpn", help);
        return None;
    };
    let path = path.key("alpn");
    if written.is_empty() && !report.has_items(&path) {
        report.error(&path, "no protocol", help);
    }
    let mut alpn = vec![];
    for (index, protocol) in written.iter().enumerate() {
        if alpn.contains(&protocol.0) {
            let message = format!("`{}` is in the list already", protocol.0.id());
            report.error(&path.index(index), message, "write each protocol once");
            return None;
        }
        alpn.push(protocol.0);
    }
    Some(alpn)
}

/// `None` when `clients` is faulty.
fn audience(raw: &RawPool, path: &KeyPath, report: &mut Report<'_>) -> Option<Audience> {
    let path = path.key("clients");
    if report.is_faulty(&path) {
        return None;
    }
    let Some(written) = &raw.clients else { return Some(Audience::Everyone) };
    let networks: Vec<IpNet> = written.iter().map(|network| network.0).collect();
    if networks.is_empty() {
        if !report.has_items(&path) {
            let help = "write at least one network, or leave the key out for everyone";
            report.error(&path, "nobody may ask", help);
        }
        return None;
    }
    if networks.len() > MAX_CLIENTS {
        let message = format!("{} networks", networks.len());
        report.error(&path, message, format!("write at most {MAX_CLIENTS}"));
        return None;
    }
    // Two halves of the address space are everyone too.
    if IpNet::aggregate(&networks).iter().any(|network| network.prefix_len() == 0) {
        let help = "write the cluster's own networks, or leave the key out";
        report.error(&path, "these clients are everyone", help);
        return None;
    }
    Networks::new(networks).map(Audience::Only)
}

fn when_short(
    raw: &RawPool,
    ids: &HashMap<&str, PoolId>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<WhenShort> {
    let path = path.key("when_short");
    let fallback = match &raw.when_short {
        None => return Some(WhenShort::default()),
        Some(RawWhenShort::Word(ShortWord::All)) => return Some(WhenShort::All),
        Some(RawWhenShort::Word(ShortWord::LastKnown)) => return Some(WhenShort::LastKnown),
        Some(RawWhenShort::Word(ShortWord::None)) => return Some(WhenShort::None),
        Some(RawWhenShort::Fallback(fallback)) => fallback,
    };
    let Some(name) = &fallback.pool else {
        report.missing(&path, "pool", "write the name of the fallback: { pool: NAME }");
        return None;
    };
    let id = ids.get(name.as_str()).copied();
    if id.is_none() && !report.is_faulty(&KeyPath::root().key("pools").key(name)) {
        let meant = report.meant(name, ids.keys().copied());
        let message = format!("there is no pool {}", quoted(name));
        report.error(&path.key("pool"), message, format!("{meant}write the name of a pool"));
    }
    id.map(WhenShort::Pool)
}
