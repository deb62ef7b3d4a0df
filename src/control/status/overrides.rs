//! The parts of the status about overrides.

use crate::clock::Moment;
use crate::cluster::operator::{ActiveOverride, Override};
use crate::control::explain::shown;
use crate::control::overrides::apply;
use crate::control::served_config::ServedConfig;
use crate::control::status::{OperatorStatus, OverrideStatus};

pub fn operator_status(order: &ActiveOverride, now: Moment) -> OperatorStatus {
    OperatorStatus {
        state: order.state(),
        target: order.by.target.to_string(),
        reason: order.by.reason.clone(),
        author: order.by.author.clone(),
        since: shown(order.by.since, now),
        until: order.by.until.map(|at| shown(at, now)),
        held_until: order.held_until.map(|at| shown(at, now)),
    }
}

pub fn override_status(order: &Override, loaded: &ServedConfig, now: Moment) -> OverrideStatus {
    OverrideStatus {
        order: order.order.as_str(),
        target: order.target.to_string(),
        pool: order.pool.clone(),
        reason: order.reason.clone(),
        author: order.author.clone(),
        since: shown(order.since, now),
        until: order.until.map(|at| shown(at, now)),
        nodes: apply::meant(order, loaded),
    }
}
