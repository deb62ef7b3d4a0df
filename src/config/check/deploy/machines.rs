//! What `deploy:` needs of the nodes: one mother, private addresses, a free address for the mother.
//!
//! `mother_address` belongs to the mother guard as the mother's own addresses do: it is no address
//! of a node, so it cannot be a pool's, and zone files may not have it (see [`records`]).
//!
//! [`records`]: crate::config::check::records

use std::net::IpAddr;

use crate::cluster::deployment::Promotion;
use crate::cluster::node::{Node, Role};
use crate::config::check::disguise::reached;
use crate::config::check::nodes::{NodeInventory, is_of_a_machine};
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::deploy::RawDeploy;

/// The checked `mother_address`; `None` after a fault of it.
pub fn check(
    raw: &RawDeploy,
    inventory: &NodeInventory<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<IpAddr> {
    check_roles(raw, inventory, path, report);
    for node in &inventory.nodes {
        if node.private.is_none() {
            let message =
                format!("`{}` has no private address, and `deploy` is written", node.name);
            let help = "write `private:`, the address at which the other nodes reach it";
            report.error(&node_path(node), message, help);
        }
    }
    mother_address(raw, &inventory.nodes, path, report)
}

fn check_roles(
    raw: &RawDeploy,
    inventory: &NodeInventory<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) {
    let of_role = |role| inventory.nodes.iter().filter(move |node| node.role == role);
    let lacks = |role| inventory.is_complete && of_role(role).next().is_none();
    if lacks(Role::Mother) {
        let help = "write role: mother at the node that has the database and the files";
        report.error(path, "no node is the mother", help);
    }
    for role in [Role::Mother, Role::Standby] {
        let mut nodes = of_role(role);
        let Some(first) = nodes.next() else { continue };
        for node in nodes {
            let message = format!("`{}` is a {role}, as `{}` is", node.name, first.name);
            let help = match role {
                Role::Mother => "write role: standby; the cluster has one mother",
                _ => "write another role; the cluster has one standby",
            };
            let other = node_path(first).key("role");
            report.clash(&node_path(node).key("role"), message, help, (&other, "the first one"));
        }
    }
    let is_automatic = raw.failover.is_some_and(|failover| failover.0 == Promotion::Automatic);
    if is_automatic && lacks(Role::Standby) {
        let help = "write failover: manual, or role: standby at a node";
        report.error(&path.key("failover"), "no node is a standby that could take over", help);
    }
    let has_celery = raw.application.as_ref().is_some_and(|raw| raw.celery.is_some());
    if has_celery && lacks(Role::Worker) {
        let help = "write role: worker at a node, or take `celery` out";
        let path = path.key("application").key("celery");
        report.error(&path, "no node is a worker that would run the tasks", help);
    }
}

fn mother_address(
    raw: &RawDeploy,
    nodes: &[Node],
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<IpAddr> {
    let Some(written) = raw.mother_address else {
        let help = "write a free address of the private network: mother_address: 10.77.0.10";
        report.missing(path, "mother_address", help);
        return None;
    };
    let path = path.key("mother_address");
    let (address, faults) = (written.0, report.faults.len());
    if !is_of_a_machine(address.to_canonical()) || address.to_canonical() != address {
        let help = "write a free address of the private network: 10.77.0.10";
        report.error(&path, format!("`{address}` is no address of a machine"), help);
        return None;
    }
    let holds = |node: &&Node| {
        node.addresses().any(|its| reached(its).any(|its| reached(address).any(|our| our == its)))
    };
    if let Some(node) = nodes.iter().find(holds) {
        let message = format!("`{address}` is the address of `{}`", node.name);
        let help = "write a free one: it moves from node to node, and must be nobody's own";
        report.clash(&path, message, help, (&node_path(node), "this node"));
    }
    let mother = nodes.iter().find(|node| node.role == Role::Mother);
    let private = mother.and_then(|mother| mother.private);
    if let Some(private) = private.filter(|private| private.is_ipv4() != address.is_ipv4()) {
        let message = format!("`{address}` and the mother's {private} are of different families");
        report.error(&path, message, "write a free address of the mother's private network");
    }
    (report.faults.len() == faults).then_some(address)
}

fn node_path(node: &Node) -> KeyPath {
    KeyPath::root().key("nodes").key(node.name.as_str())
}
