//! `tiovivo completions` and `tiovivo man`, made from the definition of the commands.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};

use crate::cli::output;
use crate::cli::output::failure;

#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write the page, and one for each command, into this folder instead
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

/// Prints the completion script for a shell.
pub fn completions(mut command: Command, shell: clap_complete::Shell) -> ExitCode {
    let mut script = vec![];
    clap_complete::generate(shell, &mut command, "tiovivo", &mut script);
    print(&script)
}

/// Prints the manual page, or writes the pages of all commands into a folder.
pub fn man(command: Command, args: &ManArgs) -> ExitCode {
    // The subcommand `help` of each command needs no page.
    let command = command.disable_help_subcommand(true);
    if let Some(folder) = &args.to {
        return match clap_mangen::generate_to(command, folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(format!("{}: {error}", folder.display())),
        };
    }
    let mut page = vec![];
    match clap_mangen::Man::new(command).render(&mut page) {
        Ok(()) => print(&page),
        Err(error) => failure(error),
    }
}

fn print(script: &[u8]) -> ExitCode {
    output::print(&String::from_utf8_lossy(script), ExitCode::SUCCESS)
}
