//! `hooks:`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cluster::hook::{Action, Hook, HookSecret, Scope};
use crate::cluster::trust::Trust;
use crate::config::check::nodes;
use crate::config::check::report::Report;
use crate::config::check::tls_keys;
use crate::config::key_path::KeyPath;
use crate::config::raw::RawPool;
use crate::config::raw::hook::{RawHook, RawWebhook};
use crate::config::raw::scalar::{Scalar, quoted};
use crate::config::raw::table::Table;
use crate::config::token;

/// Most hooks: each has a queue and a task.
pub const MAX_HOOKS: usize = 32;
/// Most words of a command.
pub const MAX_WORDS: usize = 64;
/// Longest URL, in octets.
pub const MAX_URL: usize = 2048;

const SHORTEST: Duration = Duration::from_millis(10);
const TIMEOUT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The hooks, and the files of their secrets.
pub fn check(
    raw: &[RawHook],
    pools: &Table<RawPool>,
    folder: &Path,
    report: &mut Report<'_>,
) -> (Vec<Hook>, Vec<PathBuf>) {
    let path = KeyPath::root().key("hooks");
    if raw.len() > MAX_HOOKS {
        report.error(&path, format!("{} hooks", raw.len()), format!("write at most {MAX_HOOKS}"));
        return (vec![], vec![]);
    }
    let (mut hooks, mut files) = (vec![], vec![]);
    for (index, written) in raw.iter().enumerate() {
        let path = path.index(index);
        let first = raw.iter().take(index).position(|earlier| earlier.name == written.name);
        if let (Some(first), Some(name)) = (first, &written.name) {
            let first = KeyPath::root().key("hooks").index(first);
            let message = format!("there is a hook {} already", quoted(name));
            report.clash(&path.key("name"), message, "write another name", (&first, "this one"));
        }
        check_pools(written, pools, &path, report);
        hooks.extend(hook(written, folder, &path, &mut files, report));
    }
    (hooks, files)
}

fn hook(
    raw: &RawHook,
    folder: &Path,
    path: &KeyPath,
    files: &mut Vec<PathBuf>,
    report: &mut Report<'_>,
) -> Option<Hook> {
    match &raw.name {
        Some(name) => nodes::check_name("hook", name, &path.key("name"), report),
        None => report.missing(path, "name", "write a word for log and metrics: name: pager"),
    }
    let on = match &raw.on {
        Some(on) => on.iter().map(|scope| scope.0).collect(),
        None => vec![Scope::Node, Scope::Pool],
    };
    if on.is_empty() && !report.has_items(&path.key("on")) {
        report.error(&path.key("on"), "nothing to tell of", "write [node], [pool] or both");
    }
    let timeout = bounded(raw.timeout, TIMEOUT, &path.key("timeout"), report);
    let retry = bounded(raw.retry, RETRY, &path.key("retry"), report);
    let action = action(raw, folder, path, files, report)?;
    let (name, pools) = (raw.name.clone()?, raw.pools.clone().unwrap_or_default());
    Some(Hook { name, action, on, pools, timeout, retry })
}

fn check_pools(raw: &RawHook, pools: &Table<RawPool>, path: &KeyPath, report: &mut Report<'_>) {
    let Some(written) = &raw.pools else { return };
    let path = path.key("pools");
    if written.is_empty() && !report.has_items(&path) {
        report.error(&path, "no pool", "write the names of pools, or leave the key out for all");
    }
    for (index, name) in written.iter().enumerate() {
        if !pools.0.iter().any(|(known, _)| known == name) {
            let meant = report.meant(name, pools.0.iter().map(|(known, _)| known.as_str()));
            let message = format!("there is no pool {}", quoted(name));
            report.error(&path.index(index), message, format!("{meant}write a key of `pools`"));
        }
    }
}

