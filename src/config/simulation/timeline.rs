//! A checked timeline: the cluster, its events, and its clients.

use std::time::Duration;

use crate::cluster::node::NodeName;
use crate::cluster::operator::{OverrideKind, Selector};
use crate::config::Config;
use crate::zone::name::Name;

/// A timeline.
#[derive(Debug)]
pub struct Simulation {
    pub config: Config,
    /// 1 s to 1 day.
    pub until: Duration,
    /// `--seed` replaces it.
    pub seed: u64,
    pub asks_mother: AsksMother,
    /// In the order of their times. Flapping is refusing and recovering in turn.
    pub events: Vec<TimelineEvent>,
    pub clients: Clients,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEvent {
    /// Time since the start.
    pub at: Duration,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Node {
        node: NodeName,
        does: Does,
    },
    /// The machine that sends the probes.
    Checker(CheckerLink),
    /// An override; `None` releases.
    Operator {
        order: Option<OverrideKind>,
        target: Selector,
    },
}

/// The behaviour of a node, for probes and clients alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Does not answer: no power or no network.
    Dies,
    /// Its ports are closed.
    Refuses,
    /// Accepts connections and sends nothing.
    Hangs,
    /// Answers with an error: HTTP 500, a MySQL error.
    Fails,
    /// Does not answer so many of a hundred connections; 1 to 99.
    Loses(u8),
    /// Takes so long for every answer.
    Slows(Duration),
    Recovers,
}

/// The network connection of the machine that sends the probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckerLink {
    CutOff,
    Recovers,
}

/// Which checks of a child depend on the mother.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AsksMother {
    /// Deep checks, as recommended: the rotation does not depend on the mother.
    #[default]
    Deep,
    /// All checks, to show what happens to a rotation whose check asks the mother.
    All,
    None,
}

/// Clients that ask for a name, and send requests to the first address of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// A name that a pool answers.
    pub asks: Name,
    /// 1 to 100,000.
    pub count: u32,
    /// Time from one request of a client to its next.
    pub every: Duration,
    /// The sum of their shares is 100.
    pub kinds: Vec<ClientKind>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKind {
    /// So many of a hundred clients.
    pub share: u8,
    pub keeps: Keeps,
}

/// How long a client uses an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// For the TTL of the answer.
    Ttl,
    /// For at least so long, whatever the TTL.
    Floor(Duration),
    /// For so long, and only its first address, as a browser with a connection does.
    Pins(Duration),
}
