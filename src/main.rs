//! The program: runs the command that its arguments name. All else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tiovivo::cli::main()
}
