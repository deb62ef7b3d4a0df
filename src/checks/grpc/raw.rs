//! `grpc:` of a check, as it is written.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::checked::Probe;
use crate::checks::grpc::checked::GrpcProbe;
use crate::checks::raw::RawCheckKind;
use crate::config::check::keys::required_port;
use crate::config::check::report::Report;
use crate::config::check::tls_keys::within_tls;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::Port;
use crate::config::raw::tls::RawTlsKeys;

/// Octets of the name of a gRPC service.
const MAX_SERVICE: usize = 255;

/// Up when `grpc.health.v1.Health` says SERVING, over HTTP/2.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `port` and `service`")]
#[schemars(rename = "grpc", extend("required" = ["port"]))]
pub struct RawGrpc {
    pub port: Option<Port>,
    /// Name of a service; the server as a whole when absent.
    #[schemars(length(max = 255))]
    pub service: Option<String>,
    /// Over TLS: `{}`, or keys such as `verify`.
    pub tls: Option<RawTlsKeys>,
}

impl RawCheckKind for RawGrpc {
    fn check(&self, folder: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
        let tls = within_tls(self.tls.as_ref(), folder, path, report);
        let service = self.service.clone().unwrap_or_default();
        let fits = service.len() <= MAX_SERVICE;
        if !fits {
            let help = format!("write at most {MAX_SERVICE} octets");
            report.error(&path.key("service"), format!("a name of {} octets", service.len()), help);
        }
        let port = required_port(self.port, path, report)?;
        let tls = tls?;
        fits.then_some(Probe::Grpc(GrpcProbe { port, service, tls }))
    }
}
