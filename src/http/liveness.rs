//! `/livez` and `/readyz`, one sentence each.
//!
//! | writer of the status | ready | `/livez` | `/readyz` |
//! |---|---|---|---|
//! | runs | yes | 200 | 200 |
//! | runs | not yet | 200 | 503 |
//! | has ended | any | 503 | 503 |
//!
//! Neither asks how the members are: dead nodes are this server's business, not a reason to
//! restart it or to take it out of service.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::http::Shared;

const DEAD: (StatusCode, &str) =
    (StatusCode::SERVICE_UNAVAILABLE, "the control loop has ended; restart this server\n");

pub fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/livez", get(live)).route("/readyz", get(ready))
}

async fn live(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let said = if shared.is_published() { (StatusCode::OK, "alive\n") } else { DEAD };
    ([(CACHE_CONTROL, "no-store")], said).into_response()
}

async fn ready(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let said = match (shared.is_published(), shared.status().ready) {
        (false, _) => DEAD,
        (true, true) => (StatusCode::OK, "ready\n"),
        (true, false) => {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: the first round of probes is not over\n")
        }
    };
    ([(CACHE_CONTROL, "no-store")], said).into_response()
}
