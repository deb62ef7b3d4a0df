//! Who is told when a standing changes, and how.

use std::fmt;
use std::time::Duration;

use crate::cluster::trust::Trust;

/// What a change is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A member of a pool began or ceased to serve.
    Node,
    /// A pool became short, or has enough again; its last set is kept, or no longer.
    Pool,
}

impl Scope {
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Node => "node",
            Scope::Pool => "pool",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Unique among the hooks.
    pub name: String,
    pub action: Action,
    pub on: Vec<Scope>,
    /// Names of pools; all of them when empty.
    pub pools: Vec<String>,
    /// Of one attempt.
    pub timeout: Duration,
    /// From a failed attempt to the next; it doubles with each failure.
    pub retry: Duration,
}

impl Hook {
    pub fn wants(&self, scope: Scope, pool: &str) -> bool {
        self.on.contains(&scope) && (self.pools.is_empty() || self.pools.iter().any(|p| p == pool))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// An http or https URL, what signs the body, and who may vouch for an https receiver.
    Webhook { url: String, secret: Option<Secret>, trust: Trust },
    /// A program and its arguments. Never empty.
    Command(Vec<String>),
}

/// Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Box<[u8]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
