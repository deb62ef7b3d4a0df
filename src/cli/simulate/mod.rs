//! `tiovivo simulate`: the answers during a timeline of failures, and their effect on clients.

pub mod plot;
pub mod scale;
pub mod table;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::output::failure;
use crate::cli::{faults, output};
use crate::config::{read, simulation};
use crate::simulation::player::play;

#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The timeline: a cluster, what happens to it, and who asks meanwhile
    #[arg(value_name = "FILE")]
    timeline: PathBuf,
    /// Other random numbers than those of the file; the same ones give the same run
    #[arg(long)]
    seed: Option<u64>,
    /// Where to draw it; beside the timeline when absent
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

pub fn run(args: &SimulateArgs) -> ExitCode {
    let file = args.timeline.as_path();
    let (timeline, warnings) = match simulation::load(file) {
        Ok(loaded) => loaded,
        Err(faults) => return faults::refuse(&faults),
    };
    faults::warn(&warnings);
    let run = match play(&timeline, file, args.seed.unwrap_or(timeline.seed)) {
        Ok(run) => run,
        Err(too_large) => return failure(too_large),
    };
    let table = output::print(&table::table(&run, &title(file)), ExitCode::SUCCESS);
    let plot = args.plot.clone().unwrap_or_else(|| file.with_extension("svg"));
    match write(&plot, &plot::svg(&run, &title(file))) {
        Ok(()) => output::print(&format!("\ndrawn in {}\n", plot.display()), table),
        Err(error) => failure(format!(
            "{}: cannot be written: {error}; name another file with --plot",
            plot.display()
        )),
    }
}

/// Writes the plot, unless the file already has the same content: then its readers never see half
/// of it.
fn write(plot: &Path, svg: &str) -> io::Result<()> {
    match read::text(plot, svg.len() as u64) {
        Ok(kept) if kept == svg => Ok(()),
        _ => std::fs::write(plot, svg),
    }
}

/// The title of a run: `mother-dies` for `simulations/mother-dies.yaml`.
pub fn title(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
