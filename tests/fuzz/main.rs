//! A short run of the fuzz targets by stable Rust: their seeds, then mutations of these for a while.
//!
//! It knows no coverage, so it is no match for cargo-fuzz (`fuzz/run.sh`), whose bodies it shares:
//! it is what finds a broken promise before a commit. `TIOVIVO_FUZZ_SECONDS` is how long each
//! target takes (5); `TIOVIVO_FUZZ_SEED` repeats a run. What fails is kept in `target/fuzz`.

mod bodies;
mod message;
mod mutate;
mod node;
mod seeds;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::mutate::Material;

const DEFAULT_SECONDS: u64 = 5;
/// Most that one input may take, on a busy machine and without optimisation.
const MAX_TIME: Duration = Duration::from_secs(10);

#[test]
fn message() {
    run("message", &seeds::message(), bodies::message::run, message::mutate);
}

#[test]
fn zone() {
    run("zone", &seeds::zone(), bodies::zone::run, mutate::text);
}

#[test]
fn config() {
    run("config", &seeds::config(), bodies::config::run, mutate::text);
}

#[test]
fn node() {
    run("node", &seeds::node(), bodies::node::run, node::mutate);
}

fn run(
    target: &str,
    material: &Material,
    body: fn(&[u8]),
    mutate: fn(&Material, &mut Rng) -> Vec<u8>,
) {
    assert!(material.seeds.len() >= 30, "the seeds of {target} were not found");
    let seconds = number("TIOVIVO_FUZZ_SECONDS").unwrap_or(DEFAULT_SECONDS);
    let seed = number("TIOVIVO_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("-- {target}: {} seeds, then TIOVIVO_FUZZ_SEED={seed}", material.seeds.len());
    let mut rng = Rng::with_seed(seed);
    let mut executions = 0;
    for octets in &material.seeds {
        execute(target, octets, body);
        executions += 1;
    }
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        execute(target, &mutate(material, &mut rng), body);
        executions += 1;
    }
    println!("-- {target}: {executions} executions in {seconds} s without a finding");
}

fn execute(target: &str, octets: &[u8], body: fn(&[u8])) {
    let began = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| body(octets)));
    let took = began.elapsed();
    if result.is_ok() && took <= MAX_TIME {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
    let path = folder.join(format!("{target}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder to keep the input in");
    std::fs::write(&path, octets).expect("a file to keep the input in");
    let what = if result.is_ok() { format!("it took {took:?}") } else { "it panics".into() };
    panic!("{target}: {what}; the input is in {}: {}", path.display(), octets.escape_ascii());
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text}")))
}
