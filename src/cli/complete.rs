//! `tiovivo completions` and `tiovivo man`: made from the very definition of the commands.

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::{Cli, failure};

pub fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut script = vec![];
    clap_complete::generate(shell, &mut Cli::command(), "tiovivo", &mut script);
    print(&script)
}

pub fn man() -> ExitCode {
    let mut page = vec![];
    match clap_mangen::Man::new(Cli::command()).render(&mut page) {
        Ok(()) => print(&page),
        Err(error) => failure(error),
    }
}

fn print(bytes: &[u8]) -> ExitCode {
    match stdout().write_all(bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(error),
    }
}
