//! Serves `/api/v1/operator`: the overrides in force, and new overrides.
//!
//! | method | content |
//! |---|---|
//! | `GET` | the overrides in force |
//! | `POST` | an override, or the release of one; 200 when it is on the disk and in the answers |

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware, routing};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::control::event::Command;
use crate::control::overrides::request::{self, Refusal};
use crate::control::status::{OverrideEffect, OverrideStatus};
use crate::http::auth::{WriteTokens, check_token};
use crate::http::dashboard::HandlerState;
use crate::http::faults;
use crate::http::json::{self, Json};
use crate::http::replies::OverridesReply;

/// Maximum wait until an override is on the disk.
const RECORDING: Duration = Duration::from_secs(10);

pub fn routes(tokens: WriteTokens) -> Router<Arc<HandlerState>> {
    let guard = middleware::from_fn_with_state(tokens, check_token);
    Router::new().route("/operator", routing::post(order).layer(guard).get(list))
}

async fn list(State(state): State<Arc<HandlerState>>) -> Response {
    overrides_response(&state.status().overrides, None)
}

async fn order(State(state): State<Arc<HandlerState>>, body: Bytes) -> Response {
    let body = match json::read(&body) {
        Ok(body) => body,
        Err(error) => {
            let write = "a JSON object: {\"order\": …, \"target\": …, \"author\": …}";
            return faults::one(StatusCode::BAD_REQUEST, format!("no JSON: {error}"), write);
        }
    };
    let request = match request::read(&body) {
        Ok(request) => request,
        Err(found) => return faults::many(StatusCode::UNPROCESSABLE_ENTITY, &found),
    };
    let (reply, answer) = oneshot::channel();
    let carried_out = async {
        state.commands.send(Command::Operate(request, reply)).await.ok()?;
        answer.await.ok()
    };
    match timeout(RECORDING, carried_out).await {
        Ok(Some(Ok(done))) => overrides_response(&done.overrides, Some(&done.members)),
        Ok(Some(Err(Refusal::Faults(found)))) => {
            faults::many(StatusCode::UNPROCESSABLE_ENTITY, &found)
        }
        Ok(Some(Err(Refusal::NotPersisted(error)))) => faults::one(
            StatusCode::INSUFFICIENT_STORAGE,
            format!("nothing changed, as the order cannot be kept: {error}"),
            "the same again when the state folder can be read and written",
        ),
        Ok(None) => {
            faults::one(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping", "it again later")
        }
        Err(_) => faults::one(
            StatusCode::GATEWAY_TIMEOUT,
            "the disk is slow: the order may yet come into force",
            "nothing before GET has shown what is in force",
        ),
    }
}

fn overrides_response(
    overrides: &[OverrideStatus],
    members: Option<&[OverrideEffect]>,
) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(OverridesReply { overrides, members })).into_response()
}
