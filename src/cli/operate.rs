//! `tiovivo drain`, `force-up`, `force-down`, `release` and `overrides`: the operator's word to a
//! running server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use nix::sys::utsname::uname;
use nix::unistd;
use serde_json::{Value, json};

use crate::cli::columns::columns;
use crate::cli::remote::{self, Reply};
use crate::cli::{ConfigArg, EXIT_CONFIG, failure};
use crate::config::reach;

const PATH: &str = "/api/v1/operator";

/// Where the server is, and whom is meant.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// A node, a pattern (`server-*`), a tag (`tag:rack-a`) or a role (`role:child`)
    target: String,
    /// Only as members of this pool
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,
    /// Who orders it; the user and the machine when absent
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub struct OrderArgs {
    #[command(flatten)]
    whom: ReleaseArgs,
    /// Why; it is shown on the page
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// The order ends after this time: 30m, 2h, 7d
    #[arg(long = "for", value_name = "TIME")]
    lasts: Option<String>,
}

#[derive(Debug, Args)]
pub struct ServerArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Where the dashboard of the server is; `server.dashboard` when absent
    #[arg(long, value_name = "ADDR:PORT")]
    at: Option<SocketAddr>,
    /// The file with the token; `server.token_file` when absent. With this and `--at` no
    /// configuration is read
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// `order` as the API names it.
pub fn order(order: &str, args: &OrderArgs) -> ExitCode {
    let OrderArgs { whom, reason, lasts } = args;
    send(whom, json!({ "order": order, "reason": reason, "for": lasts }))
}

pub fn release(args: &ReleaseArgs) -> ExitCode {
    send(args, json!({ "order": "release" }))
}

pub fn overrides(args: &ServerArgs) -> ExitCode {
    match reach(args) {
        Ok(reached) => show(remote::ask(reached.at, PATH, None)),
        Err(code) => code,
    }
}

fn send(whom: &ReleaseArgs, mut body: Value) -> ExitCode {
    let reached = reach(&whom.server).and_then(|server| Ok((server.at, server.token()?)));
    let (at, token) = match reached {
        Ok(reached) => reached,
        Err(code) => return code,
    };
    body["target"] = json!(whom.target);
    body["pool"] = json!(whom.pool);
    body["author"] = json!(whom.author.clone().unwrap_or_else(author));
    show(remote::ask(at, PATH, Some((&body, &token))))
}

/// Where the server is, and where its tokens are.
#[derive(Debug)]
pub struct Reached {
    /// Its dashboard.
    pub at: SocketAddr,
    token_file: Option<PathBuf>,
    report_token_file: Option<PathBuf>,
}

impl Reached {
    /// Good for orders.
    pub fn token(&self) -> Result<String, ExitCode> {
        token(self.token_file.as_deref())?.ok_or_else(|| self.no_token())
    }

    /// Good for reports.
    pub fn report_token(&self) -> Result<String, ExitCode> {
        match token(self.report_token_file.as_deref())? {
            Some(token) => Ok(token),
            None => self.token(),
        }
    }

    fn no_token(&self) -> ExitCode {
        match &self.token_file {
            None => failure(
                "there is no token to give orders with; write one into a file that only its owner \
                 may read, and name it by server.token_file",
            ),
            Some(file) => failure(format!(
                "there is no {} to give orders with; write a token into it that only its owner may \
                 read",
                file.display()
            )),
        }
    }
}

