//! The raw types of `hooks:`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::cluster::hook::Scope;
use crate::config::raw::scalar::Scalar;

/// Tells others of changes of standing: exactly one of `webhook` and `command`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "`name`, and `webhook` or `command`")]
#[schemars(rename = "hook", extend("required" = ["name"]))]
pub struct RawHook {
    /// For log and metrics.
    pub name: Option<String>,
    pub webhook: Option<RawWebhook>,
    /// A program and its arguments; it gets JSON on its standard input. No shell.
    #[schemars(length(min = 1))]
    pub command: Option<Vec<String>>,
    /// What the changes are of.
    #[schemars(length(min = 1), extend("default" = ["node", "pool"]))]
    pub on: Option<Vec<Scalar<Scope>>>,
    /// Only changes in these pools; in all of them when absent.
    #[schemars(length(min = 1))]
    pub pools: Option<Vec<String>>,
    /// Of one attempt, 10ms to 5m.
    #[schemars(extend("default" = "5s"))]
    pub timeout: Option<Scalar<Duration>>,
    /// From a failed attempt to the next, 10ms to 1m; it doubles up to 64 times as much.
    #[schemars(extend("default" = "1s"))]
    pub retry: Option<Scalar<Duration>>,
}

/// Gets a POST with JSON.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the keys `url`, `secret_file` and `ca_file`")]
#[schemars(rename = "webhook", extend("required" = ["url"]))]
pub struct RawWebhook {
    /// http or https.
    pub url: Option<String>,
    /// A file with the secret that signs, which only its owner may read.
    pub secret_file: Option<String>,
    /// Certificates of the authorities that an https receiver's is trusted by, in PEM; Mozilla's
    /// list when absent.
    pub ca_file: Option<String>,
}
