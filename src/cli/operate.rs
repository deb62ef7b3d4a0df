//! `tiovivo drain`, `force-up`, `force-down`, `release` and `overrides`: overrides of a running
//! server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use nix::sys::utsname::uname;
use nix::unistd;
use serde_json::{Value, json};

use crate::cli::columns::columns;
use crate::cli::config_arg::ConfigArg;
use crate::cli::exit::{EXIT_CONFIG, EXIT_WITHOUT_EFFECT};
use crate::cli::output;
use crate::cli::output::{failure, refuse};
use crate::cli::remote::{self, ApiReply};
use crate::cluster::visible::visible_line;
use crate::config::reach;
use crate::control::request::RequestFault;
use crate::control::status::{OverrideEffect, OverrideStatus};
use crate::http::replies::{FaultsReply, OverridesReply};

const PATH: &str = "/api/v1/operator";

/// The target of an override, and the server.
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

/// Sends an override; `order` is its kind, as the API names it.
pub fn order(order: &str, args: &OrderArgs) -> ExitCode {
    let OrderArgs { whom, reason, lasts } = args;
    send(whom, json!({ "order": order, "reason": reason, "for": lasts }))
}

/// Releases an override.
pub fn release(args: &ReleaseArgs) -> ExitCode {
    send(args, json!({ "order": "release" }))
}

/// Prints the overrides in force.
pub fn overrides(args: &ServerArgs) -> ExitCode {
    match reach(args) {
        Ok(access) => show(remote::ask(access.at, PATH, None)),
        Err(code) => code,
    }
}

fn send(whom: &ReleaseArgs, mut body: Value) -> ExitCode {
    let access = reach(&whom.server).and_then(|server| Ok((server.at, server.token()?)));
    let (at, token) = match access {
        Ok(access) => access,
        Err(code) => return code,
    };
    body["target"] = json!(whom.target);
    body["pool"] = json!(whom.pool);
    body["author"] = json!(whom.author.clone().unwrap_or_else(author));
    show(remote::ask(at, PATH, Some((&body, &token))))
}

/// The address of a server's dashboard, and its token files.
#[derive(Debug)]
pub struct ServerAccess {
    pub at: SocketAddr,
    token_file: Option<PathBuf>,
    report_token_file: Option<PathBuf>,
}

impl ServerAccess {
    /// The token for overrides.
    pub fn token(&self) -> Result<String, ExitCode> {
        token(self.token_file.as_deref())?.ok_or_else(|| self.no_token())
    }

