//! Raw types → [`crate::config::Config`]: checks of keys against each other. Every fault is
//! reported at its key.
//!
//! | file | checks |
//! |---|---|
//! | [`server`] | `server:` |
//! | [`encrypted`] | `server.tls`, `https`, `quic` and `certificate` |
//! | [`nodes`] | `nodes:` |
//! | [`pools`], [`members`] | `pools:`, and with [`members`] the mother guard |
//! | [`least`] | `min_serving:` of a pool |
//! | [`spread`] | `spread_by:` of a pool |
//! | [`checks`], [`times`], [`keys`], [`tls_keys`] | `check:`, `checks:` and `deep:` of a pool |
//! | [`own`] | `check:` of a node, for its pools |
//! | [`steadiness`] | `server.controls`; `damping`, `slow_start`, `common_cause` of a pool |
//! | [`hooks`] | `hooks:` |
//! | [`deploy`] | `deploy:` |
//! | [`fallbacks`] | `when_short: { pool: … }` |
//! | [`disguise`] | IPv4 addresses inside IPv6 ones, for the mother guard |
//! | [`names`] | the names of the pools against the zones |
//! | [`signed`] | zone files with signatures, which are refused |
//! | [`records`] | the records of the zones against pools and nodes: the rest of the mother guard |
//! | [`targets`] | the target names of records |
//!
//! A fault that only follows from a reported one is not reported.

pub mod checks;
pub mod deploy;
pub mod disguise;
pub mod encrypted;
pub mod fallbacks;
pub mod hooks;
pub mod keys;
pub mod least;
pub mod members;
pub mod names;
pub mod nodes;
pub mod own;
pub mod pools;
pub mod records;
pub mod report;
pub mod server;
pub mod signed;
pub mod spread;
pub mod steadiness;
pub mod targets;
pub mod times;
pub mod tls_keys;

use std::path::Path;

use crate::cluster::pool::Pool;
use crate::config::Config;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::RawConfig;
use crate::config::zones;

/// `None` when there is an error. The faults are in `report`.
pub fn check(raw: &RawConfig, folder: &Path, report: &mut Report<'_>) -> Option<Config> {
    let mut server = server::check(&raw.server, folder, report);
    let certificate = encrypted::certificate(&raw.server, &server.encrypted, folder, report);
    let inventory = nodes::check(&raw.nodes, report);
    let controls = KeyPath::root().key("server").key("controls");
    let nodes = &inventory.nodes;
    server.controls = steadiness::controls(&raw.server.controls, nodes, folder, &controls, report);
    let mut pools = pools::check(&raw.pools, &inventory, folder, report);
    own::apply(raw, &inventory, &mut pools, report);
    fallbacks::check(&raw.pools, report);
    let (hooks, hook_files) = hooks::check(&raw.hooks, &raw.pools, folder, report);
    let deployment = raw.deploy.as_ref().map(|raw| deploy::check(raw, &inventory, folder, report));
    let zones = zones::read(&raw.zones, folder, report);
    let published = names::check(&raw.pools, &zones, report);
    signed::check(&zones, report);
    let mother_address = raw.deploy.as_ref().and_then(|raw| raw.mother_address);
    let mother_address = mother_address.map(|address| address.0);
    records::check(&published, &inventory.nodes, mother_address, &zones, report);
    report.faults.extend(targets::check(&published, &zones));
    if report.has_errors() {
        return None;
    }
    let (certificate, certificate_files) = certificate.unzip();
    let zone_files = zones.loaded.iter().flat_map(|zone| zone.paths.iter().cloned());
    let files = zone_files.chain(certificate_files.into_iter().flatten());
    let checks = pools.iter().flat_map(Pool::all_checks);
    let mut probe_files: Vec<_> = checks.filter_map(|check| check.probe.file().cloned()).collect();
    probe_files.sort_unstable();
    probe_files.dedup();
    let files = files
        .chain(server.cookie_secret_file.clone())
        .chain(server.token_file.clone())
        .chain(server.report_token_file.clone())
        .chain(probe_files)
        .chain(hook_files)
        .collect();
    Some(Config {
        server,
        nodes: inventory.nodes,
        pools,
        published: published.into_iter().map(|named| named.published).collect(),
        zones: zones.loaded.into_iter().map(|loaded| loaded.zone).collect(),
        hooks,
        deployment: deployment.flatten(),
        certificate,
        files,
    })
}
