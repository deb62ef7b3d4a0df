//! `redis:` of a check: PING.

use crate::cluster::check_kind::CheckKind;
use crate::cluster::trust::Tls;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisProbe {
    pub port: u16,
    /// Over TLS when present.
    pub tls: Option<Tls>,
}

impl CheckKind for RedisProbe {
    fn key(&self) -> &'static str {
        "redis"
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
