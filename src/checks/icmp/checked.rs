//! `icmp:` of a check: an echo request.

use crate::cluster::check_kind::CheckKind;
use crate::cluster::trust::Tls;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IcmpProbe {
    /// Octets of data, 16 to 1400.
    pub size: usize,
}

impl CheckKind for IcmpProbe {
    fn key(&self) -> &'static str {
        "icmp"
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
        None
    }
}
