//! `tiovivo schema`: the JSON Schema of config.yaml, for editors.

use std::process::ExitCode;

use crate::cli::output;
use crate::config::schema;

pub fn run() -> ExitCode {
    output::print(&schema::json(), ExitCode::SUCCESS)
}
