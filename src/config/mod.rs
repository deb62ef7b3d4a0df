//! The only reader of what the operator wrote: config.yaml as written → checked types.
//!
//! ```text
//! read ─ text ─→ positions ─ tree ─→ raw ─ types that mirror the file ─→ check ─→ Config
//!                                                      zones (files) ──────↗
//! ```
//!
//! A stage tells every fault that it finds and hands on what is right, so that the operator sees
//! all of them at once: [`fault::Fault`] is the only way in which anything here is refused.

pub mod anchors;
pub mod certificate;
pub mod check;
pub mod cookie;
pub mod environment;
pub mod fault;
pub mod positions;
pub mod raw;
pub mod reach;
pub mod read;
pub mod schema;
pub mod serde_error;
pub mod simulation;
pub mod suggestion;
pub mod token;
pub mod written;
pub mod zones;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::cluster::deployment::Deployment;
use crate::cluster::hook::Hook;
use crate::cluster::node::Node;
use crate::cluster::pool::{Pool, PoolId};
use crate::cluster::steadiness::ReferenceTarget;
use crate::config::certificate::Certificate;
use crate::config::check::report::Report;
use crate::config::cookie::Secret;
use crate::config::fault::{Fault, Source, Spot};
use crate::config::token::Token;
use crate::config::written::Written;
use crate::zone::name::Name;
use crate::zone::record::{Severity, Zone};

/// Most faults that are told at once; the others are counted.
pub const MAX_FAULTS: usize = 200;

/// What was loaded, and what is worth telling all the same.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<Fault>,
}

/// Reads and checks config.yaml and all that it names. Nothing is changed, on disk or elsewhere.
/// The faults of a refused configuration include its warnings, in the order of the files.
pub fn load(path: &Path) -> Result<Loaded, Vec<Fault>> {
    let file = path.display().to_string();
    let text = read::text(path, read::MAX_CONFIG)
        .map_err(|problem| vec![Fault::of_file(&file, problem)])?;
    parse(path, &text)
}

/// As [`load`], of a config.yaml at `path` that says `text`.
pub fn parse(path: &Path, text: &str) -> Result<Loaded, Vec<Fault>> {
    let file = path.display().to_string();
    let source = Source::new(&file, text);
    let (tree, faults) = positions::read(&source, text);
    let Some(tree) = tree else { return Err(told(&file, faults, 0)) };
    let mut loaded = checked(path, &source, tree, faults)?;
    loaded.config.files.insert(0, path.to_owned());
    Ok(loaded)
}

/// A configuration that `tree`, of the file at `path`, says. `faults` are those of its reading.
fn checked(
    path: &Path,
    source: &Source<'_>,
    mut tree: Written,
    mut faults: Vec<Fault>,
) -> Result<Loaded, Vec<Fault>> {
    let (raw, shape) = raw::stage::read(source, &mut tree);
    faults.extend(shape);
    let Some(raw) = raw else {
        environment::hide(&mut faults, &tree);
        return Err(told(source.file, faults, 0));
    };
    let mut report = Report::new(source, &tree, faults);
    let folder = path.parent().unwrap_or(Path::new(""));
    let config = check::check(&raw, folder, &mut report);
    let (mut faults, more) = (report.faults, report.more);
    environment::hide(&mut faults, &tree);
    let faults = told(source.file, faults, more);
    match config {
        Some(config) => Ok(Loaded { config, warnings: faults }),
        None => Err(faults),
    }
}

/// In the order of the files, config.yaml first, and bounded; an error is never cut for a warning.
/// What aliases put in several places is told once.
fn told(config_file: &str, mut faults: Vec<Fault>, more: usize) -> Vec<Fault> {
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

/// Everything that one `config.yaml` and its zone files say, checked. Nobody validates it again.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    pub nodes: Vec<Node>,
    /// Indexed by [`PoolId`].
    pub pools: Vec<Pool>,
    /// Which names answer from which pool. Each name once, inside one of the zones.
    pub published: Vec<Published>,
    pub zones: Vec<Zone>,
    /// Who is told of changes of standing. Their names are distinct.
    pub hooks: Vec<Hook>,
    /// How the nodes are installed; `None` without `deploy:`.
    pub deployment: Option<Deployment>,
    /// Of the encrypted transports; `None` while they are off.
    pub certificate: Option<Certificate>,
    /// Every file that was read: a change of one of them asks for a reload.
    pub files: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// UDP and TCP. Never empty.
    pub listen: Vec<SocketAddr>,
    /// API, page and metrics; `None` is off.
    pub dashboard: Option<SocketAddr>,
    /// Folder of the kept state.
    pub state: PathBuf,
    pub token_file: Option<PathBuf>,
    /// What is in it; `None`: nobody may give orders.
    pub token: Option<Token>,
    pub report_token_file: Option<PathBuf>,
    /// What is in it: good for reports, and not for orders.
    pub report_token: Option<Token>,
    /// UDP threads; `None` is one a core.
    pub workers: Option<usize>,
    /// Each UDP thread stays on one core.
    pub pin: bool,
    pub nsid: Option<String>,
    /// What `version.bind` is answered with; `None` refuses.
    pub version: Option<String>,
    pub cookie_secret_file: Option<PathBuf>,
    /// The first makes cookies, all verify. One of this process where there is no file.
    pub cookie_secrets: Vec<Secret>,
    pub encrypted: Encrypted,
    /// What has nothing to do with the cluster, and answers unless this machine is cut off.
    pub controls: Vec<ReferenceTarget>,
}

/// Addresses of the encrypted transports; none is off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encrypted {
    pub tls: Vec<SocketAddr>,
    pub https: Vec<SocketAddr>,
    /// Of HTTPS, with its leading slash.
    pub path: String,
    pub quic: Vec<SocketAddr>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub owner: Name,
    pub pool: PoolId,
}
