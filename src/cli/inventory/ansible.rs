//! `--format ansible`: an inventory of Ansible's `yaml` plug-in, a group for each role.
//!
//! Every key and text is written in double quotes, as in JSON: YAML reads such texts in the same
//! way, and no name becomes a number or a truth value by accident.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::inventory::content::{Inventory, host};
use crate::cluster::node::{Node, Role};

pub(super) fn render(inventory: &Inventory<'_>) -> String {
    let mut text = "all:\n".to_owned();
    let mut vars = vec![];
    if let Some(ssh) = inventory.ssh() {
        vars.push(("ansible_user", json!(ssh.user)));
        vars.push(("ansible_port", json!(ssh.port)));
        vars.extend(inventory.key().map(|key| ("ansible_ssh_private_key_file", json!(key))));
    }
    if let Some(deployment) = &inventory.config.deployment {
        vars.push(("mother_address", json!(deployment.mother_address)));
    }
    if !vars.is_empty() {
        text.push_str("  vars:\n");
        write_vars(&mut text, "    ", vars);
    }
    text.push_str("  children:\n");
    for role in Role::ALL {
        let nodes = inventory.nodes.iter().filter(|node| node.role == role);
        let mut nodes = nodes.peekable();
        if nodes.peek().is_none() {
            continue;
        }
        // Writing to a String does not fail.
        let _ = writeln!(text, "    {role}:\n      hosts:");
        for node in nodes {
            let _ = writeln!(text, "        {}:", json!(node.name.as_str()));
            write_vars(&mut text, "          ", vars_of(node));
        }
    }
    text
}

fn vars_of(node: &Node) -> Vec<(&'static str, Value)> {
    let mut vars = vec![("ansible_host", json!(host(node)))];
    vars.extend(node.address.map(|address| ("address", json!(address))));
    vars.extend(node.address6.map(|address| ("address6", json!(address))));
    vars.extend(node.private.map(|address| ("private", json!(address))));
    if !node.tags.is_empty() {
        vars.push(("tags", json!(node.tags)));
    }
    vars
}

fn write_vars(text: &mut String, indent: &str, vars: Vec<(&'static str, Value)>) {
    for (key, value) in vars {
        let _ = writeln!(text, "{indent}{key}: {value}");
    }
}
