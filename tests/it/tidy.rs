//! Rules worth having are tests: the arrows between modules and files, the homes of foreign crates,
//! sizes.
//!
//! Reads the source. Text is enough: the style asks for full `crate::…` paths, and a path that is
//! written is an arrow, whether in a `use` line or in the middle of an expression.

mod circles;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may name whom. The table of ARCHITECTURE.md, and closed: a module that is not here fails.
const ARROWS: [(&str, &[&str]); 22] = [
    ("clock", &[]),
    ("counters", &[]),
    ("log_limit", &[]),
    ("pace", &[]),
    ("connection_limiter", &[]),
    ("rcode", &[]),
    ("regular_file", &[]),
    ("state_dir", &["clock", "regular_file"]),
    ("checks", &[]),
    ("cluster", &["clock", "rcode"]),
    ("zone", &[]),
    ("config", &["clock", "rcode", "cluster", "zone", "regular_file"]),
    ("health", &["clock", "rcode", "cluster"]),
    ("snapshot", &["cluster", "zone", "pace"]),
    ("control", &["clock", "config", "cluster", "zone", "health", "snapshot", "pace", "state_dir"]),
    ("dns", &["clock", "rcode", "snapshot", "counters", "zone", "connection_limiter", "log_limit"]),
    ("hooks", &["clock", "cluster", "health", "control", "state_dir"]),
    (
        "http",
        &["clock", "cluster", "control", "snapshot", "counters", "hooks", "connection_limiter"],
    ),
    (
        "simulation",
        &["clock", "rcode", "config", "cluster", "zone", "health", "snapshot", "control", "dns"],
    ),
    ("dns_client", &["rcode", "snapshot", "zone"]),
    ("delegation", &["rcode", "config", "dns_client", "zone"]),
    (
        "cli",
        &[
            "clock",
            "counters",
            "rcode",
            "cluster",
            "zone",
            "config",
            "health",
            "snapshot",
            "control",
            "dns",
            "hooks",
            "http",
            "simulation",
            "state_dir",
            "delegation",
            "dns_client",
        ],
    ),
];

/// Where a foreign crate may be named, by the start of the path below `src`.
const HOMES: &[(&str, &[&str])] = &[
    ("reqwest", &["hooks/webhook.rs"]),
    ("axum", &["http/"]),
    ("hyper", &["http/", "hooks/webhook.rs"]),
    ("h2", &["dns/encrypted", "checks/grpc/probe.rs"]),
    ("tokio_rustls", &["dns/encrypted", "health/probe"]),
    ("hickory_server", &["dns/encrypted"]),
    ("quinn", &["dns/encrypted/quic"]),
    ("hickory_proto", &["dns/encrypted", "dns_client/present.rs", "delegation/reply.rs"]),
    ("idna", &["zone/idn.rs"]),
    ("icu_properties", &["zone/idn.rs"]),
    ("serde_yaml", &["config/"]),
    ("saphyr_parser", &["config/"]),
    ("arc_swap", &["snapshot/publish.rs"]),
    ("annotate_snippets", &["cli/faults.rs"]),
    ("clap", &["cli/"]),
    ("maud", &["http/page"]),
    ("prometheus_client", &["http/"]),
    ("subtle", &["http/"]),
    ("nix", &["dns/", "cli/", "health/probe", "health/heart.rs"]),
    ("rustix", &["dns/udp", "cli/priority.rs", "regular_file.rs"]),
];

/// Files beside those of `cluster` that compute from their arguments and wait for nothing.
const WITHOUT_TOKIO: &[&str] =
    &["zone/", "snapshot/", "dns/respond.rs", "dns/records.rs", "dns/chain.rs", "dns/plain.rs"];

/// Files are read, written and renamed here and by the composition root; other modules are given
/// their content.
const OPENERS: [&str; 4] = ["regular_file.rs", "config/", "state_dir/", "cli/"];

/// Where the calls are that open a file. A pipe in its place would wait for the other end, and a disk
/// that does not answer for ever, so there is one place, which opens plain files alone.
const OPENING: [&str; 7] = [
    "File::open",
    "File::create",
    "File::options",
    "OpenOptions",
    "fs::read(",
    "fs::read_to_string(",
    "fs::write(",
];
const OPENS: &str = "regular_file.rs";
/// What is written by a command that one waits for, and by nothing that serves.
const WRITES: [(&str, &str); 2] = [
    ("cli/demo/mod.rs", "the demo's own folder, made for it a moment before"),
    ("cli/simulate/mod.rs", "the plot that is asked for, into a pipe too"),
];

const MAX_LINES: usize = 450;
const MAX_WIDTH: usize = 100;

struct Source {
    /// Below `src`, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// `zone` of `zone/name.rs` and of `zone.rs`; `config` of `checks/http/raw.rs`.
    fn module(&self) -> &str {
        let below = self.path.strip_prefix("checks/").unwrap_or_default();
        if let Some(layer) = below.split(['/', '.']).find_map(layer) {
            return layer;
        }
        let end = self.path.find(['/', '.']).unwrap_or(self.path.len());
        &self.path[..end]
    }

    /// The lines that are code, with their numbers from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = vec![];
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push(Source { path: below, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    assert!(found.len() > 20, "the source was not found");
    found
}

/// The module whose arrows a file of a kind of check has, by the name of the file.
fn layer(file: &str) -> Option<&'static str> {
    match file {
        "raw" => Some("config"),
        "checked" => Some("cluster"),
        "probe" => Some("health"),
        _ => None,
    }
}

/// The modules that a line names. A path into a kind of check counts as a path into its layer.
fn targets(line: &str) -> Vec<&str> {
    let mut found = vec![];
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && !"_:$".contains(c));
        let mut parts = rest[..end.unwrap_or(rest.len())].split("::");
        let module = parts.next().unwrap_or_default();
        let is_start = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if is_start && !module.is_empty() {
            found.push(if module == "checks" {
                parts.find_map(layer).unwrap_or(module)
            } else {
                module
            });
        }
    }
    found
}

