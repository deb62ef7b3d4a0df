//! The only opener of files: config.yaml as written → checked types.

pub mod state_file;

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::cluster::node::Node;
use crate::cluster::pool::{Pool, PoolId};
use crate::zone::name::Name;
use crate::zone::record::Zone;

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
    /// UDP threads; `None` is one a core.
    pub workers: Option<usize>,
    pub nsid: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub owner: Name,
    pub pool: PoolId,
}
