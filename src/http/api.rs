//! Serves `/api/v1`: the running server as data.
//!
//! Writes are `post(…)` beside the `get(…)` of the same resource, under the layer of [`auth`] that
//! requires the bearer token; reads require none. Fields may be added to a body, but never renamed.
//!
//! [`auth`]: crate::http::auth

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::routing::get;
use serde::Serialize;

use crate::control::status::Status;
use crate::control::troubles::Trouble;
use crate::http::auth::WriteTokens;
use crate::http::dashboard::HandlerState;
use crate::http::json::Json;
use crate::http::{operator, push};

pub fn routes(tokens: WriteTokens) -> Router<Arc<HandlerState>> {
    let reads = Router::new().route("/status", get(status)).route("/hooks", get(hooks));
    reads.merge(operator::routes(tokens.clone())).merge(push::routes(tokens))
}

#[derive(Debug, Serialize)]
struct StatusBody {
    #[serde(flatten)]
    status: Arc<Status>,
    /// The current problems with this server's own files.
    troubles: Vec<Trouble>,
}

async fn status(State(state): State<Arc<HandlerState>>) -> impl IntoResponse {
    let whole = StatusBody { status: state.status(), troubles: state.troubles() };
    ([(CACHE_CONTROL, "no-store")], Json(whole))
}

async fn hooks(State(state): State<Arc<HandlerState>>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], Json(state.hooks()))
}
