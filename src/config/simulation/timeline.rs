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
    /// The seed of the random numbers; `--seed` replaces it.
    pub seed: u64,
    pub asks_mother: AsksMother,
    /// In the order of their times. Flapping is refusing and recovering in turn.
    pub events: Vec<TimelineEvent>,
    pub clients: Clients,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEvent {
    /// Time since the start.
    pub at: Duration,
    pub what: What,
}

/// What happens in an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The behaviour of a node changes.
    Node { node: NodeName, does: Does },
    /// The network connection of the machine that sends the probes changes.
    Checker(CheckerLink),
    /// The operator sets an override; with `None` releases it.
    Operator { order: Option<OverrideKind>, target: Selector },
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
    /// Does not answer this percentage of connections: 1 to 99.
    Loses(u8),
    /// Takes this time for every answer.
    Slows(Duration),
    /// Is healthy again.
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
    /// All checks, to show what happens to a rotation that depends on the mother.
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
    /// Time from one request of a client to the next.
    pub every: Duration,
    /// The sum of their shares is 100.
    pub kinds: Vec<ClientKind>,
}

/// One kind of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKind {
    /// The percentage of clients of this kind.
    pub share: u8,
    pub keeps: Keeps,
}

/// How long a client uses an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// For the TTL of the answer.
    Ttl,
    /// For the TTL, but at least for this time.
    Floor(Duration),
    /// For this time, and only its first address, as a browser with a connection does.
    Pins(Duration),
}
