//! Serves `/metrics`: OpenMetrics text, written from the counters and the newest status at each
//! scrape.
//!
//! This module counts nothing itself, so nothing can be counted twice. Labels come from the
//! configuration and from closed lists, never from a query, so the number of series depends on the
//! cluster and not on what clients ask.
//!
//! OpenMetrics is the only format; Prometheus reads it since version 2.5, whatever its `Accept`
//! header says.

mod families;
mod members;
mod server;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::control::status::Status;
use crate::control::troubles::Troubles;
use crate::counters::Counters;
use crate::hooks::HooksHandle;
use crate::http::dashboard::{Dashboard, HandlerState};
use crate::http::metrics::families::MetricFamilies;
use crate::http::metrics::members::{checks, members, pools};
use crate::http::metrics::server::{answers, connections, hooks, server, troubles};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub fn routes() -> Router<Arc<HandlerState>> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(State(state): State<Arc<HandlerState>>) -> Response {
    let mut body = String::new();
    match text::encode(&mut body, &state.registry) {
        Ok(()) => {
            ([(CONTENT_TYPE, OPEN_METRICS), (CACHE_CONTROL, "no-store")], body).into_response()
        }
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The registry of all metrics, whose names begin with `tiovivo_`.
pub fn registry(dashboard: &Dashboard) -> Registry {
    let Dashboard { status, counters, hooks, troubles, .. } = dashboard;
    let collector = StatusCollector {
        status: status.clone(),
        counters: counters.clone(),
        hooks: hooks.clone(),
        troubles: troubles.clone(),
    };
    let mut registry = Registry::with_prefix("tiovivo");
    registry.register_collector(Box::new(collector));
    registry
}

/// The sources of a scrape.
#[derive(Debug)]
struct StatusCollector {
    status: watch::Receiver<Arc<Status>>,
    counters: Arc<Counters>,
    hooks: HooksHandle,
    troubles: Troubles,
}

impl Collector for StatusCollector {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let status = self.status.borrow().clone();
        let mut out = MetricFamilies(encoder);
        server(&mut out, &status)?;
        troubles(&mut out, &self.troubles)?;
        answers(&mut out, &self.counters)?;
        connections(&mut out, &self.counters)?;
        pools(&mut out, &status.pools)?;
        members(&mut out, &status.pools)?;
        checks(&mut out, &status.pools)?;
        hooks(&mut out, &self.hooks.status())
    }
}
