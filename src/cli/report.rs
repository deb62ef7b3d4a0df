//! `tiovivo report`: sends a health report of a node to a running server, for push checks.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::operate::{self, ServerArgs};
use crate::cli::output::failure;
use crate::cli::{output, remote};
use crate::http::replies::ReportReply;

const PATH: &str = "/api/v1/push";

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The node that it is about
    node: String,
    /// How it is
    #[arg(value_enum)]
    state: ReportedState,
    /// Only as a member of this pool; of all that wait for its reports when absent
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,
    /// Why; it is shown on the page
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Which check, where a member has several that wait for reports
    #[arg(long, value_name = "NAME")]
    check: Option<String>,
    /// How much it can take, for checks with `load: true`
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    weight: Option<u8>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportedState {
    Up,
    Down,
}

pub fn run(args: &ReportArgs) -> ExitCode {
    let access = operate::reach(&args.server);
    let (at, token) = match access.and_then(|server| Ok((server.at, server.report_token()?))) {
        Ok(access) => access,
        Err(code) => return code,
    };
    let healthy = args.state == ReportedState::Up;
    let ReportArgs { node, pool, reason, check, weight, .. } = args;
    let body = json!({ "healthy": healthy, "reason": reason, "check": check, "weight": weight });
    let path = match pool {
        Some(pool) => format!("{PATH}/{pool}/{node}"),
        None => format!("{PATH}/{node}"),
    };
    match remote::ask(at, &path, Some((&body, &token))) {
        Ok(reply) if reply.status == 202 => match reply.read() {
            Ok(reply) => output::print(&taken(&reply), ExitCode::SUCCESS),
            Err(error) => failure(error),
        },
        Ok(reply) => operate::refused(&reply),
        Err(error) => failure(error),
    }
}

/// The pools that took the report, and the pools that did not; empty when all took it.
fn taken(reply: &ReportReply) -> String {
    if reply.others.is_empty() {
        return String::new();
    }
    let (pools, others) = (reply.pools.join(", "), reply.others.join(", "));
    format!("taken in {pools}; not in {others}, which has no check of that name\n")
}
