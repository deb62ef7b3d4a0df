//! The check of a member: how the member is probed, and how results are counted.

use std::path::PathBuf;
use std::time::Duration;

use crate::cluster::families::Family;
use crate::cluster::member::AddressKind;
use crate::cluster::service::{DnsProbe, GrpcProbe, MysqlProbe, RedisProbe};
use crate::cluster::trust::{Tls, Trust};

/// One `check:` or `deep:` of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub probe: Probe,
    /// Which address of the member is probed; `None` for the address that the pool answers.
    pub address: Option<AddressKind>,
    pub family: CheckedFamily,
    /// From the start of one probe to the start of the next, before jitter: 100 ms to 1 day. For a
    /// push, the time until it expires.
    pub every: Duration,
    /// A probe without a result after this time has failed. Shorter than `every`; zero for a push.
    pub timeout: Duration,
    pub thresholds: Thresholds,
}

/// `family:` of a check: in which families it probes a member that has addresses of both. A member
/// with a single family is probed in that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckedFamily {
    /// In one family; the verdict counts for both.
    Only(Family),
    /// In each family; each verdict counts for its own.
    #[default]
    Each,
}

/// What a probe sends and expects. The address comes from the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// A request over HTTP or HTTPS; up when the answer is as expected.
    Http(HttpProbe),
    /// Up when the connection is accepted.
    Tcp { port: u16 },
    /// Up when the answer of the server contains a text.
    Talk(TalkProbe),
    /// Up when a TLS handshake succeeds.
    Tls(TlsProbe),
    /// Up when an ICMP echo request with so many octets of data is answered. 16 to 1400.
    Icmp { size: usize },
    /// Up when a command exits with 0.
    Exec(ExecProbe),
    /// Up when the server greets with a MySQL handshake packet. No login, no query.
    Mysql(MysqlProbe),
    /// Up when a Redis server answers PING.
    Redis(RedisProbe),
    /// Up when a query has the expected rcode.
    Dns(DnsProbe),
    /// Up when the gRPC health service says SERVING.
    Grpc(GrpcProbe),
    /// Up when a report says so. Nothing is sent.
    Push(PushProbe),
}

impl Probe {
    /// The key of config.yaml.
    pub fn kind(&self) -> &'static str {
        match self {
            Probe::Http(http) if http.tls.is_some() => "https",
            Probe::Http(_) => "http",
            Probe::Tcp { .. } | Probe::Talk(_) => "tcp",
            Probe::Tls(_) => "tls",
            Probe::Icmp { .. } => "icmp",
            Probe::Exec(_) => "exec",
            Probe::Mysql(_) => "mysql",
            Probe::Redis(_) => "redis",
            Probe::Dns(_) => "dns",
            Probe::Grpc(_) => "grpc",
            Probe::Push(_) => "push",
        }
    }

    /// Whether it is sent to an address. A command or a report is about the node as a whole.
    pub fn has_a_family(&self) -> bool {
        !matches!(self, Probe::Exec(_) | Probe::Push(_))
    }

    /// Whether the node reports its capacity.
    pub fn tells_load(&self) -> bool {
        match self {
            Probe::Http(http) => http.load,
            Probe::Push(push) => push.load,
            Probe::Tcp { .. }
            | Probe::Talk(_)
            | Probe::Tls(_)
            | Probe::Icmp { .. }
            | Probe::Exec(_)
            | Probe::Mysql(_)
            | Probe::Redis(_)
            | Probe::Dns(_)
            | Probe::Grpc(_) => false,
        }
    }

    /// The `ca_file` of the probe, if it has one.
    pub fn file(&self) -> Option<&PathBuf> {
        let tls = match self {
            Probe::Http(http) => http.tls.as_ref()?,
            Probe::Tls(probe) => &probe.tls,
            Probe::Talk(talk) => &talk.start_tls.as_ref()?.1,
            Probe::Redis(redis) => redis.tls.as_ref()?,
            Probe::Grpc(grpc) => grpc.tls.as_ref()?,
            Probe::Tcp { .. }
            | Probe::Exec(_)
            | Probe::Icmp { .. }
            | Probe::Mysql(_)
            | Probe::Dns(_)
            | Probe::Push(_) => return None,
        };
        match &tls.trust {
            Trust::Authorities(authorities) => Some(&authorities.file),
            Trust::Anyone | Trust::Public => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProbe {
    pub port: u16,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// The `Host` header; the node's own address when absent.
    pub host: Option<String>,
    pub method: Method,
    /// Further headers, at most 32; neither `Host` nor a header that frames the message.
    pub headers: Vec<(String, String)>,
    /// Status codes that mean healthy, inclusive ranges. Never empty.
    pub expect: Vec<(u16, u16)>,
    /// A text that must be in the first 64 KiB of the body; with `None` the body is not read. Never
    /// with `HEAD`.
    pub body: Option<String>,
    /// A text that must not be in the first 64 KiB of the body. Never with `HEAD`.
    pub body_not: Option<String>,
    /// What the body must say, as JSON of at most 64 KiB. At most 16; none with `HEAD`.
    pub json: Vec<JsonMatch>,
    /// HTTPS when present.
    pub tls: Option<Tls>,
    /// Whether a header of the answer may report the capacity of the node.
    pub load: bool,
    pub proxy: Option<ProxyVersion>,
}

/// `GET /` on port 80 with the status 200.
impl Default for HttpProbe {
    fn default() -> HttpProbe {
        HttpProbe {
            port: 80,
            path: "/".into(),
            host: None,
            method: Method::Get,
            headers: vec![],
            expect: vec![(200, 200)],
            body: None,
            body_not: None,
            json: vec![],
            tls: None,
            load: false,
            proxy: None,
        }
    }
}

/// A value at one place of a JSON document; the place must exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonMatch {
    /// A pointer of RFC 6901, beginning with a slash. At most 1024 octets.
    pub pointer: String,
    /// A string by its content; a number, `true`, `false` and `null` as JSON spells them. At most
    /// 1024 octets.
    pub value: String,
    /// Whether the place must have this value; if false, any other.
    pub equal: bool,
}

/// The version of the PROXY protocol, whose header begins the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyVersion {
    V1,
    V2,
}

/// The protocol in which the probe asks for TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTls {
    Smtp,
    Imap,
    Pop3,
    Ftp,
}

/// Methods that need no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    #[default]
    Get,
    Head,
    Options,
    Post,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Post => "POST",
        }
    }
}

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecProbe {
    /// An absolute path, then arguments: at most 64 words of 4096 octets each.
    pub command: Vec<String>,
}

/// Reports that come over the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushProbe {
    /// Each time that passes without a report counts as a failure. 1 s to 1 day.
    pub expires: Duration,
    /// Whether a report may carry the capacity of the node.
    pub load: bool,
}

/// How many results change the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// A failure adds 1, a success takes back 1/`forgive`; down at `fall`. 1 to 100.
    pub fall: u32,
    /// Up after this many successes in a row. 1 to 100.
    pub rise: u32,
    /// Successes that make up for one failure. 1 to 1000.
    pub forgive: u32,
}
