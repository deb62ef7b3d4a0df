//! Reads a timeline for `tiovivo simulate`: a cluster, its events, and its clients.
//!
//! A timeline is read by the same stages as config.yaml, so every fault has its line. The
//! configuration of the cluster is another file, or is written in the timeline under `config:`.

pub mod check;
pub mod raw;
pub mod timeline;

use std::path::Path;

use crate::config::check::report::Report;
use crate::config::fault::{Fault, Source};
use crate::config::key_path::KeyPath;
use crate::config::load::{self, LoadedConfig, ordered};
use crate::config::simulation::raw::RawSimulation;
use crate::config::simulation::timeline::Simulation;
use crate::config::yaml_value::{MapEntry, Shape, YamlValue};
use crate::config::{deserialize, environment, read, yaml_reader};

/// Reads and checks a timeline and all files that it names. Also returns the warnings.
pub fn load(path: &Path) -> Result<(Simulation, Vec<Fault>), Vec<Fault>> {
    let file = path.display().to_string();
    let text = read::text(path, read::MAX_CONFIG)
        .map_err(|problem| vec![Fault::of_file(&file, problem)])?;
    parse(path, &text)
}

/// As [`load()`], with `text` as the content of the file at `path`.
pub fn parse(path: &Path, text: &str) -> Result<(Simulation, Vec<Fault>), Vec<Fault>> {
    let file = path.display().to_string();
    let source = Source::new(&file, text);
    let (tree, mut faults) = yaml_reader::read(&source, text);
    let Some(mut tree) = tree else { return Err(ordered(&file, faults, 0)) };
    let inline = take_inline(&mut tree);
    let (raw, shape) = deserialize::read::<RawSimulation>(&source, &mut tree);
    faults.extend(shape);
    let folder = path.parent().unwrap_or(Path::new(""));
    let named = raw.as_ref().and_then(|raw| raw.config.as_deref());
    let is_missing = inline.is_none() && named.is_none();
    let cluster = match (inline, named) {
        (Some(tree), _) => load::check_tree(path, &source, tree, vec![]).map(Some),
        (None, Some(named)) => load::load(&folder.join(named)).map(Some),
        (None, None) => Ok(None),
    };
    let cluster = cluster.unwrap_or_else(|of_config| {
        faults.extend(of_config);
        None
    });
    let Some(raw) = raw else { return Err(ordered(&file, faults, 0)) };
    let mut report = Report::new(&source, &tree, faults);
    if is_missing {
        let help = "write the path of a config.yaml, relative to this file";
        report.missing(&KeyPath::root(), "config", help);
    }
    let (cluster, warnings) = match cluster {
        Some(LoadedConfig { config, warnings }) => (Some(config), warnings),
        None => (None, vec![]),
    };
    match check::check(&raw, cluster, &mut report) {
        Some(simulation) => Ok((simulation, warnings)),
        None => {
            let (mut faults, more) = (report.faults, report.more);
            environment::hide(&mut faults, &tree);
            Err(ordered(&file, faults, more))
        }
    }
}

/// Takes a configuration that is written under `config:` out of the timeline; `None` if it is in
/// another file. The key stays, with a pruned value.
fn take_inline(tree: &mut YamlValue) -> Option<YamlValue> {
    let Shape::Map(map) = &mut tree.shape else { return None };
    let is_config = |entry: &&mut MapEntry| entry.key == "config";
    let value = &mut map.entries.iter_mut().find(is_config)?.value;
    let Shape::Map(_) = value.shape else { return None };
    let shape = Shape::Text(String::new());
    let hidden = YamlValue { span: value.span, shape, pruned: true, variable: None };
    Some(std::mem::replace(value, hidden))
}
