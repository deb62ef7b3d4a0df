//! `exec:` of a check: a command of the operator.

use crate::cluster::check_kind::CheckKind;
use crate::cluster::trust::Tls;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecProbe {
    /// An absolute path, then arguments: at most 64 words of 4096 octets each.
    pub command: Vec<String>,
}

impl CheckKind for ExecProbe {
    fn key(&self) -> &'static str {
        "exec"
    }

    fn has_a_family(&self) -> bool {
        false
    }

    fn tells_load(&self) -> bool {
        false
    }

    fn tls(&self) -> Option<&Tls> {
        None
    }

    fn port_mut(&mut self) -> Option<&mut u16> {
        None
    }
}
