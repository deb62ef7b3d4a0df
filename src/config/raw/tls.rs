//! `tls:` of the checks that may go over TLS, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::raw::scalar::{Scalar, Switch};

/// What a server within TLS must show.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `sni` and `verify`, or `{}`")]
#[schemars(rename = "tls_keys")]
pub struct RawTlsKeys {
    /// Name that is asked for in the handshake, and that the certificate must have; the node's
    /// address when absent.
    pub sni: Option<String>,
    /// Whether the certificate must be valid, and of an authority that is trusted.
    #[schemars(extend("default" = true))]
    pub verify: Option<Scalar<Switch>>,
    /// PEM file with the authorities that are trusted; those of Mozilla's list when absent.
    pub ca_file: Option<String>,
}
