//! Builds the parts of the status about overrides.

use crate::clock::Moment;
use crate::cluster::operator::{ActiveOverride, Override};
use crate::control::explain::time::shown;
use crate::control::overrides::apply;
use crate::control::served_config::ServedConfig;
use crate::control::status::{OperatorStatus, OverrideStatus};

/// The status of the override that counts for a member.
pub fn operator_status(active: &ActiveOverride, now: Moment) -> OperatorStatus {
    OperatorStatus {
        state: active.state(),
        target: active.given.selector.to_string(),
        reason: active.given.reason.clone(),
        author: active.given.author.clone(),
        since: shown(active.given.since, now),
        until: active.given.until.map(|at| shown(at, now)),
        held_until: active.held_until.map(|at| shown(at, now)),
    }
}

/// The status of an override in force, with the nodes that it selects.
pub fn override_status(given: &Override, config: &ServedConfig, now: Moment) -> OverrideStatus {
    OverrideStatus {
        order: given.kind.as_str(),
        target: given.selector.to_string(),
        pool: given.pool.clone(),
        reason: given.reason.clone(),
        author: given.author.clone(),
        since: shown(given.since, now),
        until: given.until.map(|at| shown(at, now)),
        nodes: apply::selected_nodes(given, config),
    }
}
