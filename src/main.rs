//! See the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tiovivo::cli::main()
}
