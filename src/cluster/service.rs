//! Probes of servers that are no web servers: what is asked of a database, a cache, a name server.

use std::fmt;

use crate::cluster::trust::Tls;

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
    /// Of the reply, 0 to 15.
    pub expect: Rcode,
}

/// One question of class IN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Name, type and class in the form of RFC 1035 §4.1.2. At most 259 octets.
    pub wire: Box<[u8]>,
    /// Name and type, as written.
    pub text: String,
}

/// An rcode of the header (RFC 1035 §4.1.1, RFC 2136 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rcode(pub u8);

impl Rcode {
    pub const NAMED: &'static [(&'static str, Rcode)] = &[
        ("NOERROR", Rcode(0)),
        ("FORMERR", Rcode(1)),
        ("SERVFAIL", Rcode(2)),
        ("NXDOMAIN", Rcode(3)),
        ("NOTIMP", Rcode(4)),
        ("REFUSED", Rcode(5)),
        ("NOTAUTH", Rcode(9)),
    ];
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Rcode::NAMED.iter().find(|(_, rcode)| rcode == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "rcode {}", self.0),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcProbe {
    pub port: u16,
    /// Asked for by name; the server as a whole when empty. At most 255 octets.
    pub service: String,
    /// Over TLS when present.
    pub tls: Option<Tls>,
}