    /// The token for reports; without one, the token for overrides.
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

/// Finds the server by the arguments and by config.yaml, in which other faults do not matter.
pub fn reach(args: &ServerArgs) -> Result<ServerAccess, ExitCode> {
    if let (Some(at), Some(file)) = (args.at, &args.token_file) {
        return Ok(ServerAccess { at, token_file: Some(file.clone()), report_token_file: None });
    }
    let path = match args.at {
        Some(_) => args.config.find(),
        None => Some(args.config.path()?),
    };
    let read = match (path.map(|path| reach::read(&path)), args.at) {
        (Some(Ok(read)), _) => Some(read),
        (Some(Err(error)), None) => {
            return Err(refuse(&format!("{error}, or write --at and --token-file")));
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
    Ok(ServerAccess { at, token_file, report_token_file })
}

fn token(file: Option<&Path>) -> Result<Option<String>, ExitCode> {
    let Some(file) = file else { return Ok(None) };
    let token = reach::token(file).map_err(|error| refuse(&error))?;
    Ok(token.map(|token| token.as_str().to_owned()))
}

/// The default author of an override: `ana@ns1`.
fn author() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| format!("uid {}", unistd::getuid()));
    let host = uname().map(|name| name.nodename().to_string_lossy().into_owned());
    let host = host.unwrap_or_else(|_| "localhost".into());
    format!("{user}@{host}")
}

fn show(answered: Result<ApiReply, String>) -> ExitCode {
    match answered {
        Ok(reply) if reply.status == 200 => match reply.read::<Overrides>() {
            Ok(overrides) => {
                let (lines, code) = effect(&overrides);
                output::print(&(table(&overrides) + &lines), code)
            }
            Err(error) => failure(error),
        },
        Ok(reply) => refused(&reply),
        Err(error) => failure(error),
    }
}

type Overrides = OverridesReply<Vec<OverrideStatus<String>>, Vec<OverrideEffect<String>>>;

/// A line about each member of the override, and the exit code.
fn effect(reply: &Overrides) -> (String, ExitCode) {
    let mut lines = String::new();
    let mut code = ExitCode::SUCCESS;
    for effect in reply.members.iter().flatten() {
        let [node, pool, why] = [&effect.node, &effect.pool, &effect.why].map(|t| visible_line(t));
        let line = match (effect.state.as_str(), effect.in_answers, &effect.held_until) {
            ("forced up", true, _) => format!("{node} is answered in pool {pool}"),
            ("forced up", false, _) => format!("{node} is not answered in pool {pool}: {why}"),
            (_, true, _) => {
                code = ExitCode::from(EXIT_WITHOUT_EFFECT);
                format!("{node} is still answered in pool {pool}: {why}")
            }
            (_, false, None) => format!("{node} is out of the answers of {pool}"),
            (_, false, Some(until)) => format!(
                "{node} is out of the answers of {pool}; resolvers may send clients until {}",
                visible_line(until)
            ),
        };
        lines.push_str(&(line + "\n"));
    }
    (lines, code)
}

/// Prints the faults that the server reports.
pub fn refused(reply: &ApiReply) -> ExitCode {
    let faults = match reply.read::<FaultsReply<Vec<RequestFault<String>>>>() {
        Ok(reply) => reply.faults,
        Err(error) => return failure(error),
    };
    for RequestFault { key, fault, write } in &faults {
        let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
        let [key, fault, write] = [&key, fault, write].map(|text| visible_line(text));
        output::tell(&format!("tiovivo: {key}{fault}\n  write {write}\n"));
    }
    if reply.status == 422 { ExitCode::from(EXIT_CONFIG) } else { ExitCode::FAILURE }
}

fn table(reply: &Overrides) -> String {
    if reply.overrides.is_empty() {
        return "no order is in force\n".into();
    }
    let head = ["ORDER", "TARGET", "POOL", "NODES", "SINCE", "UNTIL", "BY", "REASON"];
    let mut rows = vec![head.map(String::from)];
    for status in &reply.overrides {
        let nodes = match status.nodes.as_slice() {
            [] => "nobody now".to_owned(),
            nodes => nodes.join(" "),
        };
        let cells: [&str; 8] = [
            &status.order,
            &status.target,
            status.pool.as_deref().unwrap_or("all"),
            &nodes,
            &status.since,
            status.until.as_deref().unwrap_or("released"),
            &status.author,
            &status.reason,
        ];
        rows.push(cells.map(|cell| visible_line(cell).into_owned()));
    }
    columns(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Overrides {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn the_effect_of_an_order_is_told_and_its_lack_has_an_exit_code() {
        let member = |in_answers, state, until: Option<&str>| {
            json!({ "overrides": [], "members": [{ "node": "a", "pool": "web",
                "in_answers": in_answers, "state": state, "held_until": until, "why": "w" }] })
        };
        let done = format!("{:?}", ExitCode::SUCCESS);
        let shown = |body| {
            let (lines, code) = effect(&read(body));
            (lines, format!("{code:?}") == done)
        };
        let at = "2026-03-01T10:02:11Z";
        let until =
            format!("a is out of the answers of web; resolvers may send clients until {at}\n");
        assert_eq!(shown(member(false, "draining", Some(at))), (until, true));
        let out = "a is out of the answers of web\n".to_owned();
        assert_eq!(shown(member(false, "forced down", None)), (out, true));
        let still = "a is still answered in pool web: w\n".to_owned();
        assert_eq!(shown(member(true, "drained", Some(at))), (still, false));
        assert!(shown(member(false, "forced up", None)).1);
        assert_eq!(shown(json!({ "overrides": [] })), (String::new(), true));
    }

    #[test]
    fn orders_stand_in_a_table() {
        assert_eq!(table(&read(json!({ "overrides": [] }))), "no order is in force\n");
        let order = json!({ "order": "drain", "target": "server-*", "pool": null, "nodes": ["a"],
            "since": "2026-03-01T10:02:11Z", "until": null, "author": "ana",
            "reason": "x\u{1b}y" });
        let text = table(&read(json!({ "overrides": [order] })));
        let cells: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        let at = "2026-03-01T10:02:11Z";
        assert_eq!(cells, ["drain", "server-*", "all", "a", at, "released", "ana", "x\\u{1b}y"]);
    }
}
