//! Hooks: where changes of members and pools are sent.

use std::fmt;
use std::time::Duration;

use crate::cluster::trust::Trust;

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A member of a pool begins or ceases to serve.
    Node,
    /// A pool becomes short or has enough again; it keeps its last set, or no longer; another tier
    /// becomes active.
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

/// A receiver of changes, from `hooks:` of config.yaml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Unique among the hooks.
    pub name: String,
    pub action: Action,
    /// The scopes of the changes that are sent.
    pub on: Vec<Scope>,
    /// Names of the pools whose changes are sent; empty for all pools.
    pub pools: Vec<String>,
    /// Longest time of one attempt.
    pub timeout: Duration,
    /// Pause after a failed attempt; it doubles with each failure.
    pub retry: Duration,
}

impl Hook {
    /// Whether changes of `scope` in `pool` are sent to this hook.
    pub fn wants(&self, scope: Scope, pool: &str) -> bool {
        self.on.contains(&scope) && (self.pools.is_empty() || self.pools.iter().any(|p| p == pool))
    }
}

/// How a change is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A POST to a URL of http or https, signed with `secret`; `trust` is for an https receiver.
    Webhook { url: String, secret: Option<HookSecret>, trust: Trust },
    /// A program and its arguments. Never empty.
    Command(Vec<String>),
}

/// A key that signs events. Its content is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct HookSecret(pub Box<[u8]>);

impl fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookSecret")
    }
}
