//! `tiovivo report`: tells a running server how a node is, for checks that wait for reports.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::operate::{self, ServerArgs};
use crate::cli::{failure, output, remote};

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
    let reached = operate::reach(&args.server);
    let (at, token) = match reached.and_then(|server| Ok((server.at, server.report_token()?))) {
        Ok(reached) => reached,
        Err(code) => return code,
    };
    let healthy = args.state == Reported::Up;
    let ReportArgs { node, pool, reason, check, weight, .. } = args;
    let body = json!({ "healthy": healthy, "reason": reason, "check": check, "weight": weight });
    let path = match pool {
        Some(pool) => format!("{PATH}/{pool}/{node}"),
        None => format!("{PATH}/{node}"),
    };
    match remote::ask(at, &path, Some((&body, &token))) {
        Ok(reply) if reply.status == 202 => output::print(&taken(&reply.body), ExitCode::SUCCESS),
        Ok(reply) => operate::refused(&reply),
        Err(error) => failure(error),
    }
}

/// Nothing, when all pools that wait for reports of the node took it.
fn taken(body: &Value) -> String {
    let names = |key: &str| {
        let names = body[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        names.collect::<Vec<_>>().join(", ")
    };
    match names("others") {
        others if others.is_empty() => String::new(),
        others => format!(
            "taken in {}; not in {others}, which has no check of that name\n",
            names("pools")
        ),
    }
}
