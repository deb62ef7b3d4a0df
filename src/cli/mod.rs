//! The command line: one file for each command, and [`server`], which puts a server together.

pub mod check;
pub mod columns;
pub mod complete;
pub mod config_arg;
pub mod delegation;
pub mod demo;
pub mod demo_node;
mod descriptors;
mod end;
pub mod exit;
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

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::cli::config_arg::ConfigArg;
use crate::dns::encrypted;

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
        Command::Completions { shell } => complete::completions(Cli::command(), shell),
        Command::Man(args) => complete::man(Cli::command(), &args),
        Command::Token(args) => token::run(&args),
        Command::DemoNode(args) => demo_node::run(&args),
    }
}

fn with_path(args: &ConfigArg, run: impl Fn(&Path) -> ExitCode) -> ExitCode {
    args.path().map_or_else(|code| code, |path| run(&path))
}
