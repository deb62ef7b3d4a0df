//! Standard output and standard error of every command.
//!
//! `println!` ends the process by a panic when the reader of a pipe has left. Here that is no
//! fault: whoever reads `tiovivo check | head -1` has seen enough, and the exit code still says
//! what was found.
//!
//! Text from outside may hold orders to a terminal: all that is printed passes [`visible`].

use std::io::{self, Write, stdout};
use std::process::ExitCode;

use crate::cli::{failure, logging};
use crate::cluster::visible::visible;

/// Prints `text`, and returns `code`; the exit code of a failure when `text` cannot be written.
pub fn print(text: &str, code: ExitCode) -> ExitCode {
    match write(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            failure(format!("standard output: {error}"))
        }
        _ => code,
    }
}

/// Writes to standard output at once. Of several lines a caller may stop at the first error.
pub fn write(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(visible(text).as_bytes())?;
    out.flush()
}

/// Writes to standard error, by the way of the log: it never waits for a reader.
pub fn tell(text: &str) {
    logging::say(&visible(text));
}

/// As [`tell`], of a text with colours. What is in it from outside is visible already.
pub fn tell_styled(text: &str) {
    logging::say(text);
}
