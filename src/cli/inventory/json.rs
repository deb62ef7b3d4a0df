//! `--format json`: everything that an installer needs. Paths are absolute.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::inventory::content::Inventory;
use crate::cluster::deployment::{Application, ApplicationSource, Promotion};
use crate::cluster::node::Node;
use crate::zone::record::Zone;

/// The keys of `deploy:` are null where config.yaml has none.
#[derive(Serialize)]
struct Document<'a> {
    config: PathBuf,
    /// The files that a name server loads: config.yaml, and the files that it names, if they exist.
    files: Vec<PathBuf>,
    folder: &'a Path,
    /// The apexes of the zones that the name servers answer for.
    zones: Vec<String>,
    /// The address of page and API on each name server; null if they are off.
    dashboard: Option<SocketAddr>,
    debian: Option<&'static str>,
    ssh: Option<Value>,
    mother_address: Option<IpAddr>,
    application: Option<Value>,
    database: Option<Value>,
    failover: &'static str,
    fence: Option<Value>,
    nodes: Vec<Value>,
}

pub(super) fn render(inventory: &Inventory<'_>, config: &Path) -> String {
    let folder = &inventory.folder;
    let deployment = inventory.config.deployment.as_ref();
    let mut files: Vec<PathBuf> =
        inventory.config.files.iter().map(|file| folder.absolute(file)).collect();
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.clone()) && file.exists());
    let document = Document {
        config: folder.absolute(config),
        files,
        folder: &folder.real,
        zones: inventory.config.zones.iter().map(apex).collect(),
        dashboard: inventory.config.server.dashboard,
        debian: deployment.map(|deployment| deployment.debian.as_str()),
        ssh: inventory
            .ssh()
            .map(|ssh| json!({ "user": ssh.user, "port": ssh.port, "key": inventory.key() })),
        mother_address: deployment.map(|deployment| deployment.mother_address),
        application: deployment
            .and_then(|deployment| deployment.application.as_ref())
            .map(|application| application_keys(inventory, application)),
        database: deployment
            .and_then(|deployment| deployment.database.as_ref())
            .map(|database| json!({ "name": database.name })),
        failover: deployment.map_or(Promotion::Manual, |deployment| deployment.promotion).as_str(),
        fence: deployment
            .and_then(|deployment| deployment.fence.as_ref())
            .map(|command| json!({ "command": command })),
        nodes: inventory.nodes.iter().map(|node| node_keys(node)).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// The apex of a zone without the dot at its end, as config.yaml writes `hosts`.
fn apex(zone: &Zone) -> String {
    let name = zone.apex.to_string();
    name.strip_suffix('.').map_or_else(|| name.clone(), str::to_owned)
}

fn application_keys(inventory: &Inventory<'_>, application: &Application) -> Value {
    let source = match &application.source {
        ApplicationSource::Folder(folder) => {
            json!({ "folder": inventory.folder.absolute(folder) })
        }
        ApplicationSource::Git { url, reference } => json!({ "git": url, "ref": reference }),
    };
    json!({
        "source": source,
        "requirements": application.requirements,
        "python": application.python,
        "settings": application.settings,
        "wsgi": application.wsgi,
        "celery": application.celery,
        "migrate": application.migrate,
        "static": application.static_files,
        "media": application.media,
        "hosts": application.hosts,
        "env_file": application.env_file.as_deref().map(|file| inventory.folder.absolute(file)),
        "warm": application.warm,
    })
}

fn node_keys(node: &Node) -> Value {
    let public = [node.address.map(IpAddr::V4), node.address6.map(IpAddr::V6)];
    json!({
        "name": node.name.as_str(),
        "role": node.role.as_str(),
        "addresses": public.into_iter().flatten().collect::<Vec<IpAddr>>(),
        "private": node.private.into_iter().collect::<Vec<IpAddr>>(),
        "tags": node.tags,
    })
}
