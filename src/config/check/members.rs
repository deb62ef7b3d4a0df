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
use crate::cluster::tiers::Tiers;
use crate::config::check::nodes::NodeInventory;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::RawPool;
use crate::config::raw::choice::{RawMembers, RawSelector};
use crate::config::raw::scalar::quoted;

/// Most members of a pool, as each is probed and counted.
pub const MAX_MEMBERS: usize = 10_000;

/// Who may ask for a pool.
#[derive(Debug)]
pub enum Audience {
    Everyone,
    Only(Networks),
}

/// `None` after a fault. With a faulty audience, faults that depend on it are not reported.
pub fn check(
    raw: &RawPool,
    audience: Option<Audience>,
    inventory: &NodeInventory<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<(Membership, Tiers)> {
    let kind = raw.address.map(|kind| kind.0).unwrap_or_default();
    let (written, path_of_members) = written(raw, path, report)?;
    let mut chosen = NodeChooser { inventory, report, seen: HashMap::new(), is_complete: true };
    let mut nodes = vec![];
    let mut sizes = vec![];
    match written {
        Members::One(members) => nodes = chosen.choose(members, &path_of_members)?,
        Members::Tiers(tiers) => {
            for (index, tier) in tiers.iter().enumerate() {
                let tier = chosen.choose(tier, &path_of_members.index(index)).unwrap_or_default();
                chosen.is_complete &= !tier.is_empty();
                sizes.push(tier.len());
                nodes.extend(tier);
            }
        }
    }
    let is_complete = chosen.is_complete;
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
    is_complete.then(|| (membership, Tiers::of(sizes)))
}

/// The members as written.
enum Members<'a> {
    One(&'a RawMembers),
    Tiers(&'a [RawMembers]),
}

/// And its path.
fn written<'a>(
    raw: &'a RawPool,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<(Members<'a>, KeyPath)> {
    let (members, tiers) = (path.key("members"), path.key("tiers"));
    match (&raw.members, &raw.tiers) {
        (Some(written), None) => Some((Members::One(written), members)),
        (None, Some(written)) if written.is_empty() => {
            if !report.has_items(&tiers) {
                let help = "write lists of node names, the first tier first";
                report.error(&tiers, "a pool without members", help);
            }
            None
        }
        (None, Some(written)) => Some((Members::Tiers(written), tiers)),
        (Some(_), Some(_)) => {
            let help = "the members are those of `tiers`: remove `members`";
            report.clash(&tiers, "members and tiers at once", help, (&members, "these"));
            None
        }
        (None, None) => {
            if !report.is_faulty(&tiers) {
                report.missing(path, "members", "write a list of node names, or { role: child }");
            }
            None
        }
    }
}

/// A node, and the key that made it a member.
type NodeChoice<'a> = (&'a Node, KeyPath);

/// Collects nodes, each once.
struct NodeChooser<'a, 'r, 's> {
    inventory: &'a NodeInventory<'a>,
    report: &'r mut Report<'s>,
    /// The paths of the nodes that were taken, by name.
    seen: HashMap<String, KeyPath>,
    /// Whether all written nodes were taken.
    is_complete: bool,
}

impl<'a> NodeChooser<'a, '_, '_> {
    /// The nodes without a fault; `None` when the whole list has one.
    fn choose(&mut self, written: &RawMembers, path: &KeyPath) -> Option<Vec<NodeChoice<'a>>> {
        match written {
            RawMembers::Names(names) => self.named(names, path),
            RawMembers::All(selector) => {
                let nodes = selected(selector, self.inventory, path, self.report)?;
                Some(nodes.into_iter().filter(|(node, path)| self.is_first(node, path)).collect())
            }
        }
    }

    /// Whether the node was not taken before. A selector reports only its first such node, as all
    /// its nodes have one place.
    fn is_first(&mut self, node: &Node, path: &KeyPath) -> bool {
        let name = node.name.as_str();
        let Some(first) = self.seen.get(name) else {
            self.seen.insert(name.to_owned(), path.clone());
            return true;
        };
        if self.is_complete {
            let message = format!("{} is in another tier already", quoted(name));
            let help = "write each node in one tier";
            self.report.clash(path, message, help, (first, "the first one"));
        }
        self.is_complete = false;
        false
    }

    fn named(&mut self, names: &[String], path: &KeyPath) -> Option<Vec<NodeChoice<'a>>> {
        if names.is_empty() {
            if self.report.find(path).is_some_and(|found| found.value.is_empty()) {
                let help = "write a list of node names, or { role: child }";
                let what = if path.last_key().is_some() { "pool" } else { "tier" };
                self.report.error(path, format!("a {what} without members"), help);
            }
            return None;
        }
        let mut nodes = vec![];
        for (index, name) in names.iter().enumerate() {
            let path = path.index(index);
            let known = self.inventory.names.get(name.as_str());
            if let Some(first) = self.seen.get(name) {
                let message = format!("{} is in the list already", quoted(name));
                self.report.clash(&path, message, "remove it", (first, "the first one"));
                continue;
            }
            self.seen.insert(name.clone(), path.clone());
            if known.is_none() && !self.report.is_faulty(&KeyPath::root().key("nodes").key(name)) {
                let meant = self.report.meant(name, self.inventory.names.keys().copied());
                let message = format!("there is no node {}", quoted(name));
                self.report.error(&path, message, format!("{meant}write the name of a node"));
            }
            let node = known.copied().flatten().and_then(|i| self.inventory.nodes.get(i));
            nodes.extend(node.map(|node| (node, path)));
        }
        self.is_complete &= nodes.len() == names.len();
        Some(nodes)
    }
}

fn selected<'a>(
    selector: &RawSelector,
    inventory: &'a NodeInventory<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Vec<NodeChoice<'a>>> {
    if report.is_faulty(&path.key("role")) || report.is_faulty(&path.key("tag")) {
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
    let nodes: Vec<NodeChoice<'a>> =
        inventory.nodes.iter().filter(is_chosen).map(|node| (node, path.key(key))).collect();
    if nodes.is_empty() && inventory.is_complete {
        let help = "write a role or a tag that nodes have";
        report.error(&path.key(key), format!("no node has the {what}"), help);
    }
    (!nodes.is_empty()).then_some(nodes)
}

/// Turns all nodes into members, or reports faults; of a selector only the first, as all its nodes
/// have one place.
fn admitted<A>(
    nodes: &[NodeChoice<'_>],
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

/// Checks that each member has the address that the check uses.
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

/// The kind of address, and its key in a node.
fn words(kind: AddressKind) -> (&'static str, &'static str) {
    match kind {
        AddressKind::Public => ("public", "address"),
        AddressKind::Private => ("private", "private"),
    }
}
