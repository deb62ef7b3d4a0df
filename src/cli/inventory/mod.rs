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
mod json;
mod ssh;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::cli::config_arg::ConfigArg;
use crate::cli::output::{failure, refuse};
use crate::cli::{faults, output};
use crate::cluster::deployment::Ssh;
use crate::cluster::node::Node;
use crate::config::check::deploy::normal;
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

/// What every format prints.
struct Inventory<'a> {
    config: &'a Config,
    nodes: Vec<&'a Node>,
    folder: Folder,
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

impl Inventory<'_> {
    fn ssh(&self) -> Option<&Ssh> {
        self.config.deployment.as_ref().map(|deployment| &deployment.ssh)
    }

    fn key(&self) -> Option<PathBuf> {
        self.ssh().and_then(|ssh| ssh.key.as_deref()).map(|key| self.folder.absolute(key))
    }
}

/// Where a node is reached: at its private address, or else at a public one.
fn host(node: &Node) -> String {
    node.private.or_else(|| node.addresses().next()).map(|ip| ip.to_string()).unwrap_or_default()
}

/// The folder of config.yaml.
struct Folder {
    /// As it was named: paths of the configuration begin with it.
    named: PathBuf,
    /// Absolute and without symbolic links, so that `..` can be resolved in the text of a path.
    real: PathBuf,
}

impl Folder {
    fn of(config: &Path) -> std::io::Result<Folder> {
        let named = config.parent().unwrap_or(Path::new("")).to_owned();
        let here = if named.as_os_str().is_empty() { Path::new(".") } else { &named };
        Ok(Folder { real: here.canonicalize()?, named })
    }

    /// A path of the configuration as an absolute path.
    fn absolute(&self, path: &Path) -> PathBuf {
        let below = path.strip_prefix(&self.named).unwrap_or(path);
        normal(&self.real.join(below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_wherever_config_yaml_is_named_from() {
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        let folder = Folder::of(Path::new("src/config.yaml")).unwrap();
        assert_eq!(folder.absolute(Path::new("src/zones/a")), here.join("src/zones/a"));
        assert_eq!(folder.absolute(Path::new("src/../site/./x")), here.join("site/x"));
        assert_eq!(folder.absolute(Path::new("/etc/a")), Path::new("/etc/a"));
        let folder = Folder::of(Path::new("config.yaml")).unwrap();
        assert_eq!(folder.absolute(Path::new("../a")), here.parent().unwrap().join("a"));
    }
}
