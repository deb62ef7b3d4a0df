//! The command line: one file a command, and [`server`], which puts a server together.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done |
//! | 1 | it could not be done: an address in use, no answer, a signal from a child |
//! | 1 | a delegation that a registry would refuse |
//! | 2 | the configuration or the arguments are at fault; nothing was started |
//! | 3 | an order is in force, and a member that it takes out is answered all the same |

pub mod check;
pub mod columns;
pub mod complete;
pub mod delegation;
pub mod demo;
pub mod demo_node;
mod descriptors;
mod end;
pub mod faults;
pub mod health;
pub mod inventory;
pub mod logging;
mod memory;
pub mod operate;
pub mod output;
mod priority;
pub mod query;
pub mod reload;
pub mod remote;
pub mod report;
pub mod runtimes;
pub mod schema;
pub mod serve;
pub mod server;
pub mod simulate;
pub mod supervisor;
pub mod token;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::dns::encrypted;

/// What the configuration or the arguments are to blame for.
pub const EXIT_CONFIG: u8 = 2;

/// An order is in force and does not do what it is for.
pub const EXIT_WITHOUT_EFFECT: u8 = 3;

/// Authoritative round-robin DNS server that answers with the nodes that are alive.
#[derive(Debug, Parser)]
#[command(name = "tiovivo", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer DNS for the zones and pools of config.yaml, and check the nodes' health
    Serve(ConfigArg),
    /// Load everything and print every fault, or what each name answers
    Check(check::CheckArgs),
    /// Print what to enter at the registrar for a zone
    Delegation(delegation::DelegationArgs),
    /// Print what would be answered, from the configuration or from a running server
    Query(query::QueryArgs),
    /// Take members out of the answers, and see until when resolvers may still send clients
    Drain(operate::OrderArgs),
    /// Answer members whatever their health says
    ForceUp(operate::OrderArgs),
    /// Take members out of the answers whatever their health says
    ForceDown(operate::OrderArgs),
    /// End a drain or a force: health decides again
    #[command(alias = "undrain")]
    Release(operate::ReleaseArgs),
    /// List the orders that are in force
    Overrides(operate::ServerArgs),
    /// Tell the server how a node is, for checks that wait for reports
    Report(report::ReportArgs),
    /// Play a timeline of failures: what would be answered, and what clients would feel
    Simulate(simulate::SimulateArgs),
    /// Try it: a whole cluster on this machine's loopback addresses, without root
    Demo(demo::DemoArgs),
    /// Print the machines of config.yaml, for the programs that install them
    Inventory(inventory::InventoryArgs),
    /// Ask the configured server whether it is well (for HEALTHCHECK lines)
    Health(health::HealthArgs),
    /// Print the JSON Schema of config.yaml, for editors
    Schema,
    /// Print a completion script for a shell
    Completions { shell: clap_complete::Shell },
    /// Print the manual page
    Man(complete::ManArgs),
    /// Make the token that orders need
    Token(token::TokenArgs),
    /// One node of the demo: a web server that is always well
    #[command(hide = true)]
    DemoNode(demo_node::NodeArgs),
}

/// Where the configuration is looked for, in this order.
const CONFIG_FILES: [&str; 2] = ["config.yaml", "/etc/tiovivo/config.yaml"];

/// `--config`, the same for every command.
#[derive(Debug, Args)]
pub struct ConfigArg {
    /// The file that describes the cluster; paths in it are relative to its folder.
    /// ./config.yaml when absent, or else /etc/tiovivo/config.yaml
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArg {
    /// The file that is named, or the first of `CONFIG_FILES` that is there.
    pub fn find(&self) -> Option<PathBuf> {
        // One that is there and may not be looked at is told of by whoever reads it.
        let is_there = |path: &&Path| path.try_exists().unwrap_or(true);
        let found = || CONFIG_FILES.iter().map(Path::new).find(is_there).map(Path::to_owned);
        self.config.clone().or_else(found)
    }

    /// As [`ConfigArg::find`]; says which were looked for, and returns the exit code, when none is
    /// there.
    pub fn path(&self) -> Result<PathBuf, ExitCode> {
        self.find().ok_or_else(|| {
            let [here, system] = CONFIG_FILES;
            refuse(&format!("there is neither {here} here nor {system}; name one by --config"))
        })
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    encrypted::install_provider();
    let code = run(Cli::parse().command);
    logging::flush();
    code
}

fn run(command: Command) -> ExitCode {
    match command {
        Command::Serve(args) => with_path(&args, serve::run),
        Command::Check(args) => check::run(&args),
        Command::Delegation(args) => delegation::run(&args),
        Command::Query(args) => query::run(&args),
        Command::Drain(args) => operate::order("drain", &args),
        Command::ForceUp(args) => operate::order("force-up", &args),
        Command::ForceDown(args) => operate::order("force-down", &args),
        Command::Release(args) => operate::release(&args),
        Command::Overrides(args) => operate::overrides(&args),
        Command::Report(args) => report::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Inventory(args) => inventory::run(&args),
        Command::Health(args) => health::run(&args),
        Command::Schema => schema::run(),
        Command::Completions { shell } => complete::completions(shell),
        Command::Man(args) => complete::man(&args),
        Command::Token(args) => token::run(&args),
        Command::DemoNode(args) => demo_node::run(&args),
    }
}

fn with_path(args: &ConfigArg, run: impl Fn(&Path) -> ExitCode) -> ExitCode {
    args.path().map_or_else(|code| code, |path| run(&path))
}

/// One line on standard error, and the exit code of faulty arguments.
fn refuse(message: &str) -> ExitCode {
    failure(message);
    ExitCode::from(EXIT_CONFIG)
}

/// One line on standard error, and the exit code of a failure.
fn failure(message: impl std::fmt::Display) -> ExitCode {
    output::tell(&format!("tiovivo: {message}\n"));
    ExitCode::FAILURE
}
