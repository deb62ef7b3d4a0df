//! The parts of the dashboard, and the state that its handlers share.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, watch};

use crate::control::event::{Command, ReportRequest};
use crate::control::liveness::Liveness;
use crate::control::status::Status;
use crate::control::troubles::{Trouble, Troubles};
use crate::counters::Counters;
use crate::hooks;
use crate::http::auth::WriteTokens;
use crate::http::server::HttpLimits;

/// The parts of the server that the dashboard shows, and the queues that it sends to.
#[derive(Debug, Clone)]
pub struct Dashboard {
    pub status: watch::Receiver<Arc<Status>>,
    pub counters: Arc<Counters>,
    pub hooks: hooks::HooksHandle,
    pub limits: HttpLimits,
    pub commands: mpsc::Sender<Command>,
    pub reports: mpsc::Sender<ReportRequest>,
    pub tokens: WriteTokens,
    pub liveness: Liveness,
    pub troubles: Troubles,
}

/// The state that every handler reads, and the queues that it sends to.
#[derive(Debug)]
pub struct HandlerState {
    pub(super) status: watch::Receiver<Arc<Status>>,
    pub(super) hooks: hooks::HooksHandle,
    pub(super) registry: Registry,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) reports: mpsc::Sender<ReportRequest>,
    pub(super) liveness: Liveness,
    pub(super) troubles: Troubles,
}

impl HandlerState {
    pub fn troubles(&self) -> Vec<Trouble> {
        self.troubles.list()
    }

    pub fn hooks(&self) -> Vec<hooks::status::HookStatus> {
        self.hooks.status()
    }

    pub fn status(&self) -> Arc<Status> {
        self.status.borrow().clone()
    }

    /// Whether the control loop still runs. After its end the latest status stays readable, but is
    /// out of date.
    pub fn is_published(&self) -> bool {
        self.status.has_changed().is_ok()
    }
}
