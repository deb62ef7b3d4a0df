//! `exec:` of a check, as it is written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, absolute};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::checked::Probe;
use crate::checks::exec::checked::ExecProbe;
use crate::checks::raw::RawCheckKind;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::quoted;

const MAX_WORDS: usize = 64;
/// Octets of a word.
const MAX_WORD: usize = 4096;

/// Up when a command exits with 0. The first line of its output is the reason that is shown.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `command`")]
#[schemars(rename = "exec", extend("required" = ["command"]))]
pub struct RawExec {
    /// A program and its arguments; no shell reads them.
    #[schemars(length(min = 1))]
    pub command: Option<Vec<String>>,
}

impl RawCheckKind for RawExec {
    fn check(&self, folder: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
        probe(self, folder, path, report).map(Probe::Exec)
    }
}

fn probe(
    raw: &RawExec,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<ExecProbe> {
    let help = "write the path of a program and its arguments: [/usr/local/bin/probe, --quick]";
    let Some(words) = &raw.command else {
        report.missing(path, "command", help);
        return None;
    };
    let path = path.key("command");
    let Some((program, arguments)) = words.split_first() else {
        if !report.has_items(&path) {
            report.error(&path, "nothing to run", help);
        }
        return None;
    };
    let before = report.faults.len();
    if words.len() > MAX_WORDS {
        let message = format!("{} words", words.len());
        report.error(&path, message, format!("write at most {MAX_WORDS}, or a script of your own"));
    }
    if let Some(at) = words.iter().position(|word| word.len() > MAX_WORD || word.contains('\0')) {
        let help = format!("write at most {MAX_WORD} octets, none of them NUL");
        report.error(&path.index(at), "a word that no command can be given", help);
    }
    if !program.contains('/') {
        let message = format!("{} is looked for nowhere", quoted(program));
        report.error(&path.index(0), message, "write the program with its path");
    }
    if report.faults.len() > before {
        return None;
    }
    // The command runs in another folder.
    let program = absolute(folder.join(program)).ok()?;
    if let Some(fault) = fault_of(&program) {
        let message = format!("{}: {fault}", program.display());
        report.warning(&path.index(0), message, "the probe counts for nothing until it can run");
    }
    let program = program.into_os_string().into_string().ok()?;
    let command = [program].into_iter().chain(arguments.iter().cloned()).collect();
    Some(ExecProbe { command })
}

/// What keeps the program from running on this machine; the name server may be another one.
fn fault_of(program: &Path) -> Option<&'static str> {
    match fs::metadata(program) {
        Err(_) => Some("there is no such program here"),
        Ok(found) if !found.is_file() => Some("this is no program"),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Some("this may not be executed"),
        Ok(_) => None,
    }
}
