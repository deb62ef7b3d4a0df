//! The bodies of replies to requests that write, for the server that writes them and the commands
//! that read them.

use serde::{Deserialize, Serialize};

/// The overrides in force. `O` and `E` are slices or lists of
/// [`OverrideStatus`](crate::control::status::OverrideStatus) and
/// [`OverrideEffect`](crate::control::status::OverrideEffect).
#[derive(Debug, Serialize, Deserialize)]
pub struct OverridesReply<O, E> {
    pub overrides: O,
    /// What a new override did to each member; `None` unless the reply is to a request that writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<E>,
}

/// Why a request is refused. `F` is a slice or a list of
/// [`RequestFault`](crate::control::request::RequestFault).
#[derive(Debug, Serialize, Deserialize)]
pub struct FaultsReply<F> {
    pub faults: F,
}

/// The reply to a report that was taken.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReportReply {
    /// Pools without a check of the name in the report.
    pub others: Vec<String>,
    /// Pools that take the report.
    pub pools: Vec<String>,
    /// Always true.
    pub taken: bool,
}
