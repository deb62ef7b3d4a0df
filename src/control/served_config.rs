//! A configuration that is ready to be served.
//!
//! Building it renders every zone, which takes long with many names. So a thread that may block
//! builds it, and the writer gets the result.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::clock::Moment;
use crate::cluster::fallbacks::FallbackDependents;
use crate::cluster::node::NodeName;
use crate::cluster::pool::Pool;
use crate::cluster::steadiness::ReferenceTarget;
use crate::config::{Config, Published, Server};
use crate::control::status::ZoneStatus;
use crate::snapshot::identity::{CookieSecrets, Identity};
use crate::snapshot::statics::Statics;
use crate::zone::idn::unicode;
use crate::zone::name::Name;
use crate::zone::store::TooLarge;

/// The configuration that is served, with all that is rendered ahead.
#[derive(Debug)]
pub struct ServedConfig {
    /// The path of config.yaml.
    pub file: String,
    /// When it was loaded.
    pub at: Moment,
    pub nsid: Option<String>,
    /// Indexed by `PoolId`.
    pub pools: Vec<Pool>,
    pub dependents: FallbackDependents,
    /// The DNS names of each pool.
    pub names: Vec<Vec<String>>,
    /// The names of each pool that have another form in Unicode, with that form.
    pub unicode_names: Vec<BTreeMap<String, String>>,
    /// The tags of each node, by which overrides may select it.
    pub tags: HashMap<NodeName, BTreeSet<String>>,
    /// Targets that tell whether this machine is cut off (`server.controls`).
    pub references: Vec<ReferenceTarget>,
    pub zones: Vec<ZoneStatus>,
    /// For each apex, as in `zones`, a digest of the zone without its serial.
    pub digests: HashMap<String, u64>,
    /// The part of every snapshot that comes from the zones.
    pub statics: Arc<Statics>,
}

impl ServedConfig {
    /// Renders the zones, which takes long with many names: do not call on a thread that answers or
    /// decides. The error is for more zone data than the store can hold.
    pub fn build(config: &Config, file: &Path, at: Moment) -> Result<ServedConfig, TooLarge> {
        let published = config.published.iter().map(|published| (&published.owner, published.pool));
        let statics = Statics::build(&config.zones, published, identity(&config.server))?;
        let names = names(config.pools.len(), &config.published);
        Ok(ServedConfig {
            file: file.display().to_string(),
            at,
            nsid: config.server.nsid.clone(),
            dependents: FallbackDependents::new(&config.pools),
            pools: config.pools.clone(),
            unicode_names: unicode_names(&names),
            names,
            tags: config.nodes.iter().map(|n| (n.name.clone(), n.tags.clone())).collect(),
            references: config.server.controls.clone(),
            zones: zones(&statics),
            digests: config
                .zones
                .iter()
                .map(|z| (without_final_dot(&z.apex), z.digest()))
                .collect(),
            statics: Arc::new(statics),
        })
    }
}

/// Most zones that a reload warns about by name.
const MAX_NAMED: usize = 10;

/// Warnings about serials after a reload. A secondary transfers a zone only when the serial has
/// risen (RFC 1034 §4.3.5, RFC 1982).
pub fn serial_warnings(old: &ServedConfig, new: &ServedConfig) -> Vec<String> {
    let before: HashMap<&str, u32> =
        old.zones.iter().map(|zone| (zone.apex.as_str(), zone.serial)).collect();
    let mut warnings = vec![];
    for ZoneStatus { apex, serial, .. } in &new.zones {
        let Some(&before) = before.get(apex.as_str()) else { continue };
        let changed = old.digests.get(apex) != new.digests.get(apex);
        if before == *serial && changed {
            warnings.push(format!(
                "zone {apex}: its records changed and its serial {serial} did not; write a higher \
                 one in the SOA, on every name server"
            ));
        } else if before != *serial && serial.wrapping_sub(before) > i32::MAX as u32 {
            warnings.push(format!(
                "zone {apex}: its serial went back from {before} to {serial}; write a higher one \
                 in the SOA, on every name server"
            ));
        }
    }
    if warnings.len() > MAX_NAMED {
        let more = warnings.len() - MAX_NAMED;
        warnings.truncate(MAX_NAMED);
        warnings.push(format!("the same of {more} more zones"));
    }
    warnings
}

/// The parts of the configuration that identify this server in replies.
pub fn identity(server: &Server) -> Identity {
    let octets = |text: &String| text.as_bytes().into();
    Identity {
        nsid: server.nsid.as_ref().map(octets).unwrap_or_default(),
        version: server.version.as_ref().map(octets),
        cookies: CookieSecrets::new(server.cookie_secrets.iter().map(|s| *s.get()).collect()),
    }
}

fn names(pools: usize, published: &[Published]) -> Vec<Vec<String>> {
    let mut names = vec![vec![]; pools];
    for Published { owner, pool } in published {
        if let Some(names) = names.get_mut(pool.index()) {
            names.push(without_final_dot(owner));
        }
    }
    names
}

/// For each pool, the names that have another form in Unicode, with that form.
fn unicode_names(names: &[Vec<String>]) -> Vec<BTreeMap<String, String>> {
    let both = |name: &String| Some((name.clone(), unicode(name)?));
    names.iter().map(|names| names.iter().filter_map(both).collect()).collect()
}

fn zones(statics: &Statics) -> Vec<ZoneStatus> {
    let zones = &statics.zones;
    let status = |zone| ZoneStatus {
        apex: without_final_dot(zones.apex(zone)),
        unicode: unicode(&without_final_dot(zones.apex(zone))),
        serial: zones.serial(zone),
        records: zones.record_count(zone),
    };
    zones.zone_ids().map(status).collect()
}

/// A name as text without the final dot, which the root alone keeps.
fn without_final_dot(name: &Name) -> String {
    let text = name.to_string();
    match text.strip_suffix('.') {
        Some(relative) if !relative.is_empty() => relative.to_owned(),
        _ => text,
    }
}