fn bounded(
    written: Option<Scalar<Duration>>,
    (default, longest): (Duration, Duration),
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Duration {
    let duration = written.map_or(default, |written| written.0);
    if !(SHORTEST..=longest).contains(&duration) {
        let help = format!("write {SHORTEST:?} to {}s", longest.as_secs());
        report.error(path, format!("{duration:?} is out of range"), help);
    }
    duration
}

fn action(
    raw: &RawHook,
    folder: &Path,
    path: &KeyPath,
    files: &mut Vec<PathBuf>,
    report: &mut Report<'_>,
) -> Option<Action> {
    match (&raw.webhook, &raw.command) {
        (Some(webhook), None) => {
            webhook_action(webhook, folder, &path.key("webhook"), files, report)
        }
        (None, Some(words)) => {
            let path = path.key("command");
            let is_told = report.is_faulty(&path);
            if words.first().is_none_or(String::is_empty) && !is_told {
                report.error(&path, "no program", "write its path first: [/usr/bin/logger, -i]");
            } else if words.len() > MAX_WORDS || words.iter().any(|word| word.contains('\0')) {
                let help = format!("write at most {MAX_WORDS} words of text");
                report.error(&path, "no command line", help);
            }
            Some(Action::Command(words.clone()))
        }
        (Some(_), Some(_)) => {
            report.error(path, "`webhook` and `command` in one", "write two hooks");
            None
        }
        (None, None) => {
            if !report.is_faulty(&path.key("webhook")) && !report.is_faulty(&path.key("command")) {
                let help = "write webhook: { url: … } or command: [ … ]";
                report.error(path, "nobody to tell", help);
            }
            None
        }
    }
}

fn webhook_action(
    raw: &RawWebhook,
    folder: &Path,
    path: &KeyPath,
    files: &mut Vec<PathBuf>,
    report: &mut Report<'_>,
) -> Option<Action> {
    let secret = match &raw.secret_file {
        Some(written) => secret(written, folder, &path.key("secret_file"), files, report),
        None => None,
    };
    let Some(url) = raw.url.clone() else {
        report.missing(path, "url", "write where the POST goes: https://example.org/hook");
        return None;
    };
    if url.len() > MAX_URL || !is_http(&url) {
        // Not shown, as it may contain a secret.
        let message = "no URL that a POST can be sent to";
        report.error(&path.key("url"), message, "write http://… or https://… with a host");
    }
    let trust = match &raw.ca_file {
        Some(written) => authorities(written, &url, folder, path, files, report)?,
        None => Trust::Public,
    };
    Some(Action::Webhook { url, secret, trust })
}

fn authorities(
    written: &str,
    url: &str,
    folder: &Path,
    path: &KeyPath,
    files: &mut Vec<PathBuf>,
    report: &mut Report<'_>,
) -> Option<Trust> {
    if !url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
        let help = "write an https URL, or take `ca_file` out";
        report.error(&path.key("ca_file"), "nothing is verified by these authorities", help);
        return None;
    }
    let file = folder.join(written);
    files.push(file.clone());
    tls_keys::authorities(&file, path, report).map(Trust::Authorities)
}

fn is_http(url: &str) -> bool {
    let uri: Result<http::Uri, _> = url.parse();
    uri.is_ok_and(|uri| {
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        scheme && uri.host().is_some_and(|host| !host.is_empty())
    })
}

fn secret(
    written: &str,
    folder: &Path,
    path: &KeyPath,
    files: &mut Vec<PathBuf>,
    report: &mut Report<'_>,
) -> Option<HookSecret> {
    let file = folder.join(written);
    let read = token::read(&file);
    let help = format!("run `(umask 077; openssl rand -hex 32 > {})`", file.display());
    files.push(file);
    match read {
        Ok(Some(token)) => Some(HookSecret(token.as_str().as_bytes().into())),
        Ok(None) => {
            report.error(path, format!("there is no {}", quoted(written)), help);
            None
        }
        Err(problem) => {
            let message = format!("{} {}", quoted(written), problem.message);
            report.error(path, message, problem.help.unwrap_or_default());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_scheme_and_host() {
        for good in ["http://127.0.0.1:8080/x?y=1", "https://example.org", "http://[::1]/"] {
            assert!(is_http(good), "{good}");
        }
        for bad in ["example.org/hook", "ftp://example.org/", "http://", "http:///x", "http://a b/"]
        {
            assert!(!is_http(bad), "{bad}");
        }
    }
}
