//! Members of a pool, and the first half of the mother guard.
//!
//! | audience | child | mother, standby, worker | dns |
//! |---|---|---|---|
//! | everyone | member | refused | refused |
//! | the networks of `clients` | member | member | refused |

use std::collections::HashMap;

use crate::cluster::check::Check;
use crate::cluster::member::{AddressKind, Addresses, Member, PublicAddresses, Reach};
use crate::cluster::networks::Networks;
use crate::cluster::node::{Node, Role};
use crate::cluster::pool::Membership;
use crate::config::check::nodes::Inventory;
use crate::config::check::report::Report;
use crate::config::raw::RawPool;
use crate::config::raw::choice::{RawMembers, RawSelector};
use crate::config::raw::scalar::quoted;
use crate::config::written::KeyPath;

/// Most members of a pool: each is probed and counted by itself.
pub const MAX_MEMBERS: usize = 10_000;

/// Who may ask for a pool.
#[derive(Debug)]
pub enum Audience {
    Everyone,
    Only(Networks),
}

/// `None` after a fault. A faulty audience holds back the faults that depend on it.
pub fn check(
    raw: &RawPool,
    audience: Option<Audience>,
    inventory: &Inventory<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Membership> {
    let kind = raw.address.map(|kind| kind.0).unwrap_or_default();
    let path_of_members = path.key("members");
    let Some(written) = &raw.members else {
        report.missing(path, "members", "write a list of node names, or { role: child }");
        return None;
    };
    let (nodes, is_complete) = match written {
        RawMembers::Names(names) => named(names, inventory, &path_of_members, report)?,
        RawMembers::All(selector) => {
            (selected(selector, inventory, &path_of_members, report)?, true)
        }
    };
    if nodes.len() > MAX_MEMBERS {
        let message = format!("{} members", nodes.len());
        report.error(&path_of_members, message, format!("write at most {MAX_MEMBERS}"));
        return None;
    }
    let audience = audience?;
    if kind == AddressKind::Private && matches!(audience, Audience::Everyone) {
        let message = "everyone may ask for these private addresses";
        report.warning(&path.key("address"), message, "write `clients:`, or address: public");
    }
    let membership = match audience {
        Audience::Everyone => Membership::Everyone(admitted(&nodes, kind, report, public_member)?),
        Audience::Only(clients) => {
            let members = admitted(&nodes, kind, report, restricted_member)?;
            Membership::Only { clients, members }
        }
    };
    is_complete.then_some(membership)
}

/// A node, and the key that made it a member.
type Chosen<'a> = (&'a Node, KeyPath);

/// The nodes without a fault of their own, and whether these are all.
fn named<'a>(
    names: &[String],
    inventory: &'a Inventory<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<(Vec<Chosen<'a>>, bool)> {
    if names.is_empty() {
        if report.find(path).is_some_and(|found| found.value.is_empty()) {
            let help = "write a list of node names, or { role: child }";
            report.error(path, "a pool without members", help);
        }
        return None;
    }
    let mut seen = HashMap::new();
    let mut nodes = vec![];
    for (index, name) in names.iter().enumerate() {
        let path = path.index(index);
        let known = inventory.names.get(name.as_str());
        if let Some(first) = seen.get(name.as_str()) {
            let message = format!("{} is in the list already", quoted(name));
            report.clash(&path, message, "remove it", (first, "the first one"));
            continue;
        }
        seen.insert(name.as_str(), path.clone());
        if known.is_none() && !report.is_told(&KeyPath::root().key("nodes").key(name)) {
            let meant = report.meant(name, inventory.names.keys().copied());
            let message = format!("there is no node {}", quoted(name));
            report.error(&path, message, format!("{meant}write the name of a node"));
        }
        let node = known.copied().flatten().and_then(|index| inventory.nodes.get(index));
        nodes.extend(node.map(|node| (node, path)));
    }
    let is_complete = nodes.len() == names.len();
    Some((nodes, is_complete))
}

