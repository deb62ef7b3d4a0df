//! `when_short: { pool: … }` of all pools: no loops, and no bypass of `clients`.
//!
//! | pool | fallback | |
//! |---|---|---|
//! | for everyone | for everyone | allowed |
//! | for everyone | restricted | refused: everyone would get what only some may ask for |
//! | restricted | for everyone | allowed |
//! | restricted | restricted | allowed when its clients include the pool's |

use std::collections::HashMap;

use ipnet::IpNet;

use crate::config::check::pools::MAX_CLIENTS;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::RawPool;
use crate::config::raw::choice::RawWhenShort;
use crate::config::raw::table::Table;

pub fn check(raw: &Table<RawPool>, report: &mut Report<'_>) {
    let ids: HashMap<&str, usize> =
        raw.0.iter().enumerate().map(|(id, (name, _))| (name.as_str(), id)).collect();
    let next: Vec<Option<usize>> = raw
        .0
        .iter()
        .map(|(_, pool)| fallback(pool).and_then(|name| ids.get(name).copied()))
        .collect();
    check_loops(raw, &next, report);
    for ((name, pool), next) in raw.0.iter().zip(&next) {
        let Some((fallback_name, fallback)) = next.and_then(|next| raw.0.get(next)) else {
            continue;
        };
        let path = path_of(name);
        let clients = |name: &str| KeyPath::root().key("pools").key(name).key("clients");
        if [pool, fallback].iter().any(|pool| too_many(pool)) {
            continue;
        }
        if report.is_faulty(&clients(name)) || report.is_faulty(&clients(fallback_name)) {
            continue;
        }
        let Some(allowed) = networks(fallback) else { continue };
        let message = match networks(pool) {
            None => format!("everyone may ask for `{name}`, but not for `{fallback_name}`"),
            Some(asking) if !asking.iter().all(|net| allowed.iter().any(|a| a.contains(net))) => {
                format!("not every client of `{name}` may ask for `{fallback_name}`")
            }
            Some(_) => continue,
        };
        let help = "write a fallback that the same clients may ask for";
        report.clash(&path, message, help, (&clients(fallback_name), "only these may ask"));
    }
}

fn fallback(pool: &RawPool) -> Option<&str> {
    match &pool.when_short {
        Some(RawWhenShort::Fallback(fallback)) => fallback.pool.as_deref(),
        Some(RawWhenShort::Word(_)) | None => None,
    }
}

fn networks(pool: &RawPool) -> Option<Vec<IpNet>> {
    let clients = pool.clients.as_ref()?;
    Some(IpNet::aggregate(&clients.iter().map(|network| network.0).collect()))
}

/// Such a list has a fault already, and is too long to compare.
fn too_many(pool: &RawPool) -> bool {
    pool.clients.as_ref().is_some_and(|clients| clients.len() > MAX_CLIENTS)
}

fn path_of(pool: &str) -> KeyPath {
    KeyPath::root().key("pools").key(pool).key("when_short").key("pool")
}

/// A pool has at most one fallback, so each walk ends, meets an earlier walk or closes a loop. Each
/// loop is reported once, at its first pool.
fn check_loops(raw: &Table<RawPool>, next: &[Option<usize>], report: &mut Report<'_>) {
    let mut walk_of: Vec<Option<usize>> = vec![None; next.len()];
    for start in 0..next.len() {
        let mut walked = vec![];
        let mut at = Some(start);
        while let Some(id) = at.filter(|&id| walk_of.get(id).is_some_and(Option::is_none)) {
            if let Some(walk) = walk_of.get_mut(id) {
                *walk = Some(start);
            }
            walked.push(id);
            at = next.get(id).copied().flatten();
        }
        let Some(position) = walked.iter().position(|&id| Some(id) == at) else { continue };
        let names: Vec<&str> = walked
            .iter()
            .skip(position)
            .chain(at.iter())
            .filter_map(|&id| raw.0.get(id).map(|(name, _)| name.as_str()))
            .collect();
        let Some(first) = names.first() else { continue };
        let message = format!("the fallbacks go in a circle: {}", names.join(" → "));
        let help = "let the last pool answer by `all`, `last_known` or `none`";
        report.error(&path_of(first), message, help);
    }
}
