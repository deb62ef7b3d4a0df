//! The faults of a request that writes, as JSON: all of them, each with what to write instead.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::control::request::{RequestFault, fault};
use crate::http::json::Json;
use crate::http::replies::FaultsReply;

pub fn many(status: StatusCode, faults: &[RequestFault]) -> Response {
    (status, Json(FaultsReply { faults })).into_response()
}

pub fn one(status: StatusCode, text: impl Into<String>, write: impl Into<String>) -> Response {
    many(status, &[fault("", text, write)])
}
