//! The faults of a request that writes, as JSON: all of them, each with what to write instead.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::control::request::{RequestFault, fault};
use crate::http::json::Json;

#[derive(Debug, Serialize)]
struct FaultsBody<'a> {
    faults: &'a [RequestFault],
}

pub fn many(status: StatusCode, faults: &[RequestFault]) -> Response {
    (status, Json(FaultsBody { faults })).into_response()
}

pub fn one(status: StatusCode, text: impl Into<String>, write: impl Into<String>) -> Response {
    many(status, &[fault("", text, write)])
}
