//! How a member is probed and how results are counted.

use std::time::Duration;

/// One `check:` or `deep:` of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub probe: Probe,
    /// From the start of one probe to the start of the next, before jitter. 100 ms to 1 day.
    pub every: Duration,
    /// A probe without a verdict after this long has failed. Shorter than `every`.
    pub timeout: Duration,
    pub thresholds: Thresholds,
}

/// What is asked of the member. The address comes from the member itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// GET, up when the status is expected.
    Http(HttpProbe),
    /// Up when the connection is accepted.
    Tcp { port: u16 },
    /// Up when the server greets with a MySQL handshake packet. No login, no query.
    Mysql { port: u16 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProbe {
    pub port: u16,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// The `Host` header; the node's own address when absent.
    pub host: Option<String>,
    /// Status codes that mean healthy, inclusive ranges. Never empty.
    pub expect: Vec<(u16, u16)>,
}

/// When results change the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// A failure adds 1, a success takes back 1/`forgive`; down at `fall`. 1 to 100.
    pub fall: u32,
    /// Up after this many successes in a row. 1 to 100.
    pub rise: u32,
    /// Successes that make up for one failure. 1 to 1000.
    pub forgive: u32,
}
