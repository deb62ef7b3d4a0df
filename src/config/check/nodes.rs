//! `nodes:`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use crate::cluster::node::{Node, NodeName};
use crate::config::check::disguise::reached;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::RawNode;
use crate::config::raw::scalar::quoted;
use crate::config::raw::table::Table;

/// Longest name of a node, a pool or a tag.
pub const MAX_NAME: usize = 63;

/// The nodes, as far as they are valid.
#[derive(Debug)]
pub struct NodeInventory<'a> {
    pub nodes: Vec<Node>,
    /// Every written name; `None` is a faulty node.
    pub names: HashMap<&'a str, Option<usize>>,
    /// No node is faulty, so a role without nodes really has none.
    pub is_complete: bool,
}

pub fn check<'a>(raw: &'a Table<RawNode>, report: &mut Report<'_>) -> NodeInventory<'a> {
    let path = KeyPath::root().key("nodes");
    let mut inventory = NodeInventory {
        nodes: Vec::with_capacity(raw.0.len()),
        names: HashMap::with_capacity(raw.0.len()),
        is_complete: !report.is_faulty(&path),
    };
    let mut owners = HashMap::new();
    for (name, raw) in &raw.0 {
        let path = path.key(name);
        check_name("node", name, &path, report);
        check_addresses(name, raw, &path, &mut owners, report);
        check_tags(raw, &path, report);
        let index = match node(name, raw, &path, report) {
            Some(node) => {
                inventory.nodes.push(node);
                Some(inventory.nodes.len() - 1)
            }
            None => None,
        };
        inventory.is_complete &= index.is_some();
        inventory.names.insert(name, index);
    }
    inventory
}

fn node(name: &str, raw: &RawNode, path: &KeyPath, report: &mut Report<'_>) -> Option<Node> {
    if raw.role.is_none() {
        report.missing(path, "role", "write mother, standby, child, worker or dns");
    }
    let is_faulty =
        report.is_faulty(&path.key("address")) || report.is_faulty(&path.key("address6"));
    if raw.address.is_none() && raw.address6.is_none() && !is_faulty {
        report.missing(path, "address", "write the node's public IPv4 address, or `address6`");
    }
    if ["address", "address6", "private"].iter().any(|key| report.is_faulty(&path.key(key))) {
        return None;
    }
    Some(Node {
        name: NodeName::new(name),
        role: raw.role?.0,
        address: raw.address.map(|address| address.0),
        address6: raw.address6.map(|address| address.0),
        private: raw.private.map(|address| address.0),
        tags: raw.tags.iter().cloned().collect::<BTreeSet<String>>(),
        weight: raw.weight.map_or(1, |weight| weight.0.0.min(100) as u8),
    })
}

/// Refuses one address for two nodes, as a child's could be the mother's.
fn check_addresses<'a>(
    name: &'a str,
    raw: &RawNode,
    path: &KeyPath,
    owners: &mut HashMap<IpAddr, (&'a str, &'static str)>,
    report: &mut Report<'_>,
) {
    let written = [
        ("address", raw.address.map(|address| IpAddr::V4(address.0))),
        ("address6", raw.address6.map(|address| IpAddr::V6(address.0))),
        ("private", raw.private.map(|address| address.0)),
    ];
    for (key, address) in written {
        let Some(address) = address else { continue };
        let path = path.key(key);
        let canonical = address.to_canonical();
        if canonical != address {
            let help = format!("write `{canonical}` as IPv4 address");
            report.error(&path, format!("`{address}` is an IPv4 address in disguise"), help);
        }
        if !is_of_a_machine(canonical) {
            let message = format!("`{address}` is no address of a machine");
            report.error(&path, message, "write the address that the node answers at");
        }
        // An IPv6 address may contain the IPv4 address of another node.
        let known = |reached: IpAddr| Some((reached, *owners.get(&reached)?));
        let clash = reached(canonical).filter_map(known).find(|(_, (owner, _))| *owner != name);
        if let Some((found, (owner, at))) = clash {
            let message = match found == canonical {
                true => format!("`{address}` is the address of `{owner}` already"),
                false => format!("`{address}` leads to {found}, and so to `{owner}`"),
            };
            let other = KeyPath::root().key("nodes").key(owner).key(at);
            let help = "write each node's own address";
            report.clash(&path, message, help, (&other, "the first one"));
        }
        for reached in reached(canonical) {
            owners.entry(reached).or_insert((name, key));
        }
    }
}

/// Refuses multicast, broadcast and wildcard addresses.
pub fn is_of_a_machine(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !broadcast
}

fn check_tags(raw: &RawNode, path: &KeyPath, report: &mut Report<'_>) {
    let mut seen = HashSet::new();
    for (index, tag) in raw.tags.iter().enumerate() {
        let path = path.key("tags").index(index);
        check_name("tag", tag, &path, report);
        if !seen.insert(tag) {
            report.error(&path, format!("{} is in the list already", quoted(tag)), "remove it");
        }
    }
}

/// Checks the name of a node, pool or tag, which is used in URLs, metrics and shells.
pub fn check_name(what: &str, name: &str, path: &KeyPath, report: &mut Report<'_>) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || !name.bytes().all(allowed) {
        let message = format!("{} is no name of a {what}", quoted(name));
        report.error(path, message, "write letters, digits, `-`, `_` and `.`");
    } else if name.len() > MAX_NAME {
        let message = format!("{} has {} characters", quoted(name), name.len());
        report.error(path, message, format!("write at most {MAX_NAME}"));
    }
}
