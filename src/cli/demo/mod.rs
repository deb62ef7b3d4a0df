//! `tiovivo demo`: a whole cluster on one machine, without root; no file is left behind.
//!
//! A mother, its standby and four children run as processes of this binary, each on a loopback
//! address of its own; the server reads a real config.yaml from a temporary folder. Kill a child
//! and watch it leave the answers.

mod nodes;
mod screen;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::cli::demo::nodes::{DemoMachines, quoted};
use crate::cli::demo::screen::Screen;
use crate::cli::output::failure;
use crate::cli::runtimes::{Beside, Runtimes};
use crate::cli::server::{self, Running, StartFault};
use crate::cli::{faults, logging, token};
use crate::config;
use crate::control::status::{ChangeStatus, Status};

/// Time from one check for nodes that ended to the next.
const LOOK: Duration = Duration::from_millis(200);
/// The comment of a command with more characters is in a line of its own.
const SHORT: usize = 46;

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
    match Runtimes::new().and_then(|runtimes| runtimes.run(|beside| demo(args, beside))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(error),
    }
}

async fn demo(args: &DemoArgs, beside: Beside) -> io::Result<()> {
    // Signals are caught before there is anything that a sudden end would leave behind.
    let mut ends = EndSignals::new()?;
    let folder = tempfile::Builder::new().prefix("tiovivo-demo-").tempdir()?;
    let shown = Screen::new()?;
    let mut nodes = DemoMachines::start()?;
    let path = write_files(folder.path(), args, nodes.port())?;
    let loaded = config::load::load(&path).map_err(|found| {
        faults::warn(&found);
        io::Error::other("the demo's own configuration is refused")
    })?;
    let hangup = signal(SignalKind::hangup())?;
    let started = server::start(&path, loaded.config, hangup, &beside).await;
    let mut running = started.map_err(|fault| way_out(&fault))?;
    let is_ready = tokio::select! {
        () = server::until_ready(&mut running.status) => true,
        () = ends.any() => false,
    };
    if is_ready {
        shown.show(screen(&running, &nodes, &path));
        watch_it(&mut nodes, running.status.clone(), &mut ends, &shown).await;
    }
    shown.show("ending the demo and everything that it started\n".into());
    running.stop().await;
    shown.flush().await;
    Ok(())
}

/// The signals that end the demo; a terminal that is closed sends SIGHUP.
struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl EndSignals {
    fn new() -> io::Result<EndSignals> {
        Ok(EndSignals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// The error of a start that failed. If a port is taken, it names the option for that port, since
/// there is no file to edit.
fn way_out(fault: &StartFault) -> io::Error {
    let taken = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
    let (what, option) = match fault {
        StartFault::Bind(bind) if taken(&bind.source) => {
            (format!("{} {}", bind.transport, bind.address), "--port")
        }
        StartFault::Dashboard { address, source } if taken(source) => {
            (format!("dashboard {address}"), "--dashboard-port")
        }
        other => return io::Error::other(other.to_string()),
    };
    io::Error::other(format!(
        "{what}: another program has this address; `{option} 0` takes a free port"
    ))
}

fn write_files(folder: &Path, args: &DemoArgs, node_port: u16) -> io::Result<PathBuf> {
    let config = include_str!("config.yaml")
        .replace("@DNS_PORT@", &args.port.to_string())
        .replace("@DASHBOARD_PORT@", &args.dashboard_port.to_string())
        .replace("@NODE_PORT@", &node_port.to_string());
    let path = folder.join("config.yaml");
    std::fs::create_dir(folder.join("zones"))?;
    std::fs::write(folder.join("zones/midominio.com.zone"), include_str!("midominio.com.zone"))?;
    std::fs::write(&path, config)?;
    token::write(&folder.join("token"), &token::new()?, false)?;
    Ok(path)
}

/// The first text: the machines, and commands to try, which can be copied into any shell.
fn screen(running: &Running, nodes: &DemoMachines, path: &Path) -> String {
    let mut text = String::from("\ntiovivo demo: a cluster on this machine\n\n");
    for node in nodes.iter() {
        let (name, role) = (node.name, node.role);
        text.push_str(&format!("  {name:<11} {role:<8} {:<21} pid {}\n", node.address, node.pid()));
    }
    text.push_str("\nTry, in another terminal:\n\n");
    if let Some(dns) = running.dns.first() {
        let dig = format!("dig @{} -p {}", dns.ip(), dns.port());
        text.push_str(&tried(&format!("{dig} www.midominio.com"), "four children, in turn"));
        let mother = format!("{dig} madre.midominio.com");
        text.push_str(&tried(&mother, "the mother, for this machine only"));
    }
    if let Some(child) = nodes.iter().find(|node| node.name == "server-3") {
        let kill = format!("kill {}", child.pid());
        text.push_str(&tried(&kill, "server-3 leaves the answers within 3 s"));
        text.push_str(&tried(&child.again(), "server-3 comes back, after two good probes"));
    }
    let drain = format!("{} drain server-4 --config {}", nodes::binary(), quoted(path));
    text.push_str(&tried(&drain, "server-4 leaves the answers, and says when it can be stopped"));
    let edit = format!("${{EDITOR:-vi}} {}", quoted(path));
    text.push_str(&tried(
        &edit,
        "what you change is loaded within 2 s, or refused with its faults",
    ));
    if let Some(dashboard) = running.dashboard {
        text.push_str(&format!("\nWhat is up, and why:  http://{dashboard}/\n"));
    }
    text.push_str("\nCtrl-C ends it. Changes:\n");
    text
}

/// A command to try, with its comment: beside a short command, and above a long one.
fn tried(command: &str, shows: &str) -> String {
    if command.len() < SHORT {
        format!("  {command:<SHORT$} # {shows}\n")
    } else {
        format!("  # {shows}:\n  {command}\n")
    }
}

/// Prints a line for each change, until a signal arrives or the reader of the lines is gone.
async fn watch_it(
    nodes: &mut DemoMachines,
    mut status: watch::Receiver<Arc<Status>>,
    ends: &mut EndSignals,
    screen: &Screen,
) {
    let mut look = tokio::time::interval(LOOK);
    let newest = |status: &Status| status.changes.last().map(|change| change.at.clone());
    let (mut newest_shown, mut loaded) = {
        let status = status.borrow_and_update();
        (newest(&status), status.config.loaded.clone())
    };
    loop {
        tokio::select! {
            biased;
            () = ends.any() => return,
            () = screen.closed() => return,
            _ = look.tick() => {
                for node in nodes.ended() {
                    let (name, again) = (node.name, node.again());
                    screen.show(format!("{name} ended; start it again with: {again}\n"));
                }
            }
            changed = status.changed() => {
                if changed.is_err() {
                    return;
                }
                let status = status.borrow_and_update().clone();
                if status.config.loaded != loaded {
                    loaded.clone_from(&status.config.loaded);
                    let file = &status.config.file;
                    screen.show(format!("{loaded}  {file} is loaded again\n"));
                }
                let is_new = |change: &&ChangeStatus| newest_shown.as_ref() < Some(&change.at);
                for change in status.changes.iter().filter(is_new) {
                    screen.show(format!("{}\n", line(change)));
                }
                newest_shown = newest(&status).or(newest_shown);
            }
        }
    }
}

/// The line about a change of a member or of a pool.
fn line(change: &ChangeStatus) -> String {
    let ChangeStatus { at, pool, node, what } = change;
    match node.as_str() {
        "" => format!("{at}  pool {pool}: {what}"),
        node => format!("{at}  {node}: {what}"),
    }
}
