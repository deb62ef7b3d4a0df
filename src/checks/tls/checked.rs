//! `tls:` of a check: a handshake, and how long its certificate must last.

use crate::cluster::check_kind::CheckKind;
use crate::cluster::connection::{ProxyVersion, StartTls};
use crate::cluster::trust::Tls;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsProbe {
    pub port: u16,
    pub tls: Tls,
    /// Days that a certificate must still be valid, 1 to 365; with `None` its end is only shown.
    pub min_days: Option<u32>,
    /// Asks for TLS first, in this protocol.
    pub start_tls: Option<StartTls>,
    pub proxy: Option<ProxyVersion>,
}

impl CheckKind for TlsProbe {
    fn key(&self) -> &'static str {
        "tls"
    }

    fn has_a_family(&self) -> bool {
        true
    }

    fn tells_load(&self) -> bool {
        false
    }

    fn tls(&self) -> Option<&Tls> {
        Some(&self.tls)
    }

    fn port_mut(&mut self) -> Option<&mut u16> {
        Some(&mut self.port)
    }
}
