//! The dashboard: API, page and metrics over HTTP/1.1, reading what others publish.
//!
//! | path | says |
//! |---|---|
//! | `/` | the page; `/?fragment` is its changing part alone |
//! | `/api/v1/…` | the API, see [`api`] |
//! | `/metrics` | OpenMetrics text |
//! | `/livez`, `/readyz` | for a supervisor and for a balancer |
//!
//! Nothing here can slow an answer down: it holds one end of a watch channel, reads counters, and
//! hands orders to the one writer. Every route names its methods itself; those that write stand
//! behind the token of [`auth`].
//!
//! Deliberately missing: TLS and log-in. The page belongs on a loopback address or behind a proxy
//! that has both.

pub mod api;
pub mod auth;
pub mod faults;
pub mod guard;
pub mod json;
pub mod liveness;
pub mod metrics;
pub mod operator;
pub mod page;
pub mod push;
pub mod server;

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::control::event::{Command, ReportRequest};
use crate::control::liveness::Liveness;
use crate::control::status::Status;
use crate::control::troubles::{Trouble, Troubles};
use crate::counters::Counters;
use crate::hooks;
use crate::http::auth::Writers;
use crate::http::server::Limits;

/// Octets of a request body that a handler may ask for.
const MAX_BODY: usize = 16 * 1024;

/// What the dashboard is given by the composition root.
#[derive(Debug, Clone)]
pub struct Dashboard {
    pub status: watch::Receiver<Arc<Status>>,
    pub counters: Arc<Counters>,
    pub hooks: hooks::HooksHandle,
    pub limits: Limits,
    pub commands: mpsc::Sender<Command>,
    pub reports: mpsc::Sender<ReportRequest>,
    pub writers: Writers,
    pub liveness: Liveness,
    pub troubles: Troubles,
}

/// What every handler sees.
#[derive(Debug)]
pub struct Shared {
    status: watch::Receiver<Arc<Status>>,
    hooks: hooks::HooksHandle,
    registry: Registry,
    commands: mpsc::Sender<Command>,
    reports: mpsc::Sender<ReportRequest>,
    liveness: Liveness,
    troubles: Troubles,
}

impl Shared {
    pub fn troubles(&self) -> Vec<Trouble> {
        self.troubles.list()
    }

    pub fn hooks(&self) -> Vec<hooks::status::HookStatus> {
        self.hooks.status()
    }

    pub fn status(&self) -> Arc<Status> {
        self.status.borrow().clone()
    }

    /// Whether somebody still publishes. Without a writer the newest status stays readable, and
    /// it must not be taken for news.
    pub fn is_published(&self) -> bool {
        self.status.has_changed().is_ok()
    }
}

/// Answers until `stop` is ready, then lets open requests end within the limits' grace.
///
/// # Errors
/// When the listener has no address. Nothing that a client does ends the server.
pub async fn serve(
    listener: TcpListener,
    dashboard: Dashboard,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let hosts = guard::Hosts::of(listener.local_addr()?);
    let limits = dashboard.limits;
    server::serve(listener, router(dashboard, hosts), limits, stop).await;
    Ok(())
}

fn router(dashboard: Dashboard, hosts: guard::Hosts) -> Router {
    let registry = metrics::registry(&dashboard);
    let Dashboard { status, hooks, commands, reports, writers, liveness, troubles, .. } = dashboard;
    let shared = Shared { status, hooks, registry, commands, reports, liveness, troubles };
    let shared = Arc::new(shared);
    Router::new()
        .merge(page::routes())
        .merge(metrics::routes())
        .merge(liveness::routes())
        .nest("/api/v1", api::routes(writers))
        .fallback(|| async { (StatusCode::NOT_FOUND, "nothing here; the page is at /\n") })
        .method_not_allowed_fallback(|| async {
            (StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method\n")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(hosts, guard::check_host))
        .layer(middleware::map_response(guard::protect))
        .with_state(shared)
}
