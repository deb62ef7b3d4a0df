//! `dns:` of a check: one question, and the rcode of its reply.

use crate::cluster::check_kind::CheckKind;
use crate::cluster::trust::Tls;
use crate::rcode::Rcode;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsProbe {
    pub port: u16,
    pub question: Question,
    /// Over TCP instead of UDP.
    pub tcp: bool,
    /// Whether the query asks for recursion (RD).
    pub recursion: bool,
    /// The rcode that a healthy server sends, 0 to 15.
    pub expect: Rcode,
}

/// One question of class IN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Name, type and class in the form of RFC 1035 §4.1.2. At most 259 octets.
    pub wire: Box<[u8]>,
    /// Name and type, as config.yaml has them.
    pub text: String,
}

impl CheckKind for DnsProbe {
    fn key(&self) -> &'static str {
        "dns"
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
