//! Probes of servers that are no web servers, as they are written.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::raw::keyword::Keyword;
use crate::config::raw::scalar::Port;
use crate::config::raw::scalar::{Scalar, Switch};
use crate::rcode::Rcode;

/// Up when the server greets as a MySQL or MariaDB server does. No login, no query.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `port`, or `{}`")]
#[schemars(rename = "mysql")]
pub struct RawMysql {
    #[schemars(extend("default" = 3306))]
    pub port: Option<Port>,
    /// What a server is that takes no more connections.
    #[schemars(extend("default" = "down"))]
    pub too_many_connections: Option<Scalar<Counts>>,
}

/// What an answer counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    Up,
    Down,
}

impl Keyword for Counts {
    const WHAT: &'static str = "verdict";
    const WORDS: &'static [(&'static str, Counts)] = &[("up", Counts::Up), ("down", Counts::Down)];
}

/// Up when PING is answered. No login.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `port`, or `{}`")]
#[schemars(rename = "redis")]
pub struct RawRedis {
    #[schemars(extend("default" = 6379))]
    pub port: Option<Port>,
    /// Over TLS: `{}`, or keys such as `verify`.
    pub tls: Option<RawTlsKeys>,
}

/// What a server within TLS must show.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `sni` and `verify`, or `{}`")]
#[schemars(rename = "tls_keys")]
pub struct RawTlsKeys {
    /// Name that is asked for in the handshake, and that the certificate must have; the node's
    /// address when absent.
    pub sni: Option<String>,
    /// Whether the certificate must be valid, and of an authority that is trusted.
    #[schemars(extend("default" = true))]
    pub verify: Option<Scalar<Switch>>,
    /// PEM file with the authorities that are trusted; those of Mozilla's list when absent.
    pub ca_file: Option<String>,
}

/// Up when a query has the expected rcode.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `name`")]
#[schemars(rename = "dns_probe", extend("required" = ["name"]))]
pub struct RawDnsProbe {
    #[schemars(extend("default" = 53))]
    pub port: Option<Port>,
    /// Asked for.
    pub name: Option<String>,
    #[serde(rename = "type")]
    #[schemars(extend("default" = "SOA"))]
    pub rrtype: Option<String>,
    /// Over TCP instead of UDP.
    #[schemars(extend("default" = false))]
    pub tcp: Option<Scalar<Switch>>,
    /// Whether the query asks for recursion, as one to a resolver must.
    #[schemars(extend("default" = false))]
    pub recursion: Option<Scalar<Switch>>,
    #[schemars(extend("default" = "NOERROR"))]
    pub expect: Option<Scalar<Rcode>>,
}

impl Keyword for Rcode {
    const WHAT: &'static str = "rcode";
    const WORDS: &'static [(&'static str, Rcode)] = &[
        ("NOERROR", Rcode::NOERROR),
        ("FORMERR", Rcode::FORMERR),
        ("SERVFAIL", Rcode::SERVFAIL),
        ("NXDOMAIN", Rcode::NXDOMAIN),
        ("NOTIMP", Rcode::NOTIMP),
        ("REFUSED", Rcode::REFUSED),
        ("NOTAUTH", Rcode::NOTAUTH),
    ];
}

/// Up when `grpc.health.v1.Health` says SERVING, over HTTP/2.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `port` and `service`")]
#[schemars(rename = "grpc", extend("required" = ["port"]))]
pub struct RawGrpc {
    pub port: Option<Port>,
    /// Name of a service; the server as a whole when absent.
    #[schemars(length(max = 255))]
    pub service: Option<String>,
    /// Over TLS: `{}`, or keys such as `verify`.
    pub tls: Option<RawTlsKeys>,
}

/// Up when somebody reports so, by the API of the dashboard. Nothing is sent.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the keys `expires` and `load`, or `{}`")]
#[schemars(rename = "push")]
pub struct RawPush {
    /// Without a report for so long the check has failed, 1s to 1d.
    #[schemars(extend("default" = "60s"))]
    pub expires: Option<Scalar<Duration>>,
    /// Whether a report says how much the node can take: `weight`, 0 to 100.
    #[schemars(extend("default" = false))]
    pub load: Option<Scalar<Switch>>,
}
