//! `server:`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::config::Server;
use crate::config::check::encrypted;
use crate::config::check::report::Report;
use crate::config::cookie::{self, Secret};
use crate::config::key_path::KeyPath;
use crate::config::raw::RawServer;
use crate::config::raw::scalar::quoted;
use crate::config::token::{self, BearerToken};

/// Longest NSID, in octets: it shares 1232 octets with the answer.
pub const MAX_NSID: usize = 255;
/// Longest version, in octets: one string of a TXT record.
pub const MAX_VERSION: usize = 255;
/// Most addresses to listen on; each has its own threads.
pub const MAX_LISTEN: usize = 64;

pub const DNS_PORT: u16 = 53;
pub const DASHBOARD: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8053);
/// The default answer has no version number, which would help to find servers with a known fault.
const VERSION: &str = "tiovivo";
const STATE: &str = "state";

pub fn check(raw: &RawServer, folder: &Path, report: &mut Report<'_>) -> Server {
    let path = KeyPath::root().key("server");
    let listen = listen(raw, &path, report);
    let dashboard = dashboard(raw, &listen, &path, report);
    let nsid = raw.nsid.clone();
    if let Some(nsid) = nsid.as_deref().filter(|nsid| nsid.is_empty() || nsid.len() > MAX_NSID) {
        let message = format!("{} octets are no NSID", nsid.len());
        report.error(&path.key("nsid"), message, format!("write 1 to {MAX_NSID}, such as ns1"));
    }
    let (cookie_secret_file, secrets) = cookies(raw, folder, &path, report).unzip();
    let mut token_of = |written: &Option<String>, key| {
        let written = written.as_deref()?;
        Some(token_file(written, folder, &path.key(key), report))
    };
    let (token_file, token) = token_of(&raw.token_file, "token_file").unzip();
    let (report_token_file, reporters) =
        token_of(&raw.report_token_file, "report_token_file").unzip();
    let encrypted = encrypted::check(raw, &listen, dashboard, &path, report);
    Server {
        listen,
        dashboard,
        encrypted,
        controls: vec![],
        state: state(raw, folder, &path, report),
        token_file,
        token: token.flatten(),
        report_token_file,
        report_token: reporters.flatten(),
        workers: raw.workers.map(|workers| workers.0.0 as usize),
        pin: raw.pin.is_some_and(|pin| pin.0.0),
        nsid,
        version: version(raw, &path, report),
        cookie_secret_file,
        cookie_secrets: secrets.unwrap_or_else(cookie::of_process),
    }
}

fn listen(raw: &RawServer, path: &KeyPath, report: &mut Report<'_>) -> Vec<SocketAddr> {
    let Some(written) = &raw.listen else {
        return vec![
            (Ipv4Addr::UNSPECIFIED, DNS_PORT).into(),
            (Ipv6Addr::UNSPECIFIED, DNS_PORT).into(),
        ];
    };
    let path = path.key("listen");
    let listen: Vec<SocketAddr> = written.iter().map(|address| address.0).collect();
    if listen.is_empty() && !report.has_items(&path) {
        report.error(&path, "nothing to listen on", "write at least one address: [0.0.0.0:53]");
    }
    if listen.len() > MAX_LISTEN {
        let help = format!("write at most {MAX_LISTEN}, or a wildcard address");
        report.error(&path, format!("{} addresses to listen on", listen.len()), help);
        return listen;
    }
    for (index, address) in listen.iter().enumerate() {
        // Port 0 is another port each time.
        let first = listen.iter().take(index).position(|earlier| earlier == address);
        if let Some(first) = first.filter(|_| address.port() != 0) {
            let first = path.index(first);
            let message = format!("`{address}` is in the list already");
            report.clash(&path.index(index), message, "remove it", (&first, "the first one"));
        }
    }
    listen
}

fn dashboard(
    raw: &RawServer,
    listen: &[SocketAddr],
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<SocketAddr> {
    let address = match raw.dashboard {
        Some(written) => written.0.0?,
        None => DASHBOARD,
    };
    let path = path.key("dashboard");
    if address.port() != 0 && listen.contains(&address) {
        let message = format!("`{address}` answers DNS over TCP already");
        report.error(&path, message, "write another port, or off");
    }
    if !address.ip().to_canonical().is_loopback() {
        let message = "anyone who reaches this address may read the dashboard: it asks for no \
                       password";
        let help = "write a loopback address such as 127.0.0.1:8053, or keep it behind a firewall";
        report.warning(&path, message, help);
    }
    Some(address)
}

fn state(raw: &RawServer, folder: &Path, path: &KeyPath, report: &mut Report<'_>) -> PathBuf {
    let written = raw.state.as_deref().unwrap_or(STATE);
    let state = folder.join(written);
    if written.is_empty() {
        report.error(&path.key("state"), "an empty path", "write a folder, such as state");
    } else if state.exists() && !state.is_dir() {
        let message = format!("{} is no folder", quoted(written));
        report.error(&path.key("state"), message, "write the path of a folder");
    }
    state
}

/// The path of the file, and its token. A missing file is no fault: then no such request is
/// accepted.
fn token_file(
    written: &str,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> (PathBuf, Option<BearerToken>) {
    if written.is_empty() {
        report.error(path, "an empty path", "write a file, such as state/token");
    }
    let file = folder.join(written);
    let token = token::read(&file).unwrap_or_else(|problem| {
        let message = format!("{} {}", quoted(written), problem.message);
        report.error(path, message, problem.help.unwrap_or_default());
        None
    });
    (file, token)
}

fn version(raw: &RawServer, path: &KeyPath, report: &mut Report<'_>) -> Option<String> {
    let version = raw.version.as_deref().unwrap_or(VERSION);
    if version.is_empty() || version.len() > MAX_VERSION {
        let message = format!("{} octets are no version", version.len());
        let help = format!("write 1 to {MAX_VERSION}, or off");
        report.error(&path.key("version"), message, help);
    }
    (version != "off").then(|| version.to_owned())
}

/// The path of the file, and its secrets. A missing file is only a warning, as the configuration is
/// also checked on machines that must not have the secret.
fn cookies(
    raw: &RawServer,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<(PathBuf, Vec<Secret>)> {
    let written = raw.cookie_secret_file.as_deref()?;
    let path = path.key("cookie_secret_file");
    if written.is_empty() {
        report.error(&path, "an empty path", "write a file, such as state/cookies");
        return None;
    }
    let file = folder.join(written);
    let secrets = match cookie::read(&file) {
        Ok(Some(secrets)) => secrets,
        Ok(None) => {
            let message =
                format!("there is no {}: no other server knows our cookies", quoted(written));
            let help = format!("run `(umask 077; openssl rand -hex 16 > {})`", file.display());
            report.warning(&path, message, help);
            cookie::of_process()
        }
        Err(problem) => {
            let message = format!("{} {}", quoted(written), problem.message);
            report.error(&path, message, problem.help.unwrap_or_default());
            return None;
        }
    };
    Some((file, secrets))
}
