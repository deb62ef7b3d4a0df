//! `tiovivo report`: tells a running server how a node is, for checks that wait for reports.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::failure;
use crate::cli::operate::{self, ServerArgs};
use crate::cli::remote::{self, Reply};

const PATH: &str = "/api/v1/push";
const STATUS: &str = "/api/v1/status";

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
    let reached = operate::reach(&args.server);
    let (at, token) = match reached.and_then(|server| Ok((server.at, server.report_token()?))) {
        Ok(reached) => reached,
        Err(code) => return code,
    };
    let pools = match &args.pool {
        Some(pool) => vec![pool.clone()],
        None => match remote::ask(at, STATUS, None) {
            Ok(Reply { status: 200, body }) => waiting(&body, &args.node),
            Ok(reply) => return operate::refused(&reply),
            Err(error) => return failure(error),
        },
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

/// The pools that have the node as a member and wait for its reports, by the server's own status:
/// it may have loaded another configuration than the file has now.
fn waiting(status: &Value, node: &str) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let is_push = |check: &Value| check["kind"] == "push";
    let waits = |member: &Value| {
        let all = || list(&member["checks"]).into_iter();
        member["node"] == node
            && (is_push(&member["check"]) || is_push(&member["deep"]) || all().any(|c| is_push(&c)))
    };
    let pools = list(&status["pools"]).into_iter();
    let waiting = pools.filter(|pool| list(&pool["members"]).iter().any(waits));
    waiting.filter_map(|pool| Some(pool["name"].as_str()?.to_owned())).collect()
}
