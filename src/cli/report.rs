//! `tiovivo report`: tells a running server how a node is, for checks that wait for reports.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::operate::{self, ServerArgs};
use crate::cli::{failure, remote};
use crate::cluster::check::Probe;
use crate::cluster::pool::Pool;
use crate::config::Config;

const PATH: &str = "/api/v1/push";

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The node that it is about
    node: String,
    /// How it is
    #[arg(value_enum)]
    state: Reported,
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
enum Reported {
    Up,
    Down,
}

pub fn run(args: &ReportArgs) -> ExitCode {
    let (config, at, token) = match operate::reach(&args.server) {
        Ok(reached) => reached,
        Err(code) => return code,
    };
    let own = config.server.report_token.as_ref().map(|token| token.as_str().to_owned());
    let Some(token) = own.or(token) else { return operate::no_token() };
    let pools = match &args.pool {
        Some(pool) => vec![pool.as_str()],
        None => waiting(&config, &args.node),
    };
    if pools.is_empty() {
        return failure(format!(
            "no pool waits for reports of {}; write `push: {{ expires: 60s }}` as a check of one",
            args.node
        ));
    }
    let healthy = args.state == Reported::Up;
    let ReportArgs { reason, check, weight, .. } = args;
    let body = json!({ "healthy": healthy, "reason": reason, "check": check, "weight": weight });
    for pool in pools {
        let path = format!("{PATH}/{pool}/{}", args.node);
        match remote::ask(at, &path, Some((&body, &token))) {
            Ok(reply) if reply.status == 202 => {}
            Ok(reply) => return operate::refused(&reply),
            Err(error) => return failure(error),
        }
    }
    ExitCode::SUCCESS
}

/// The pools that have the node as a member, and wait for its reports.
fn waiting<'a>(config: &'a Config, node: &str) -> Vec<&'a str> {
    let waits = |pool: &&Pool| {
        pool.all_checks().any(|check| matches!(check.probe, Probe::Push(_)))
            && pool.membership.iter().any(|member| member.node.as_str() == node)
    };
    config.pools.iter().filter(waits).map(|pool| pool.name.as_str()).collect()
}