fn selected<'a>(
    selector: &RawSelector,
    inventory: &'a Inventory<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Vec<Chosen<'a>>> {
    if report.is_told(&path.key("role")) || report.is_told(&path.key("tag")) {
        return None;
    }
    let (key, what): (_, String) = match (selector.role, &selector.tag) {
        (Some(role), None) => ("role", format!("role {}", role.0)),
        (None, Some(tag)) => ("tag", format!("tag {}", quoted(tag))),
        (Some(_), Some(_)) => {
            let help = "write { role: child } or { tag: … }";
            report.error(path, "a role and a tag at once", help);
            return None;
        }
        (None, None) => {
            report.error(path, "a pool without members", "write { role: child } or { tag: … }");
            return None;
        }
    };
    let is_chosen = |node: &&Node| {
        selector.role.is_some_and(|role| role.0 == node.role)
            || selector.tag.as_ref().is_some_and(|tag| node.tags.contains(tag))
    };
    let nodes: Vec<Chosen<'a>> =
        inventory.nodes.iter().filter(is_chosen).map(|node| (node, path.key(key))).collect();
    if nodes.is_empty() && inventory.is_complete {
        let help = "write a role or a tag that nodes have";
        report.error(&path.key(key), format!("no node has the {what}"), help);
    }
    (!nodes.is_empty()).then_some(nodes)
}

/// All become members, or the faults are told: of a selector only the first, for all of its nodes
/// stand in one place.
fn admitted<A>(
    nodes: &[Chosen<'_>],
    kind: AddressKind,
    report: &mut Report<'_>,
    admit: impl Fn(&Node, AddressKind) -> Result<A, (String, String)>,
) -> Option<Vec<Member<A>>> {
    let mut members = Vec::with_capacity(nodes.len());
    let mut last_told = None;
    for (node, path) in nodes {
        match admit(node, kind) {
            Ok(addresses) => members.push(Member {
                node: node.name.clone(),
                role: node.role,
                addresses,
                reach: Reach::of(node),
                weight: node.weight,
            }),
            Err((message, help)) if last_told != Some(path) => {
                report.error(path, message, help);
                last_told = Some(path);
            }
            Err(_) => {}
        }
    }
    last_told.is_none().then_some(members)
}

/// Each member has the address that the check asks for.
pub fn check_reach(
    membership: &Membership,
    check: &Check,
    path: &KeyPath,
    report: &mut Report<'_>,
) {
    let Some(kind) = check.address else { return };
    let mut without = membership.iter().filter(|member| member.reach.get(kind).is_none());
    if let Some(member) = without.next() {
        let (kind, key) = words(kind);
        let message = format!("`{}` has no {kind} address", member.node);
        report.error(&path.key("address"), message, format!("write `{key}:` at the node"));
    }
}

fn public_member(node: &Node, kind: AddressKind) -> Result<PublicAddresses, (String, String)> {
    match PublicAddresses::of(node, kind) {
        Ok(Some(addresses)) => Ok(addresses),
        Ok(None) => Err(without_address(node, kind)),
        Err(refused) => Err(match refused.0 {
            Role::Dns => name_server(node),
            role => (
                format!("`{}` is a {role}, and everyone may ask for this pool", node.name),
                "take it out, or write the networks that may ask as `clients:`".into(),
            ),
        }),
    }
}

fn restricted_member(node: &Node, kind: AddressKind) -> Result<Addresses, (String, String)> {
    if node.role == Role::Dns {
        return Err(name_server(node));
    }
    Addresses::of(node, kind).ok_or_else(|| without_address(node, kind))
}

fn name_server(node: &Node) -> (String, String) {
    let message = format!("`{}` is a name server, which is no member of a pool", node.name);
    (message, "take it out; NS and A records of the zone file name it".into())
}

fn without_address(node: &Node, kind: AddressKind) -> (String, String) {
    let (kind, key) = words(kind);
    let message = format!("`{}` has no {kind} address", node.name);
    (message, format!("write `{key}:` at the node, or take it out"))
}

/// The kind, and the key of a node that has it.
fn words(kind: AddressKind) -> (&'static str, &'static str) {
    match kind {
        AddressKind::Public => ("public", "address"),
        AddressKind::Private => ("private", "private"),
    }
}
