//! `/livez` and `/readyz`, one sentence each.
//!
//! | the writer and the probes ([`liveness`]) | ready | `/livez` | `/readyz` |
//! |---|---|---|---|
//! | go on | yes | 200 | 200 |
//! | go on | not yet | 200 | 503 |
//! | stand still, or have ended | any | 503 | 503 |
//!
//! Neither asks how the members are: dead nodes are this server's business, not a reason to
//! restart it or to take it out of service.
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

/// A process that was stopped and goes on needs a moment: so often a standstill is looked at.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

pub fn routes() -> Router<Arc<HandlerState>> {
    Router::new().route("/livez", get(live)).route("/readyz", get(ready))
}

async fn live(State(state): State<Arc<HandlerState>>) -> Response {
    match dead(&state).await {
        None => said(StatusCode::OK, "alive".into()),
        Some(why) => said(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

async fn ready(State(state): State<Arc<HandlerState>>) -> Response {
    match (dead(&state).await, state.status().ready) {
        (Some(why), _) => said(StatusCode::SERVICE_UNAVAILABLE, why),
        (None, true) => said(StatusCode::OK, "ready".into()),
        (None, false) => {
            let why = "not ready: the first round of probes is not over";
            said(StatusCode::SERVICE_UNAVAILABLE, why.into())
        }
    }
}

fn said(status: StatusCode, text: String) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], text + "\n").into_response()
}

/// Why no verdict is made.
async fn dead(state: &HandlerState) -> Option<String> {
    let mut looks = 0;
    loop {
        if !state.is_published() {
            return Some("the control loop has ended; restart this server".into());
        }
        let standstill = state.liveness.check().err()?;
        looks += 1;
        if looks == LOOKS {
            return Some(format!("{standstill}; restart this server"));
        }
        sleep(PAUSE).await;
    }
}
