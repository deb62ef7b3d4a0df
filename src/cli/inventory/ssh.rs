//! `--format ssh`: a block of ssh_config(5) for each node.

use std::fmt::Write as _;

use crate::cli::inventory::content::{Inventory, host};

pub(super) fn render(inventory: &Inventory<'_>) -> String {
    let mut text = String::new();
    let key = inventory.key();
    for node in &inventory.nodes {
        // Writing to a String does not fail.
        let _ = writeln!(text, "Host {}\n    HostName {}", node.name, host(node));
        if let Some(ssh) = inventory.ssh() {
            let _ = writeln!(text, "    User {}\n    Port {}", ssh.user, ssh.port);
        }
        if let Some(key) = &key {
            // `%` begins a token of ssh_config(5), `"` ends the value.
            let key = key.display().to_string().replace('%', "%%").replace('"', "\\\"");
            let _ = writeln!(text, "    IdentityFile \"{key}\"\n    IdentitiesOnly yes");
        }
    }
    text
}
