//! Takes health reports from nodes and outside systems: `POST /api/v1/push/POOL/NODE` about one
//! member, and `POST /api/v1/push/NODE` about all members that are the node, all at once or none.
//!
//! A report is sent to the control loop if its queue has a free place, and refused otherwise: its
//! sender will soon repeat it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware, routing};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::control::event::ReportRequest;
use crate::control::health_report::{self, ReportPools, ReportRefusal};
use crate::http::auth::{WriteTokens, check_report};
use crate::http::dashboard::HandlerState;
use crate::http::faults;
use crate::http::json::{self, Json};
use crate::http::replies::ReportReply;

/// Maximum wait until the control loop takes a report.
const TAKING: Duration = Duration::from_secs(2);

pub fn routes(tokens: WriteTokens) -> Router<Arc<HandlerState>> {
    let guard = middleware::from_fn_with_state(tokens, check_report);
    Router::new()
        .route("/push/{pool}/{node}", routing::post(of_member).layer(guard.clone()))
        .route("/push/{node}", routing::post(of_node).layer(guard))
}

async fn of_member(
    State(state): State<Arc<HandlerState>>,
    Path((pool, node)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    report(&state, Some(&pool), &node, &body).await
}

async fn of_node(
    State(state): State<Arc<HandlerState>>,
    Path(node): Path<String>,
    body: Bytes,
) -> Response {
    report(&state, None, &node, &body).await
}

async fn report(state: &HandlerState, pool: Option<&str>, node: &str, body: &[u8]) -> Response {
    let body = match json::read(body) {
        Ok(body) => body,
        Err(error) => {
            let write = "a JSON object: {\"healthy\": true}";
            return faults::one(StatusCode::BAD_REQUEST, format!("no JSON: {error}"), write);
        }
    };
    let report = match health_report::read(pool, node, &body) {
        Ok(report) => report,
        Err(found) => return faults::many(StatusCode::UNPROCESSABLE_ENTITY, &found),
    };
    let (reply, answer) = oneshot::channel();
    if state.reports.try_send(ReportRequest { report, reply }).is_err() {
        return busy();
    }
    match timeout(TAKING, answer).await {
        Ok(Ok(Ok(ReportPools { taking, others }))) => {
            let reply = ReportReply { others, pools: taking, taken: true };
            (StatusCode::ACCEPTED, [(CACHE_CONTROL, "no-store")], Json(reply)).into_response()
        }
        Ok(Ok(Err(ReportRefusal::Faults(found)))) => {
            faults::many(StatusCode::UNPROCESSABLE_ENTITY, &found)
        }
        Ok(Ok(Err(ReportRefusal::Busy)) | Err(_)) | Err(_) => busy(),
    }
}

fn busy() -> Response {
    faults::one(
        StatusCode::SERVICE_UNAVAILABLE,
        "too many reports wait, or the server is stopping",
        "it again in a second",
    )
}
