//! Serves `/livez` and `/readyz`: each a status code and one sentence.
//!
//! | the writer and the probes ([`liveness`]) | ready | `/livez` | `/readyz` |
//! |---|---|---|---|
//! | go on | yes | 200 | 200 |
//! | go on | not yet | 200 | 503 |
//! | stand still, or have ended | any | 503 | 503 |
//!
//! Neither depends on the health of members: dead nodes are no reason to restart this server or to
//! take it out of service.
//!
//! [`liveness`]: crate::control::liveness

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::time::sleep;

use crate::http::dashboard::HandlerState;

/// Number of checks in a row that must find a standstill: a process that was stopped needs a moment
/// to continue.
const CHECKS: u32 = 10;
/// Time from one of these checks to the next.
const PAUSE: Duration = Duration::from_millis(50);

pub fn routes() -> Router<Arc<HandlerState>> {
    Router::new().route("/livez", get(live)).route("/readyz", get(ready))
}

async fn live(State(state): State<Arc<HandlerState>>) -> Response {
    match standstill(&state).await {
        None => sentence(StatusCode::OK, "alive".into()),
        Some(why) => sentence(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

async fn ready(State(state): State<Arc<HandlerState>>) -> Response {
    match (standstill(&state).await, state.status().ready) {
        (Some(why), _) => sentence(StatusCode::SERVICE_UNAVAILABLE, why),
        (None, true) => sentence(StatusCode::OK, "ready".into()),
        (None, false) => {
            let why = "not ready: the first round of probes is not over";
            sentence(StatusCode::SERVICE_UNAVAILABLE, why.into())
        }
    }
}

fn sentence(status: StatusCode, text: String) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], text + "\n").into_response()
}

/// Why the writer or the probes make no progress; `None` when they do.
async fn standstill(state: &HandlerState) -> Option<String> {
    let mut checks = 0;
    loop {
        if !state.is_published() {
            return Some("the control loop has ended; restart this server".into());
        }
        let standstill = state.liveness.check().err()?;
        checks += 1;
        if checks == CHECKS {
            return Some(format!("{standstill}; restart this server"));
        }
        sleep(PAUSE).await;
    }
}