/// Whether `path` stands in the line as a path of its own.
fn names(line: &str, path: &str) -> bool {
    let is_start = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    line.match_indices(path).any(|(at, _)| is_start(at))
}

fn fail(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn modules_name_only_whom_they_may() {
    let mut faults = vec![];
    for source in sources() {
        let module = source.module();
        if ["lib", "main"].contains(&module) {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
            faults.push(format!("src/{}: {module} is not in the table of arrows", source.path));
            continue;
        };
        for (number, line) in source.code() {
            for target in targets(line) {
                if target != module && !allowed.contains(&target) {
                    faults.push(format!(
                        "src/{}:{number}: {module} may not name {target}: {}",
                        source.path,
                        line.trim()
                    ));
                }
            }
        }
    }
    fail(&faults);
}

#[test]
fn every_module_of_the_table_is_there() {
    let modules: BTreeSet<String> =
        sources().iter().map(|source| source.module().to_owned()).collect();
    let table = ARROWS.iter().map(|(module, _)| (*module).to_owned());
    let expected: BTreeSet<String> = table.chain(["lib".into(), "main".into()]).collect();
    assert_eq!(modules, expected);
}

#[test]
fn architecture_md_has_the_same_table() {
    let text = include_str!("../../ARCHITECTURE.md");
    for (module, allowed) in ARROWS.iter().filter(|(module, _)| *module != "cli") {
        let allowed = if allowed.is_empty() { "–".to_owned() } else { allowed.join(", ") };
        let row = format!("| {module} | {allowed} |");
        assert!(text.contains(&row), "ARCHITECTURE.md lacks the row\n{row}");
    }
}

#[test]
fn foreign_crates_stay_at_home() {
    let mut faults = vec![];
    for source in sources() {
        for (number, line) in source.code() {
            for (foreign, homes) in HOMES {
                let is_home = homes.iter().any(|home| source.path.starts_with(home));
                if !is_home && names(line, &format!("{foreign}::")) {
                    faults.push(format!(
                        "src/{}:{number}: {foreign} lives in {homes:?}",
                        source.path
                    ));
                }
            }
        }
    }
    fail(&faults);
}

#[test]
fn what_computes_waits_for_nothing() {
    let mut faults = vec![];
    for source in sources() {
        let is_home = WITHOUT_TOKIO.iter().any(|home| source.path.starts_with(home));
        if is_home || source.module() == "cluster" {
            let waiting = source.code().filter(|(_, line)| {
                line.contains("tokio::") || line.contains(".await") || line.contains("Mutex")
            });
            for (number, line) in waiting {
                faults.push(format!("src/{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    fail(&faults);
}

/// Whoever needs to know what the wall clock says names one of the reasons that are listed there.
#[test]
fn the_wall_clock_is_read_in_one_place() {
    let mut faults = vec![];
    for source in sources().iter().filter(|source| source.path != "clock.rs") {
        for (number, line) in source.code() {
            let reads = ["Timestamp::now", "SystemTime::now", "Zoned::now", "UNIX_EPOCH.elapsed"];
            if reads.iter().any(|read| names(line, read)) {
                faults.push(format!("src/{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    fail(&faults);
}

#[test]
fn files_are_opened_in_one_place() {
    let mut faults = vec![];
    for source in sources() {
        let is_home = OPENERS.iter().any(|home| source.path.starts_with(home));
        if is_home || source.module() == "config" {
            continue;
        }
        let tests = source.text.find("#[cfg(test)]").unwrap_or(source.text.len());
        let last = source.text[..tests].lines().count();
        for (number, line) in source.code().filter(|(number, _)| *number <= last) {
            if line.contains("fs::") || line.contains("File::") {
                faults.push(format!("src/{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    fail(&faults);
}

#[test]
fn files_are_opened_only_by_whoever_looks_whether_they_are_plain() {
    let mut faults = vec![];
    for source in sources().iter().filter(|source| source.path != OPENS) {
        let tests = source.text.find("#[cfg(test)]").unwrap_or(source.text.len());
        let last = source.text[..tests].lines().count();
        let may_write = WRITES.iter().any(|(file, _)| source.path == *file);
        for (number, line) in source.code().filter(|(number, _)| *number <= last) {
            let mut opening = OPENING.iter().filter(|call| line.contains(**call));
            if opening.any(|call| !may_write || *call != "fs::write(") {
                faults.push(format!("src/{}:{number}: only {OPENS} opens files", source.path));
            }
        }
    }
    fail(&faults);
}

#[test]
fn no_module_hides_an_arrow_by_a_re_export() {
    let mut faults = vec![];
    for source in sources() {
        for (number, line) in source.code().filter(|(_, line)| line.trim().starts_with("pub use "))
        {
            faults.push(format!("src/{}:{number}: {}", source.path, line.trim()));
        }
    }
    fail(&faults);
}

#[test]
fn files_are_small_and_lines_are_short() {
    let mut faults = vec![];
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > MAX_LINES {
            faults.push(format!("src/{}: {lines} lines: is it two things?", source.path));
        }
        for (index, line) in source.text.lines().enumerate() {
            if line.chars().count() > MAX_WIDTH {
                faults.push(format!("src/{}:{}: too wide", source.path, index + 1));
            }
        }
    }
    fail(&faults);
}