/// From the arguments and what config.yaml says of it, whatever is wrong there elsewhere.
pub fn reach(args: &ServerArgs) -> Result<Reached, ExitCode> {
    if let (Some(at), Some(file)) = (args.at, &args.token_file) {
        return Ok(Reached { at, token_file: Some(file.clone()), report_token_file: None });
    }
    let read = match (reach::read(&args.config.config), args.at) {
        (Ok(read), _) => Some(read),
        (Err(_), Some(_)) => None,
        (Err(told), None) => {
            let help = "or write --at and --token-file";
            return Err(refuse(&format!("{told}, {help}")));
        }
    };
    let dashboard = read.as_ref().and_then(|read| read.dashboard);
    let Some(at) = args.at.or(dashboard) else {
        return Err(failure("the server has no dashboard to give orders to: set server.dashboard"));
    };
    let (token_file, report_token_file) = match (&args.token_file, read) {
        (Some(file), _) => (Some(file.clone()), None),
        (None, Some(read)) => (read.token_file, read.report_token_file),
        (None, None) => (None, None),
    };
    Ok(Reached { at, token_file, report_token_file })
}

fn token(file: Option<&Path>) -> Result<Option<String>, ExitCode> {
    let Some(file) = file else { return Ok(None) };
    let token = reach::token(file).map_err(|told| refuse(&told))?;
    Ok(token.map(|token| token.as_str().to_owned()))
}

fn refuse(told: &str) -> ExitCode {
    failure(told);
    ExitCode::from(EXIT_CONFIG)
}

/// `ana@ns1`.
fn author() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| format!("uid {}", unistd::getuid()));
    let host = uname().map(|name| name.nodename().to_string_lossy().into_owned());
    let host = host.unwrap_or_else(|_| "localhost".into());
    format!("{user}@{host}")
}

fn show(answered: Result<Reply, String>) -> ExitCode {
    match answered {
        Ok(Reply { status: 200, body }) => {
            print!("{}", table(&body));
            ExitCode::SUCCESS
        }
        Ok(reply) => refused(&reply),
        Err(error) => failure(error),
    }
}

/// Prints every fault that the server found.
pub fn refused(Reply { status, body }: &Reply) -> ExitCode {
    for fault in body["faults"].as_array().into_iter().flatten() {
        let [key, what, write] = ["key", "fault", "write"].map(|key| text(&fault[key]));
        let key = if key.is_empty() { key } else { format!("{key}: ") };
        eprintln!("tiovivo: {key}{what}\n  write {write}");
    }
    if *status == 422 { ExitCode::from(EXIT_CONFIG) } else { ExitCode::FAILURE }
}

fn table(body: &Value) -> String {
    let orders = body["overrides"].as_array().map(Vec::as_slice).unwrap_or_default();
    if orders.is_empty() {
        return "no order is in force\n".into();
    }
    let head = ["ORDER", "TARGET", "POOL", "NODES", "SINCE", "UNTIL", "BY", "REASON"];
    let mut rows = vec![head.map(String::from)];
    for order in orders {
        let nodes: Vec<String> =
            order["nodes"].as_array().into_iter().flatten().map(text).collect();
        let nodes = if nodes.is_empty() { "nobody now".to_owned() } else { nodes.join(" ") };
        let [word, target, pool, since, until, author, reason] =
            ["order", "target", "pool", "since", "until", "author", "reason"]
                .map(|key| text(&order[key]));
        let or = |text: String, other: &str| if text.is_empty() { other.into() } else { text };
        rows.push([
            word,
            target,
            or(pool, "all"),
            nodes,
            since,
            or(until, "released"),
            author,
            reason,
        ]);
    }
    columns(&rows)
}

/// Empty for what is no text. A control character would be an order to the terminal.
fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.chars().filter(|char| !char.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_stand_in_a_table() {
        assert_eq!(table(&json!({ "overrides": [] })), "no order is in force\n");
        let order = json!({ "order": "drain", "target": "server-*", "pool": null, "nodes": ["a"],
            "since": "2026-03-01T10:02:11Z", "until": null, "author": "ana",
            "reason": "x\u{1b}y" });
        let text = table(&json!({ "overrides": [order] }));
        let cells: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        let at = "2026-03-01T10:02:11Z";
        assert_eq!(cells, ["drain", "server-*", "all", "a", at, "released", "ana", "xy"]);
    }
}
