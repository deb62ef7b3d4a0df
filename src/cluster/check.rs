//! The check of a member: how the member is probed, and how results are counted.

use std::time::Duration;

use crate::checks::checked::Probe;
use crate::cluster::families::Family;
use crate::cluster::member::AddressKind;

/// One `check:` or `deep:` of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub probe: Probe,
    /// Which address of the member is probed; `None` for the address that the pool answers.
    pub address: Option<AddressKind>,
    pub family: CheckedFamily,
    /// From the start of one probe to the start of the next, before jitter: 100 ms to 1 day. For a
    /// push, the time until it expires.
    pub every: Duration,
    /// A probe without a result after this time has failed. Shorter than `every`; zero for a push.
    pub timeout: Duration,
    pub thresholds: Thresholds,
}

/// `family:` of a check: in which families it probes a member that has addresses of both. A member
/// with a single family is probed in that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckedFamily {
    /// In one family; the verdict counts for both.
    Only(Family),
    /// In each family; each verdict counts for its own.
    #[default]
    Each,
}

/// How many results change the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// A failure adds 1, a success takes back 1/`forgive`; down at `fall`. 1 to 100.
    pub fall: u32,
    /// Up after this many successes in a row. 1 to 100.
    pub rise: u32,
    /// Successes that make up for one failure. 1 to 1000.
    pub forgive: u32,
}
