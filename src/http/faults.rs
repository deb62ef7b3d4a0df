//! Replies with the faults of a request that writes, as JSON: every fault, and what to write
//! instead.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::control::request::{RequestFault, fault};
use crate::http::json::Json;
use crate::http::replies::FaultsReply;

/// The reply with several faults.
pub fn many(status: StatusCode, faults: &[RequestFault]) -> Response {
    (status, Json(FaultsReply { faults })).into_response()
}

/// The reply with one fault of the request as a whole; `write` is what to write instead.
pub fn one(status: StatusCode, text: impl Into<String>, write: impl Into<String>) -> Response {
    many(status, &[fault("", text, write)])
}
