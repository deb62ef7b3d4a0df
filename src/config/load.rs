//! Loads config.yaml: text → tree → raw types → [`Config`]. Each stage reports every fault that it
//! finds and passes on the rest.

use std::collections::HashSet;
use std::path::Path;

use crate::config::check::report::Report;
use crate::config::fault::{Fault, Source, Spot};
use crate::config::yaml_value::YamlValue;
use crate::config::{Config, check, deserialize, environment, read, yaml_reader};
use crate::zone::record::Severity;

/// Most faults that are listed; the others are counted.
pub const MAX_FAULTS: usize = 200;

/// A configuration that was loaded, and its warnings.
#[derive(Debug)]
pub struct LoadedConfig {
    pub config: Config,
    pub warnings: Vec<Fault>,
}

/// Reads and checks config.yaml and all files that it names, and changes nothing. The faults of a
/// refused configuration include its warnings, in the order of the files.
pub fn load(path: &Path) -> Result<LoadedConfig, Vec<Fault>> {
    let file = path.display().to_string();
    let text = read::text(path, read::MAX_CONFIG)
        .map_err(|problem| vec![Fault::of_file(&file, problem)])?;
    parse(path, &text)
}

/// As [`load`], with `text` as the content of the file at `path`.
pub fn parse(path: &Path, text: &str) -> Result<LoadedConfig, Vec<Fault>> {
    let file = path.display().to_string();
    let source = Source::new(&file, text);
    let (tree, faults) = yaml_reader::read(&source, text);
    let Some(tree) = tree else { return Err(ordered(&file, faults, 0)) };
    let mut loaded = check_tree(path, &source, tree, faults)?;
    loaded.config.files.insert(0, path.to_owned());
    Ok(loaded)
}

/// Checks the tree of the file at `path`. `faults` were found while the tree was read.
pub fn check_tree(
    path: &Path,
    source: &Source<'_>,
    mut tree: YamlValue,
    mut faults: Vec<Fault>,
) -> Result<LoadedConfig, Vec<Fault>> {
    let (raw, shape) = deserialize::read(source, &mut tree);
    faults.extend(shape);
    let Some(raw) = raw else {
        environment::hide(&mut faults, &tree);
        return Err(ordered(source.file, faults, 0));
    };
    let mut report = Report::new(source, &tree, faults);
    let folder = path.parent().unwrap_or(Path::new(""));
    let config = check::check(&raw, folder, &mut report);
    let (mut faults, more) = (report.faults, report.more);
    environment::hide(&mut faults, &tree);
    let faults = ordered(source.file, faults, more);
    match config {
        Some(config) => Ok(LoadedConfig { config, warnings: faults }),
        None => Err(faults),
    }
}

/// The faults in the order of the files, config.yaml first, at most [`MAX_FAULTS`]; warnings are
/// cut before errors. A fault that aliases repeat is listed once. `more` is the number of further
/// faults, which the caller did not keep.
pub fn ordered(config_file: &str, mut faults: Vec<Fault>, more: usize) -> Vec<Fault> {
    let mut seen = HashSet::new();
    faults.retain(|fault| {
        let span = |spot: &Spot| (spot.span.line, spot.span.column);
        let place = fault.spot.as_ref().map(span);
        place.is_none() || seen.insert((fault.file.clone(), place, fault.message.clone()))
    });
    let place = |fault: &Fault| {
        let span = fault.spot.as_ref().map(|spot| spot.span).unwrap_or_default();
        (fault.file != config_file, fault.file.clone(), span.line, span.column)
    };
    if faults.len() > MAX_FAULTS {
        faults.sort_by_key(|fault| fault.severity == Severity::Warning);
        let more = more + faults.len() - MAX_FAULTS;
        let severity = faults[MAX_FAULTS].severity;
        faults.truncate(MAX_FAULTS);
        faults.sort_by_cached_key(place);
        let mut last = Fault::error(config_file, None, format!("and {more} more faults"));
        last.severity = severity;
        faults.push(last);
        return faults;
    }
    faults.sort_by_cached_key(place);
    faults
}
