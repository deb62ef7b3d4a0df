//! The dashboard: serves API, page and metrics over HTTP/1.1 from what other modules publish.
//!
//! | path | content |
//! |---|---|
//! | `/` | the page; `/?fragment` is its changing part alone |
//! | `/api/v1/…` | the API, see [`api`] |
//! | `/metrics` | OpenMetrics text |
//! | `/livez`, `/readyz` | for a supervisor and for a load balancer |
//!
//! Nothing here can delay a DNS answer: the handlers read a watch channel and counters, and send
//! overrides and reports to the control loop. Every route names its methods; methods that write
//! require the token of [`auth`].
//!
//! Deliberately missing: TLS and log-in. The page belongs on a loopback address or behind a proxy
//! that has both.

pub mod api;
pub mod auth;
pub mod dashboard;
pub mod faults;
pub mod guard;
pub mod json;
pub mod liveness;
pub mod metrics;
pub mod operator;
pub mod page;
pub mod push;
pub mod replies;
pub mod server;

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use tokio::net::TcpListener;

use crate::http::dashboard::{Dashboard, HandlerState};

/// Maximum octets of a request body.
const MAX_BODY: usize = 16 * 1024;

/// Answers until `stop` is ready, then waits for open requests within the grace period of the
/// limits.
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
    let Dashboard { status, hooks, commands, reports, tokens, liveness, troubles, .. } = dashboard;
    let state = HandlerState { status, hooks, registry, commands, reports, liveness, troubles };
    let state = Arc::new(state);
    Router::new()
        .merge(page::routes())
        .merge(metrics::routes())
        .merge(liveness::routes())
        .nest("/api/v1", api::routes(tokens))
        .fallback(|| async { (StatusCode::NOT_FOUND, "nothing here; the page is at /\n") })
        .method_not_allowed_fallback(|| async {
            (StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method\n")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(hosts, guard::check_host))
        .layer(middleware::map_response(guard::add_security_headers))
        .with_state(state)
}
