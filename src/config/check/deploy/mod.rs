//! `deploy:`.
//!
//! | file | checks |
//! |---|---|
//! | this one | Debian, ssh, failover, fence, database |
//! | [`application`] | `application:` |
//! | [`machines`] | the nodes and `mother_address`: what the roles need of them |
//! | [`paths`] | paths of files and folders |
//! | [`secrets`] | files that only their owner may read |
//!
//! Only the control machine has the application and its secrets. The name servers load the same
//! config.yaml without them, so it is no fault when such a file is absent or may not be opened.

pub mod application;
pub mod machines;
pub mod paths;
pub mod secrets;

use std::path::Path;

use crate::cluster::deployment::{Database, Debian, Deployment, Promotion, Ssh};
use crate::config::check::deploy::paths::file;
use crate::config::check::nodes::NodeInventory;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::deploy::{RawDatabase, RawDeploy, RawSsh};
use crate::config::raw::scalar::{Scalar, quoted};

/// Longest user name that Debian's `useradd` takes.
const MAX_USER: usize = 32;
/// Longest name of a database in MariaDB.
const MAX_DATABASE: usize = 64;
/// Most words of the fencing command.
const MAX_WORDS: usize = 64;
const SSH_PORT: u16 = 22;
const NODE: &str = "{node}";

/// `None` after a fault.
pub fn check(
    raw: &RawDeploy,
    inventory: &NodeInventory<'_>,
    folder: &Path,
    report: &mut Report<'_>,
) -> Option<Deployment> {
    let path = KeyPath::root().key("deploy");
    let mother_address = machines::check(raw, inventory, &path, report);
    let ssh = ssh(&raw.ssh, folder, &path.key("ssh"), report);
    let application = raw
        .application
        .as_ref()
        .map(|raw| application::check(raw, folder, &path.key("application"), report));
    if raw.application.is_some() && raw.database.is_none() {
        report.missing(&path, "database", "write its name: database: { name: project }");
    }
    let database = raw.database.as_ref().map(|raw| database(raw, &path.key("database"), report));
    let command =
        raw.fence.as_ref().map(|raw| fence(raw.command.as_deref(), &path.key("fence"), report));
    let promotion = promotion(raw, &path, report);
    Some(Deployment {
        debian: raw.debian.map_or(Debian::Bookworm, |debian| debian.0),
        ssh,
        mother_address: mother_address?,
        application: match application {
            Some(application) => Some(application?),
            None => None,
        },
        database: match database {
            Some(database) => Some(database?),
            None => None,
        },
        promotion,
        fence: match command {
            Some(command) => Some(command?),
            None => None,
        },
    })
}

fn ssh(raw: &RawSsh, folder: &Path, path: &KeyPath, report: &mut Report<'_>) -> Ssh {
    let user = raw.user.clone().unwrap_or_else(|| "root".to_owned());
    let starts = user.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-".contains(&c);
    if !starts || !user.bytes().all(allowed) || user.len() > MAX_USER {
        let help = format!("write small letters, digits, `_` and `-`, at most {MAX_USER}: root");
        report.error(&path.key("user"), format!("{} is no user name", quoted(&user)), help);
    }
    let key = raw.key.as_deref().and_then(|written| {
        let path = path.key("key");
        let key = file(written, folder, &path, report)?;
        secrets::check_mode(&key, written, &path, report);
        Some(key)
    });
    Ssh { user, port: raw.port.map_or(SSH_PORT, |port| port.0.0 as u16), key }
}

fn database(raw: &RawDatabase, path: &KeyPath, report: &mut Report<'_>) -> Option<Database> {
    let Some(name) = raw.name.clone() else {
        report.missing(path, "name", "write a name such as project");
        return None;
    };
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    if name.is_empty() || name.len() > MAX_DATABASE || !name.bytes().all(allowed) {
        let help = format!("write small letters, digits and `_`, at most {MAX_DATABASE}");
        report.error(
            &path.key("name"),
            format!("{} is no name of a database", quoted(&name)),
            help,
        );
        return None;
    }
    Some(Database { name })
}

fn promotion(raw: &RawDeploy, path: &KeyPath, report: &mut Report<'_>) -> Promotion {
    let promotion = raw.failover.map_or(Promotion::Manual, |Scalar(promotion)| promotion);
    let fence = path.key("fence");
    if promotion == Promotion::Automatic && raw.fence.is_none() && !report.is_faulty(&fence) {
        let message = "automatic failover without `fence` can make two mothers";
        let help = "write failover: manual, or a command that proves that a node is dead: \
                    fence: { command: [/usr/local/sbin/fence, \"{node}\"] }";
        report.error(&path.key("failover"), message, help);
    }
    promotion
}

fn fence(
    command: Option<&[String]>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Vec<String>> {
    const HELP: &str = "write its whole path first: [/usr/local/sbin/fence, \"{node}\"]";
    let Some(words) = command else {
        report.missing(path, "command", HELP);
        return None;
    };
    let path = path.key("command");
    let faults = report.faults.len();
    if report.is_faulty(&path) {
        return None;
    }
    match words.first() {
        Some(program) if program.starts_with('/') => {}
        Some(program) => report.error(&path, format!("{} is no whole path", quoted(program)), HELP),
        None => report.error(&path, "no program", HELP),
    }
    if words.len() > MAX_WORDS || words.iter().any(|word| word.contains(['\0', '\n'])) {
        let help = format!("write at most {MAX_WORDS} words of one line each");
        report.error(&path, "no command line", help);
    }
    if !words.is_empty() && !words.iter().skip(1).any(|word| word.contains(NODE)) {
        let message = "the command is not told which node it must prove dead";
        report.error(&path, message, "write {node} as one of its arguments");
    }
    (report.faults.len() == faults).then(|| words.to_vec())
}
