//! `tiovivo token new`: writes a random token into a file that only its owner may read.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use data_encoding::BASE64URL_NOPAD;
use ring::rand::{SecureRandom, SystemRandom};
use tempfile::Builder;

use crate::cli::config_arg::ConfigArg;
use crate::cli::output::{failure, refuse};
use crate::cli::{faults, output};
use crate::config;

/// Random octets in a token: as many as in a key of AES-256.
const CHANCE: usize = 32;

#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Write a new token into a file that only its owner may read
    New(NewArgs),
}

#[derive(Debug, Args)]
pub struct NewArgs {
    /// The file; the one that server.token_file names when absent
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Put the new token in the place of the one that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    config: ConfigArg,
}

pub fn run(args: &TokenArgs) -> ExitCode {
    let TokenCommand::New(args) = &args.command;
    let file = match &args.file {
        Some(file) => file.clone(),
        None => match configured(&args.config) {
            Ok(file) => file,
            Err(code) => return code,
        },
    };
    let shown = file.display();
    match new().and_then(|token| write(&file, &token, args.force)) {
        Ok(()) => {
            let text = format!("{shown} has a new token, which only its owner may read\n");
            output::print(&text, ExitCode::SUCCESS)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => failure(format!(
            "{shown} is there already; --force puts a new token in its place, and the old one is \
             good for nothing then"
        )),
        Err(error) => failure(format!("{shown}: {error}")),
    }
}

fn configured(config: &ConfigArg) -> Result<PathBuf, ExitCode> {
    let path = config.path()?;
    let loaded = config::load::load(&path).map_err(|found| faults::refuse(&found))?;
    loaded.config.server.token_file.ok_or_else(|| {
        refuse("server.token_file names no file; write `token_file: token` there, or name a file")
    })
}

/// A random token: a line of letters, digits, `-` and `_`.
pub fn new() -> io::Result<String> {
    let mut chance = [0; CHANCE];
    let filled = SystemRandom::new().fill(&mut chance);
    filled.map_err(|_| io::Error::other("the system has no random numbers"))?;
    Ok(BASE64URL_NOPAD.encode(&chance) + "\n")
}

/// Writes the file in one step. Only its owner can ever read it. Without `force`, a file that
/// already exists is an error.
pub fn write(file: &Path, token: &str, force: bool) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Temporary files are created with mode 600.
    let mut aside = Builder::new().prefix(".tiovivo-").tempfile_in(folder)?;
    aside.write_all(token.as_bytes())?;
    aside.as_file().sync_all()?;
    match force {
        true => aside.persist(file)?,
        false => aside.persist_noclobber(file)?,
    };
    Ok(())
}
