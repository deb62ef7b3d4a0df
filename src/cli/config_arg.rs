//! `--config`: the argument that names config.yaml.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::output::refuse;

/// Where the configuration is looked for, in this order.
const CONFIG_FILES: [&str; 2] = ["config.yaml", "/etc/tiovivo/config.yaml"];

/// `--config`, the same for every command.
#[derive(Debug, Args)]
pub struct ConfigArg {
    /// The file that describes the cluster; paths in it are relative to its folder.
    /// ./config.yaml when absent, or else /etc/tiovivo/config.yaml
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArg {
    /// The file that the argument names, or the first of `CONFIG_FILES` that exists; `None` if none
    /// exists.
    pub fn find(&self) -> Option<PathBuf> {
        // A file that exists but cannot be looked at is reported by the caller, who reads it.
        let is_there = |path: &&Path| path.try_exists().unwrap_or(true);
        let found = || CONFIG_FILES.iter().map(Path::new).find(is_there).map(Path::to_owned);
        self.config.clone().or_else(found)
    }

    /// As [`ConfigArg::find`]. Without a file, prints where it was looked for, and returns the exit
    /// code.
    pub fn path(&self) -> Result<PathBuf, ExitCode> {
        self.find().ok_or_else(|| {
            let [here, system] = CONFIG_FILES;
            refuse(&format!("there is neither {here} here nor {system}; name one by --config"))
        })
    }
}
