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
use crate::cli::{ConfigArg, EXIT_CONFIG, EXIT_WITHOUT_EFFECT, failure, output, refuse};
use crate::cluster::visible::visible_line;
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
                "there is no token to give orders with: server.token_file names no file; write \
                 `token_file: token` there, and make it: tiovivo token new",
            ),
            Some(file) => {
                let file = file.display();
                failure(format!(
                    "the file {file} named by server.token_file does not exist; make it: tiovivo \
                     token new {file}"
                ))
            }
        }
    }
}

/// From the arguments and what config.yaml says of it, whatever is wrong there elsewhere.
pub fn reach(args: &ServerArgs) -> Result<Reached, ExitCode> {
    if let (Some(at), Some(file)) = (args.at, &args.token_file) {
        return Ok(Reached { at, token_file: Some(file.clone()), report_token_file: None });
    }
    let path = match args.at {
        Some(_) => args.config.find(),
        None => Some(args.config.path()?),
    };
    let read = match (path.map(|path| reach::read(&path)), args.at) {
        (Some(Ok(read)), _) => Some(read),
        (Some(Err(told)), None) => {
            return Err(refuse(&format!("{told}, or write --at and --token-file")));
        }
        (Some(Err(_)) | None, _) => None,
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
            let (told, code) = effect(&body);
            output::print(&(table(&body) + &told), code)
        }
        Ok(reply) => refused(&reply),
        Err(error) => failure(error),
    }
}

/// What the order does to each member that it means, and the exit code that follows.
fn effect(body: &Value) -> (String, ExitCode) {
    let mut told = String::new();
    let mut code = ExitCode::SUCCESS;
    for member in body["members"].as_array().into_iter().flatten() {
        let [node, pool, state, until, why] =
            ["node", "pool", "state", "held_until", "why"].map(|key| text(&member[key]));
        let is_answered = member["in_answers"].as_bool().unwrap_or_default();
        let line = match (state.as_str(), is_answered) {
            ("forced up", true) => format!("{node} is answered in pool {pool}"),
            ("forced up", false) => format!("{node} is not answered in pool {pool}: {why}"),
            (_, true) => {
                code = ExitCode::from(EXIT_WITHOUT_EFFECT);
                format!("{node} is still answered in pool {pool}: {why}")
            }
            (_, false) if until.is_empty() => format!("{node} is out of the answers of {pool}"),
            (_, false) => format!(
                "{node} is out of the answers of {pool}; resolvers may send clients until {until}"
            ),
        };
        told.push_str(&(line + "\n"));
    }
    (told, code)
}

/// Prints every fault that the server found.
pub fn refused(Reply { status, body }: &Reply) -> ExitCode {
    for fault in body["faults"].as_array().into_iter().flatten() {
        let [key, what, write] = ["key", "fault", "write"].map(|key| text(&fault[key]));
        let key = if key.is_empty() { key } else { format!("{key}: ") };
        output::tell(&format!("tiovivo: {key}{what}\n  write {write}\n"));
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
    visible_line(value.as_str().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effect_of_an_order_is_told_and_its_lack_has_an_exit_code() {
        let member = |in_answers, state, until: Option<&str>| {
            json!({ "members": [{ "node": "a", "pool": "web", "in_answers": in_answers,
                "state": state, "held_until": until, "why": "w" }] })
        };
        let done = format!("{:?}", ExitCode::SUCCESS);
        let told = |body| {
            let (told, code) = effect(&body);
            (told, format!("{code:?}") == done)
        };
        let at = "2026-03-01T10:02:11Z";
        let until =
            format!("a is out of the answers of web; resolvers may send clients until {at}\n");
        assert_eq!(told(member(false, "draining", Some(at))), (until, true));
        let out = "a is out of the answers of web\n".to_owned();
        assert_eq!(told(member(false, "forced down", None)), (out, true));
        let still = "a is still answered in pool web: w\n".to_owned();
        assert_eq!(told(member(true, "drained", Some(at))), (still, false));
        assert!(told(member(false, "forced up", None)).1);
        assert_eq!(told(json!({ "overrides": [] })), (String::new(), true));
    }

    #[test]
    fn orders_stand_in_a_table() {
        assert_eq!(table(&json!({ "overrides": [] })), "no order is in force\n");
        let order = json!({ "order": "drain", "target": "server-*", "pool": null, "nodes": ["a"],
            "since": "2026-03-01T10:02:11Z", "until": null, "author": "ana",
            "reason": "x\u{1b}y" });
        let text = table(&json!({ "overrides": [order] }));
        let cells: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        let at = "2026-03-01T10:02:11Z";
        assert_eq!(cells, ["drain", "server-*", "all", "a", at, "released", "ana", "x\\u{1b}y"]);
    }
}
