//! `--format cloud-init`: the user data of one node, so that a machine of any provider can be
//! installed over ssh from its first boot on.
//!
//! Addresses are left to the provider: user data comes too late for them, and each provider has its
//! own way.

use serde_json::{Value, json};

use crate::cli::inventory::content::Inventory;
use crate::cluster::deployment::Ssh;
use crate::cluster::node::Node;
use crate::config::read;

/// Largest file of a public key, in octets.
const MAX_KEY: u64 = 64 << 10;

pub(super) fn render(inventory: &Inventory<'_>, node: &Node) -> Result<String, String> {
    let Some(ssh) = inventory.ssh() else {
        return Err("config.yaml has no `deploy`; write the user and the key of ssh there".into());
    };
    let key = public_key(inventory)?;
    let mut entries = vec![
        ("hostname", json!(host_name(node))),
        ("preserve_hostname", json!(false)),
        ("disable_root", json!(ssh.user != "root")),
        ("ssh_pwauth", json!(false)),
        ("users", json!([user(ssh, &key)])),
    ];
    if ssh.port != 22 {
        entries.push(("write_files", json!([port_of_sshd(ssh.port)])));
        entries.push(("runcmd", json!([["systemctl", "restart", "ssh.service"]])));
    }
    // A value in JSON is also a value in YAML.
    let lines = entries.into_iter().map(|(name, value)| format!("{name}: {value}\n"));
    Ok(format!("#cloud-config\n{}", lines.collect::<String>()))
}

/// cloud-init takes what follows a dot for a domain: server-1.1 would be called server-1, as its
/// mother is.
fn host_name(node: &Node) -> String {
    node.name.as_str().replace(['.', '_'], "-")
}

fn user(ssh: &Ssh, key: &str) -> Value {
    match ssh.user.as_str() {
        "root" => json!({ "name": "root", "ssh_authorized_keys": [key] }),
        name => json!({
            "name": name,
            "shell": "/bin/bash",
            "lock_passwd": true,
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "ssh_authorized_keys": [key],
        }),
    }
}

fn port_of_sshd(port: u16) -> Value {
    json!({
        "path": "/etc/ssh/sshd_config.d/50-port.conf",
        "content": format!("Port {port}\n"),
    })
}

/// The public key, from the file beside the private key.
fn public_key(inventory: &Inventory<'_>) -> Result<String, String> {
    let Some(private) = inventory.key() else {
        return Err("a machine without a key lets nobody in; write `deploy.ssh.key`".into());
    };
    let file = private.with_added_extension("pub");
    let shown = file.display();
    let text = read::text(&file, MAX_KEY).map_err(|problem| {
        let message = problem.message;
        format!("{shown}: {message}; run `ssh-keygen -y -f {} > {shown}`", private.display())
    })?;
    let key = text.trim();
    let is_kind = ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| key.starts_with(kind));
    match is_kind && !key.contains(char::is_control) {
        true => Ok(key.to_owned()),
        false => Err(format!("{shown} is no public key of OpenSSH; write one line into it")),
    }
}
