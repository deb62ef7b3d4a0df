//! Reads what the operator wrote: config.yaml as written → checked types. No other module does.
//!
//! ```text
//! read ─ text ─→ yaml_reader ─ tree ─→ deserialize ─ raw types ─→ check ─→ Config
//!                                                 zones (files) ──────↗
//! ```
//!
//! [`load`](mod@load) runs the stages. Every refusal is a [`fault::Fault`].

pub mod anchors;
pub mod certificate;
pub mod check;
pub mod cookie;
pub mod deserialize;
pub mod environment;
pub mod fault;
pub mod key_path;
pub mod load;
pub mod raw;
pub mod reach;
pub mod read;
pub mod schema;
pub mod serde_error;
pub mod simulation;
pub mod suggestion;
pub mod token;
pub mod yaml_precheck;
pub mod yaml_reader;
pub mod yaml_value;
pub mod zones;

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::cluster::deployment::Deployment;
use crate::cluster::hook::Hook;
use crate::cluster::node::Node;
use crate::cluster::pool::{Pool, PoolId};
use crate::cluster::steadiness::ReferenceTarget;
use crate::config::certificate::Certificate;
use crate::config::cookie::Secret;
use crate::config::token::BearerToken;
use crate::zone::name::Name;
use crate::zone::record::Zone;

/// The checked content of config.yaml and its zone files. No later code validates it again.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    pub nodes: Vec<Node>,
    /// Indexed by [`PoolId`].
    pub pools: Vec<Pool>,
    /// The names that pools answer. Each name is in one of the zones and occurs once.
    pub published: Vec<Published>,
    pub zones: Vec<Zone>,
    /// Receivers of changes of standing. Their names are distinct.
    pub hooks: Vec<Hook>,
    /// How the nodes are installed; `None` without `deploy:`.
    pub deployment: Option<Deployment>,
    /// For the encrypted transports; `None` when they are off.
    pub certificate: Option<Certificate>,
    /// Every file that was read: a change of one causes a reload.
    pub files: Vec<PathBuf>,
}

/// The checked keys of `server:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Addresses for UDP and TCP. Never empty.
    pub listen: Vec<SocketAddr>,
    /// Address of API, page and metrics; `None` if they are off.
    pub dashboard: Option<SocketAddr>,
    /// The state folder.
    pub state: PathBuf,
    pub token_file: Option<PathBuf>,
    /// The token in `token_file`; without one all overrides are refused.
    pub token: Option<BearerToken>,
    pub report_token_file: Option<PathBuf>,
    /// The token in `report_token_file`, for reports alone.
    pub report_token: Option<BearerToken>,
    /// Number of UDP threads; `None` for one on each core.
    pub workers: Option<usize>,
    /// Whether each UDP thread stays on one core.
    pub pin: bool,
    pub nsid: Option<String>,
    /// The answer to `version.bind`; with `None` the query is refused.
    pub version: Option<String>,
    pub cookie_secret_file: Option<PathBuf>,
    /// The first secret makes cookies, and all verify them. Without a file there is the one secret
    /// of this process.
    pub cookie_secrets: Vec<Secret>,
    pub encrypted: Encrypted,
    /// Hosts outside the cluster that answer unless this machine is cut off.
    pub controls: Vec<ReferenceTarget>,
}

/// Addresses of the encrypted transports; a transport with an empty list is off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encrypted {
    pub tls: Vec<SocketAddr>,
    pub https: Vec<SocketAddr>,
    /// The path of DNS over HTTPS, with its leading slash.
    pub path: String,
    pub quic: Vec<SocketAddr>,
}

/// A name that a pool answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub owner: Name,
    pub pool: PoolId,
}
