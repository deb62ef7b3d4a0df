//! `tls:` of a check, as it is written.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::checked::Probe;
use crate::checks::raw::RawCheckKind;
use crate::checks::tls::checked::TlsProbe;
use crate::cluster::connection::{ProxyVersion, StartTls};
use crate::config::check::keys::port;
use crate::config::check::report::Report;
use crate::config::check::tls_keys;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::{Port, Scalar, Switch, Whole};

const PORT: u16 = 443;

/// Up when a TLS handshake succeeds. Nothing is asked within it; the certificate's end is shown.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `port` and `sni`, or `{}`")]
#[schemars(rename = "tls")]
pub struct RawTls {
    #[schemars(extend("default" = 443))]
    pub port: Option<Port>,
    /// Name that is asked for in the handshake, and that the certificate must have; the node's
    /// address when absent.
    pub sni: Option<String>,
    /// Whether the certificate must be valid, and of an authority that is trusted.
    #[schemars(extend("default" = true))]
    pub verify: Option<Scalar<Switch>>,
    /// PEM file with the authorities that are trusted; those of Mozilla's list when absent.
    pub ca_file: Option<String>,
    /// A certificate that ends in fewer days is a failure.
    pub min_days: Option<Scalar<Whole<1, 365>>>,
    /// Asks for TLS by the commands of a protocol first.
    pub starttls: Option<Scalar<StartTls>>,
    /// PROXY protocol's header with which the connection begins: `v1` or `v2`.
    pub proxy_protocol: Option<Scalar<ProxyVersion>>,
}

impl RawCheckKind for RawTls {
    fn check(&self, folder: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
        let keys = tls_keys::Keys { sni: &self.sni, verify: self.verify, ca_file: &self.ca_file };
        Some(Probe::Tls(TlsProbe {
            port: port(self.port, PORT),
            tls: tls_keys::check(&keys, folder, path, report)?,
            min_days: self.min_days.map(|days| days.0.0),
            start_tls: self.starttls.map(|protocol| protocol.0),
            proxy: self.proxy_protocol.map(|version| version.0),
        }))
    }
}
