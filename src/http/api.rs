//! `/api/v1`: the running server as data.
//!
//! Version 1 only reads. Writes come as further routes of [`routes`], `post(…)` beside the `get(…)`
//! of the same thing, under a layer of their own that asks for the bearer token; reads stay as
//! they are. Fields may be added to a body, never renamed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};

use crate::http::Shared;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/status", get(status))
}

async fn status(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], Json(shared.status()))
}
