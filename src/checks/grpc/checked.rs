//! `grpc:` of a check: the standard health service.

use crate::cluster::check_kind::CheckKind;
use crate::cluster::trust::Tls;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcProbe {
    pub port: u16,
    /// The name of the service; empty for the server as a whole. At most 255 octets.
    pub service: String,
    /// Over TLS when present.
    pub tls: Option<Tls>,
}

impl CheckKind for GrpcProbe {
    fn key(&self) -> &'static str {
        "grpc"
    }

    fn has_a_family(&self) -> bool {
        true
    }

    fn tells_load(&self) -> bool {
        false
    }

    fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    fn port_mut(&mut self) -> Option<&mut u16> {
        Some(&mut self.port)
    }
}
