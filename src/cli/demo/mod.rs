//! `tiovivo demo`: the whole thing on one machine, without root and without a file left behind.
//!
//! A mother, its standby and four children run as processes of this binary, each on a loopback
//! address of its own; the server reads a real config.yaml from a temporary folder. Kill a child
//! and watch it leave the answers.

mod nodes;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::demo::nodes::Nodes;
use crate::cli::server::{self, Running};
use crate::cli::{failure, faults, logging};
use crate::config;
use crate::control::status::Status;

/// How often the nodes are looked at for one that ended.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// DNS, UDP and TCP; 0 takes a free one
    #[arg(long, default_value_t = 5300)]
    port: u16,
    /// API, page and metrics; 0 takes a free one
    #[arg(long, default_value_t = 8053)]
    dashboard_port: u16,
}

pub fn run(args: &DemoArgs) -> ExitCode {
    logging::init_quiet();
    match server::runtime().and_then(|runtime| runtime.block_on(demo(args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(error),
    }
}

async fn demo(args: &DemoArgs) -> std::io::Result<()> {
    let folder = tempfile::Builder::new().prefix("tiovivo-demo-").tempdir()?;
    let mut nodes = Nodes::start()?;
    let path = write_files(folder.path(), args, nodes.port())?;
    let loaded = config::load(&path).map_err(|found| {
        faults::warn(&found);
        std::io::Error::other("the demo's own configuration is refused")
    })?;
    let hangup = signal(SignalKind::hangup())?;
    let mut running =
        server::start(&path, loaded.config, hangup).await.map_err(std::io::Error::other)?;
    server::until_ready(&mut running.status).await;
    print!("{}", screen(&running, &nodes, &path));
    watch_it(&mut nodes, running.status.clone()).await?;
    println!("ending the demo and everything that it started");
    running.stop().await;
    Ok(())
}

fn write_files(
    folder: &Path,
    args: &DemoArgs,
    node_port: u16,
) -> std::io::Result<std::path::PathBuf> {
    let config = include_str!("config.yaml")
        .replace("@DNS_PORT@", &args.port.to_string())
        .replace("@DASHBOARD_PORT@", &args.dashboard_port.to_string())
        .replace("@NODE_PORT@", &node_port.to_string());
    let path = folder.join("config.yaml");
    std::fs::create_dir(folder.join("zones"))?;
    std::fs::write(folder.join("zones/midominio.com.zone"), include_str!("midominio.com.zone"))?;
    std::fs::write(&path, config)?;
    Ok(path)
}

/// What to try.
fn screen(running: &Running, nodes: &Nodes, path: &Path) -> String {
    let mut text = String::from("\ntiovivo demo: a cluster on this machine\n\n");
    for node in nodes.iter() {
        text.push_str(&format!("  {:<11} {:<21} pid {}\n", node.name, node.address, node.pid()));
    }
    let (server, port) = running
        .dns
        .first()
        .map_or_else(Default::default, |dns| (dns.ip().to_string(), dns.port().to_string()));
    let child = nodes.iter().find(|node| node.name == "server-3");
    let pid = child.map(|child| child.pid().to_string()).unwrap_or_default();
    let again = child.map(|child| child.again()).unwrap_or_default();
    text.push_str(&format!(
        "\ntry:\n\
         \x20 dig @{server} -p {port} midominio.com           four A records, in turn\n\
         \x20 dig @{server} -p {port} madre.midominio.com     the mother, for this machine only\n\
         \x20 kill {pid}                                  server-3 leaves the answers\n\
         \x20 {again}\n\
         \x20                                             and comes back\n"
    ));
    if let Some(dashboard) = running.dashboard {
        text.push_str(&format!(
            "  http://{dashboard}/                       what is up, and why\n"
        ));
    }
    text.push_str(&format!("  {}   edit it: it is loaded at once\n", path.display()));
    text.push_str("\nCtrl-C ends it. Changes:\n");
    text
}

/// One line for each change, until a signal ends it.
async fn watch_it(
    nodes: &mut Nodes,
    mut status: watch::Receiver<Arc<Status>>,
) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut look = tokio::time::interval(LOOK);
    let mut told = status.borrow_and_update().changes.last().map(|change| change.at.clone());
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = look.tick() => {
                for node in nodes.ended() {
                    println!("{} ended; start it again with: {}", node.name, node.again());
                }
            }
            changed = status.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let status = status.borrow_and_update().clone();
                for change in status.changes.iter().filter(|c| told.as_ref() < Some(&c.at)) {
                    println!("{}  {}: {}", change.at, change.node, change.what);
                }
                told = status.changes.last().map(|change| change.at.clone()).or(told);
            }
        }
    }
}
