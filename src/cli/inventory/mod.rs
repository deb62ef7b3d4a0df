//! `tiovivo inventory`: the machines of config.yaml, for the programs that install them.
//!
//! | format | for |
//! |---|---|
//! | `json` | `deploy/` of this project, and programs of your own |
//! | `ansible` | `ansible -i`: an inventory in YAML, a group for each role |
//! | `ssh` | `Include` of ssh_config(5): `ssh server-2` |
//! | `cloud-init` | the user data of one node, for any provider |
//!
//! The whole configuration is checked first: a faulty one has no inventory.

mod ansible;
mod cloud_init;
mod content;
mod json;
mod ssh;

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::cli::config_arg::ConfigArg;
use crate::cli::inventory::content::{Folder, Inventory};
use crate::cli::output::{failure, refuse};
use crate::cli::{faults, output};
use crate::cluster::node::Node;
use crate::config::raw::scalar::quoted;
use crate::config::{self, Config, suggestion};

#[derive(Debug, Args)]
pub struct InventoryArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The form in which the nodes are printed
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// Only this node; required by cloud-init
    node: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Ansible,
    Ssh,
    CloudInit,
}

pub fn run(args: &InventoryArgs) -> ExitCode {
    let path = match args.config.path() {
        Ok(path) => path,
        Err(code) => return code,
    };
    let loaded = match config::load::load(&path) {
        Ok(loaded) => loaded,
        Err(faults) => return faults::refuse(&faults),
    };
    let nodes = match chosen(&loaded.config, args.node.as_deref()) {
        Ok(nodes) => nodes,
        Err(message) => return refuse(&message),
    };
    let folder = match Folder::of(&path) {
        Ok(folder) => folder,
        Err(error) => return failure(format!("{}: {error}", path.display())),
    };
    let inventory = Inventory { config: &loaded.config, nodes, folder };
    let text = match (args.format, inventory.nodes.as_slice()) {
        (Format::Json, _) => json::render(&inventory, &path),
        (Format::Ansible, _) => ansible::render(&inventory),
        (Format::Ssh, _) => ssh::render(&inventory),
        (Format::CloudInit, [node]) if args.node.is_some() => {
            match cloud_init::render(&inventory, node) {
                Ok(text) => text,
                Err(message) => return refuse(&message),
            }
        }
        (Format::CloudInit, _) => {
            return refuse(
                "cloud-init has user data for one node; name it: tiovivo inventory \
                           --format cloud-init NODE",
            );
        }
    };
    output::print(&text, ExitCode::SUCCESS)
}

fn chosen<'a>(config: &'a Config, name: Option<&str>) -> Result<Vec<&'a Node>, String> {
    let Some(name) = name else { return Ok(config.nodes.iter().collect()) };
    match config.nodes.iter().find(|node| node.name.as_str() == name) {
        Some(node) => Ok(vec![node]),
        None => {
            let known = config.nodes.iter().map(|node| node.name.as_str());
            let meant = suggestion::did_you_mean(name, known);
            Err(format!("there is no node {}; {meant}write a key of `nodes`", quoted(name)))
        }
    }
}
