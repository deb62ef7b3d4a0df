//! `push:` of a check: the node or another system reports by itself.

use std::time::Duration;

use crate::cluster::check_kind::CheckKind;
use crate::cluster::trust::Tls;

/// Reports that come over the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushProbe {
    /// Each time that passes without a report counts as a failure. 1 s to 1 day.
    pub expires: Duration,
    /// Whether a report may carry the capacity of the node.
    pub load: bool,
}

impl CheckKind for PushProbe {
    fn key(&self) -> &'static str {
        "push"
    }

    fn has_a_family(&self) -> bool {
        false
    }

    fn tells_load(&self) -> bool {
        self.load
    }

    fn tls(&self) -> Option<&Tls> {
        None
    }

    fn port_mut(&mut self) -> Option<&mut u16> {
        None
    }
}
