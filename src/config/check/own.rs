//! `check:` of a node: values that replace those of its pools' checks.
//!
//! An entry applies to the checks of its name, in each pool of the node. A key that no such check
//! can use is a fault.

use std::collections::HashMap;

use crate::checks::checked::Probe;
use crate::checks::http::raw as http;
use crate::checks::raw::{RawCheck, RawNodeCheck};
use crate::cluster::check::Check;
use crate::cluster::checks::OwnChecks;
use crate::cluster::pool::Pool;
use crate::config::check::checks::DEEP_NAME;
use crate::config::check::keys::port;
use crate::config::check::nodes::NodeInventory;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::{either, quoted};
use crate::config::raw::{RawConfig, RawNode, RawPool};
use crate::zone::record::Severity;

/// The entries of one node, and the checks that they apply to.
struct NodeEntries<'a> {
    entries: Vec<NodeEntry<'a>>,
    /// The names of all checks of the node's pools.
    names: Vec<String>,
}

/// One entry.
struct NodeEntry<'a> {
    /// The name of the checks that it applies to.
    name: &'a str,
    raw: &'a RawNodeCheck,
    path: KeyPath,
    /// The kind of one such check; `None` until one is found.
    kind: Option<&'static str>,
    /// The keys that such a check has.
    used: Vec<&'static str>,
}

/// Gives each member its checks.
pub fn apply(
    raw: &RawConfig,
    inventory: &NodeInventory<'_>,
    pools: &mut [Pool],
    report: &mut Report<'_>,
) {
    let mut nodes: HashMap<&str, NodeEntries<'_>> = HashMap::new();
    for (name, node) in raw.nodes.0.iter().filter(|(_, node)| !node.check.0.is_empty()) {
        nodes.insert(name, own(name, node, report));
    }
    if nodes.is_empty() {
        return;
    }
    let raw_pools: HashMap<&str, &RawPool> =
        raw.pools.0.iter().map(|(name, pool)| (name.as_str(), pool)).collect();
    for pool in pools.iter_mut() {
        let Some(raw) = raw_pools.get(pool.name.as_str()) else { continue };
        let mut found = HashMap::new();
        for member in pool.membership.iter() {
            if let Some(own) = nodes.get_mut(member.node.as_str()) {
                found.insert(member.node.clone(), checks(pool, raw, own));
            }
        }
        pool.own = found;
    }
    // A faulty pool or node could have such a check.
    let are_complete = inventory.is_complete && pools.len() == raw.pools.0.len();
    if are_complete && !is_any_pool_faulty(report) {
        let written = raw.nodes.0.iter().filter_map(|(name, _)| nodes.get(name.as_str()));
        written.for_each(|own| tell_unused(own, report));
    }
}

fn is_any_pool_faulty(report: &Report<'_>) -> bool {
    let mut faults = report.faults.iter().filter(|fault| fault.severity == Severity::Error);
    let is_of_pools = |path: &String| path.split('.').next() == Some("pools");
    report.more > 0 || faults.any(|fault| fault.key_path.as_ref().is_some_and(is_of_pools))
}

fn own<'a>(node: &str, raw: &'a RawNode, report: &mut Report<'_>) -> NodeEntries<'a> {
    let path = KeyPath::root().key("nodes").key(node).key("check");
    let entries = raw.check.0.iter().map(|(name, raw)| {
        let path = path.key(name);
        let is_empty = raw.written().next().is_none();
        if is_empty && !["port", "path", "host"].iter().any(|key| report.is_faulty(&path.key(key)))
        {
            let help = "write `port`, `path` or `host`, or take it out";
            report.error(&path, "nothing is of its own", help);
        }
        if let Some(written) = &raw.path {
            http::check_path(written, &path.key("path"), report);
        }
        http::check_host(raw.host.as_deref(), &path.key("host"), report);
        NodeEntry { name, raw, path, kind: None, used: vec![] }
    });
    NodeEntries { entries: entries.collect(), names: vec![] }
}

impl RawNodeCheck {
    /// The written keys.
    fn written(&self) -> impl Iterator<Item = &'static str> + use<> {
        let keys = [
            ("port", self.port.is_some()),
            ("path", self.path.is_some()),
            ("host", self.host.is_some()),
        ];
        keys.into_iter().filter(|(_, is_written)| *is_written).map(|(key, _)| key)
    }
}

/// The checks of the pool with the member's values.
fn checks(pool: &Pool, raw: &RawPool, own: &mut NodeEntries<'_>) -> OwnChecks {
    let (mut checks, mut deep) = (pool.checks.clone(), pool.deep.clone());
    let raws = raw.check.iter().chain(raw.checks.iter().flatten());
    for (named, raw) in checks.iter_mut().zip(raws) {
        own.change(&named.name, &mut named.check, raw);
    }
    if let (Some(deep), Some(raw)) = (&mut deep, &raw.deep) {
        own.change(DEEP_NAME, deep, raw);
    }
    OwnChecks { checks, deep }
}

impl NodeEntries<'_> {
    fn change(&mut self, name: &str, check: &mut Check, raw: &RawCheck) {
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) {
            entry.change(&mut check.probe, raw);
        }
    }
}

impl NodeEntry<'_> {
    fn change(&mut self, probe: &mut Probe, raw: &RawCheck) {
        self.kind = Some(probe.kind());
        if let (Some(own), Some(of_probe)) = (self.raw.port, probe.port_mut()) {
            *of_probe = port(Some(own), *of_probe);
            self.used.push("port");
        }
        let Probe::Http(http) = probe else { return };
        if let Some(path) = &self.raw.path {
            http.path.clone_from(path);
            self.used.push("path");
        }
        if let Some(host) = &self.raw.host {
            http.host = Some(host.clone());
            self.used.push("host");
            // The name in the TLS handshake follows the host.
            let follows = raw.https.as_ref().is_some_and(|https| https.sni.is_none());
            if let Some(tls) = http.tls.as_mut().filter(|_| follows) {
                tls.name = Some(host.clone());
            }
        }
    }
}

fn tell_unused(own: &NodeEntries<'_>, report: &mut Report<'_>) {
    for entry in &own.entries {
        let Some(kind) = entry.kind else {
            let names: Vec<&str> = own.names.iter().map(String::as_str).collect();
            let message = format!("no pool of the node has a check {}", quoted(entry.name));
            let help = match names[..] {
                [] => "make the node a member of a pool, or take it out".to_owned(),
                _ => {
                    let meant = report.meant(entry.name, names.iter().copied());
                    format!("{meant}write {}", either(&names))
                }
            };
            report.error(&entry.path, message, help);
            continue;
        };
        for key in entry.raw.written().filter(|key| !entry.used.contains(key)) {
            let message = format!("`{kind}` has no {key}");
            report.error(&entry.path.key(key), message, "take it out");
        }
    }
}
