//! `mysql:` of a check: the greeting of a server.

use crate::cluster::check_kind::CheckKind;
use crate::cluster::trust::Tls;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MysqlProbe {
    pub port: u16,
    /// Whether a server that greets with "Too many connections" is up.
    pub full_is_up: bool,
}

impl CheckKind for MysqlProbe {
    fn key(&self) -> &'static str {
        "mysql"
    }

    fn has_a_family(&self) -> bool {
        true
    }

    fn tells_load(&self) -> bool {
        false
    }

    fn tls(&self) -> Option<&Tls> {
        None
    }

    fn port_mut(&mut self) -> Option<&mut u16> {
        Some(&mut self.port)
    }
}
