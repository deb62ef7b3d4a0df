//! Probes of other servers than web servers: databases, caches, name servers, gRPC.

use crate::cluster::trust::Tls;
use crate::rcode::Rcode;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MysqlProbe {
    pub port: u16,
    /// Whether a server that greets with "Too many connections" is up.
    pub full_is_up: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisProbe {
    pub port: u16,
    /// Over TLS when present.
    pub tls: Option<Tls>,
}

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcProbe {
    pub port: u16,
    /// The name of the service; empty for the server as a whole. At most 255 octets.
    pub service: String,
    /// Over TLS when present.
    pub tls: Option<Tls>,
}
