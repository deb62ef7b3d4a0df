//! Writes to standard output and standard error, for every command.
//!
//! `println!` panics when the reader of a pipe has gone. That is no failure here: the reader of
//! `tiovivo check | head -1` has what it wants, and the exit code still gives the result.
//!
//! Text from outside may hold control sequences for a terminal, so all that is printed passes
//! [`visible`].

use std::fmt::Display;
use std::io::{self, Write, stdout};
use std::process::ExitCode;

use crate::cli::exit::EXIT_CONFIG;
use crate::cli::logging;
use crate::cluster::visible::visible;

/// Prints `text` and returns `code`, or the exit code of a failure when the text cannot be written.
pub fn print(text: &str, code: ExitCode) -> ExitCode {
    match write(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            failure(format!("standard output: {error}"))
        }
        _ => code,
    }
}

/// Writes to standard output and flushes.
pub fn write(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(visible(text).as_bytes())?;
    out.flush()
}

/// Writes to standard error through the log's queue, so it never waits for a reader.
pub fn tell(text: &str) {
    logging::say(&visible(text));
}

/// As [`tell`], for a text with colours, in which text from outside has already passed [`visible`].
pub fn tell_styled(text: &str) {
    logging::say(text);
}

/// Writes one line to standard error, and returns the exit code of faulty arguments.
pub fn refuse(message: &str) -> ExitCode {
    failure(message);
    ExitCode::from(EXIT_CONFIG)
}

/// Writes one line to standard error, and returns the exit code of a failure.
pub fn failure(message: impl Display) -> ExitCode {
    tell(&format!("tiovivo: {message}\n"));
    ExitCode::FAILURE
}
