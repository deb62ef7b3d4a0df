//! What stands in real zone files, as `check`, `delegation` and the configuration take it: zones
//! that somebody signed, addresses inside other types, names and octets that are not ASCII.

mod guarded;
mod large;
mod names;
mod octets;
mod signed;

use std::fs;

use tempfile::TempDir;
use tiovivo::config;
use tiovivo::config::fault::Fault;
use tiovivo::config::load::LoadedConfig;

const HEAD: &str = "$TTL 1h\n@ SOA ns1 hostmaster 1 14400 3600 1209600 300\n@ NS ns1\n@ NS ns2\n\
                    ns1 A 192.0.2.53\nns2 A 198.51.100.53\n";
const CONFIG: &str = "zones: [{ apex: midominio.com, file: zone }]\n";

/// A folder with a config.yaml, and a zone that begins as a good one and goes on with `lines`.
fn folder(config: &str, lines: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.yaml"), config).unwrap();
    fs::write(folder.path().join("zone"), [HEAD.as_bytes(), lines].concat()).unwrap();
    folder
}

fn load(config: &str, lines: &[u8]) -> Result<LoadedConfig, Vec<Fault>> {
    config::load::load(&folder(config, lines).path().join("config.yaml"))
}

/// Faults or warnings: `line: message; help`.
fn told(config: &str, lines: &[u8]) -> Vec<String> {
    let faults = load(config, lines).map_or_else(|faults| faults, |loaded| loaded.warnings);
    let line = |fault: &Fault| {
        let line = fault.spot.as_ref().map_or(0, |spot| spot.span.line);
        let help = fault.help.as_deref().unwrap_or_default();
        format!("{line}: {}; {help}", fault.message)
    };
    faults.iter().map(line).collect()
}
