//! `tcp:` of a check that looks for a text in what the server says.

use crate::cluster::check_kind::CheckKind;
use crate::cluster::connection::{ProxyVersion, StartTls};
use crate::cluster::trust::Tls;

/// A TCP connection on which text is exchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TalkProbe {
    pub port: u16,
    /// What is sent first; `None` when the server speaks first. 1 to 1024 octets.
    pub send: Option<String>,
    /// A text that must be in the first 64 KiB of the answer. 1 to 1024 octets.
    pub expect: String,
    /// Asks for TLS first; the exchange then happens within it.
    pub start_tls: Option<(StartTls, Tls)>,
    pub proxy: Option<ProxyVersion>,
}

impl CheckKind for TalkProbe {
    fn key(&self) -> &'static str {
        "tcp"
    }

    fn has_a_family(&self) -> bool {
        true
    }

    fn tells_load(&self) -> bool {
        false
    }

    fn tls(&self) -> Option<&Tls> {
        self.start_tls.as_ref().map(|(_, tls)| tls)
    }

    fn port_mut(&mut self) -> Option<&mut u16> {
        Some(&mut self.port)
    }
}
