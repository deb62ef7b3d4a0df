//! A node is a machine of the cluster.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// One machine of `nodes:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub name: NodeName,
    pub role: Role,
    /// The public IPv4 address. A node has this, `address6` or both.
    pub address: Option<Ipv4Addr>,
    pub address6: Option<Ipv6Addr>,
    /// The address for traffic between nodes.
    pub private: Option<IpAddr>,
    pub tags: BTreeSet<String>,
    /// Weight in the answers of a `weighted` or `sticky` pool, 0 to 100. 0 drains the node.
    pub weight: u8,
}

/// What a machine is for. The role decides whether its address may be in a public answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Database, files and the application tree. Never in a public answer.
    Mother,
    /// The mother's replica, ready to replace it. Never in a public answer.
    Standby,
    /// Serves the application. In the answers while healthy.
    Child,
    /// Processes queues (renders videos). Never in a public answer.
    Worker,
    /// Runs tiovivo. Only `NS` and glue records of the zone file name it.
    Dns,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::Mother, Role::Standby, Role::Child, Role::Worker, Role::Dns];

    /// As it is written in config.yaml.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Mother => "mother",
            Role::Standby => "standby",
            Role::Child => "child",
            Role::Worker => "worker",
            Role::Dns => "dns",
        }
    }

    /// Whether the mother guard keeps this role's addresses out of every public answer, also out of
    /// the static records of a zone file. Name servers are not members of pools, but zone files
    /// must name them.
    pub fn is_guarded(self) -> bool {
        match self {
            Role::Mother | Role::Standby | Role::Worker => true,
            Role::Child | Role::Dns => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Node {
    /// The addresses that the node has, public and private.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let public = [self.address.map(IpAddr::V4), self.address6.map(IpAddr::V6)];
        public.into_iter().chain([self.private]).flatten()
    }
}

/// The key of a node in config.yaml: letters, digits, `-`, `_` and `.`, at most 63 of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeName(Arc<str>);

impl NodeName {
    pub fn new(name: &str) -> NodeName {
        NodeName(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
