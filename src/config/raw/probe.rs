//! `check:` and `deep:` of a pool, as they are written.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::cluster::check::{CheckedFamily, Method, ProxyVersion, StartTls};
use crate::cluster::member::AddressKind;
use crate::config::raw::scalar::{Count, Port};
use crate::config::raw::scalar::{JsonValue, Scalar, Statuses, Switch, Whole};
use crate::config::raw::service::{RawDnsProbe, RawGrpc, RawMysql, RawPush, RawRedis};
use crate::config::raw::table::Table;

/// How a member is probed: exactly one kind of probe, and its times.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "`http` or another probe, and its times")]
#[schemars(rename = "check")]
pub struct RawCheck {
    pub http: Option<RawHttp>,
    pub https: Option<RawHttpsProbe>,
    pub tcp: Option<RawTcp>,
    pub tls: Option<RawTls>,
    pub icmp: Option<RawIcmp>,
    pub exec: Option<RawExec>,
    pub mysql: Option<RawMysql>,
    pub redis: Option<RawRedis>,
    pub dns: Option<RawDnsProbe>,
    pub grpc: Option<RawGrpc>,
    pub push: Option<RawPush>,
    /// In a list of checks: what page, metrics and log call it; the kind of the probe when absent.
    pub name: Option<String>,
    /// Which address of the member is probed: the one that the pool answers when absent.
    pub address: Option<Scalar<AddressKind>>,
    /// In which address family a member is probed that has both: in `each`, and each verdict
    /// decides about the answers of its family; or in `v4` or `v6`, and the verdict decides about
    /// both.
    #[schemars(extend("default" = "each"))]
    pub family: Option<Scalar<CheckedFamily>>,
    /// From probe to probe, 100ms to 1d.
    #[schemars(extend("default" = "5s"))]
    pub every: Option<Scalar<Duration>>,
    /// Shorter than `every`.
    #[schemars(extend("default" = "2s"))]
    pub timeout: Option<Scalar<Duration>>,
    /// Down when so many failures are on the account; 1 for a push.
    #[schemars(extend("default" = 3))]
    pub fall: Option<Count>,
    /// Up after so many successes in a row; 1 for a push.
    #[schemars(extend("default" = 2))]
    pub rise: Option<Count>,
    /// So many successes make up for one failure.
    #[schemars(extend("default" = 9))]
    pub forgive: Option<Scalar<Whole<1, 1000>>>,
}

/// Of a check of the node's pools what is another at this node.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the keys `port`, `path` and `host`")]
#[schemars(rename = "node_check")]
pub struct RawNodeCheck {
    pub port: Option<Port>,
    /// Path and query, of `http` and `https`.
    #[schemars(regex(pattern = "^/"))]
    pub path: Option<String>,
    /// The `Host` header, of `http` and `https`.
    pub host: Option<String>,
}

impl RawCheck {
    /// The kinds of probe in the order of the manual, and which of them are written.
    pub fn kinds(&self) -> [(&'static str, bool); 11] {
        [
            ("http", self.http.is_some()),
            ("https", self.https.is_some()),
            ("tcp", self.tcp.is_some()),
            ("tls", self.tls.is_some()),
            ("icmp", self.icmp.is_some()),
            ("exec", self.exec.is_some()),
            ("mysql", self.mysql.is_some()),
            ("redis", self.redis.is_some()),
            ("dns", self.dns.is_some()),
            ("grpc", self.grpc.is_some()),
            ("push", self.push.is_some()),
        ]
    }
}

/// Up when a request is answered with an expected status. Redirects are not followed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `port` and `path`, or `{}`")]
#[schemars(rename = "http")]
pub struct RawHttp {
    #[schemars(extend("default" = 80))]
    pub port: Option<Port>,
    /// Path and query.
    #[schemars(extend("default" = "/"), regex(pattern = "^/"))]
    pub path: Option<String>,
    /// The `Host` header; the node's address when absent.
    pub host: Option<String>,
    #[schemars(extend("default" = "GET"))]
    pub method: Option<Scalar<Method>>,
    /// Headers beside `Host` and `User-Agent`.
    pub headers: Table<String>,
    /// Status codes and ranges of them that mean healthy.
    #[schemars(length(min = 1), extend("default" = [200]))]
    pub expect: Option<Vec<Scalar<Statuses>>>,
    /// Text that stands in the first 64 KiB of the body of a healthy answer. The body is not read
    /// when nothing is looked for in it.
    pub body: Option<String>,
    /// Text that does not stand in the first 64 KiB of the body of a healthy answer.
    pub body_not: Option<String>,
    /// What the body says as JSON of at most 64 KiB.
    #[schemars(length(max = 16))]
    pub json: Option<Vec<RawJsonMatch>>,
    /// Whether the answer says how much the node can take: `X-Tiovivo-Weight: 0` to `100`.
    #[schemars(extend("default" = false))]
    pub load: Option<Scalar<Switch>>,
    /// PROXY protocol's header with which the connection begins: `v1` or `v2`.
    pub proxy_protocol: Option<Scalar<ProxyVersion>>,
}

/// `http` over TLS, and what the certificate must be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `port` and `path`, or `{}`")]
#[schemars(rename = "https_probe")]
pub struct RawHttpsProbe {
    #[schemars(extend("default" = 443))]
    pub port: Option<Port>,
    /// Path and query.
    #[schemars(extend("default" = "/"), regex(pattern = "^/"))]
    pub path: Option<String>,
    /// The `Host` header; the node's address when absent.
    pub host: Option<String>,
    #[schemars(extend("default" = "GET"))]
    pub method: Option<Scalar<Method>>,
    /// Headers beside `Host` and `User-Agent`.
    pub headers: Table<String>,
    /// Status codes and ranges of them that mean healthy.
    #[schemars(length(min = 1), extend("default" = [200]))]
    pub expect: Option<Vec<Scalar<Statuses>>>,
    /// Text that stands in the first 64 KiB of the body of a healthy answer. The body is not read
    /// when nothing is looked for in it.
    pub body: Option<String>,
    /// Text that does not stand in the first 64 KiB of the body of a healthy answer.
    pub body_not: Option<String>,
    /// What the body says as JSON of at most 64 KiB.
    #[schemars(length(max = 16))]
    pub json: Option<Vec<RawJsonMatch>>,
    /// Name that is asked for in the handshake, and that the certificate must have; `host` when
    /// absent, and without that the node's address.
    pub sni: Option<String>,
    /// Whether the certificate must be valid, and of an authority that is trusted.
    #[schemars(extend("default" = true))]
    pub verify: Option<Scalar<Switch>>,
    /// PEM file with the authorities that are trusted; those of Mozilla's list when absent.
    pub ca_file: Option<String>,
    /// Whether the answer says how much the node can take: `X-Tiovivo-Weight: 0` to `100`.
    #[schemars(extend("default" = false))]
    pub load: Option<Scalar<Switch>>,
    /// PROXY protocol's header with which the connection begins: `v1` or `v2`.
    pub proxy_protocol: Option<Scalar<ProxyVersion>>,
}

/// A place of a JSON document and its value: exactly one of `is` and `not`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the keys `pointer` and `is`")]
#[schemars(rename = "json_match", extend("required" = ["pointer"]))]
pub struct RawJsonMatch {
    /// RFC 6901.
    #[schemars(regex(pattern = "^/"))]
    pub pointer: Option<String>,
    /// The value that is there.
    pub is: Option<Scalar<JsonValue>>,
    /// A value that is not there, but another.
    pub not: Option<Scalar<JsonValue>>,
}

/// Up when the connection is accepted, or when a text is in what the server says then.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `port`")]
#[schemars(rename = "tcp", extend("required" = ["port"]))]
pub struct RawTcp {
    pub port: Option<Port>,
    /// Sent once the connection is there; in double quotes `\r\n` is a line break.
    pub send: Option<String>,
    /// Text that stands in the first 64 KiB of what the server says.
    pub expect: Option<String>,
    /// Asks for TLS by the commands of a protocol first.
    pub starttls: Option<Scalar<StartTls>>,
    /// With `starttls`: name that is asked for in the handshake, and that the certificate must
    /// have; the node's address when absent.
    pub sni: Option<String>,
    /// With `starttls`: whether the certificate must be valid, and of an authority that is trusted.
    #[schemars(extend("default" = true))]
    pub verify: Option<Scalar<Switch>>,
    /// With `starttls`: PEM file with the authorities that are trusted; those of Mozilla's list
    /// when absent.
    pub ca_file: Option<String>,
    /// PROXY protocol's header with which the connection begins: `v1` or `v2`.
    pub proxy_protocol: Option<Scalar<ProxyVersion>>,
}

/// Up when a TLS handshake succeeds. Nothing is asked within it; the certificate's end is shown.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `port` and `sni`, or `{}`")]
#[schemars(rename = "tls")]
pub struct RawTls {
    #[schemars(extend("default" = 443))]
    pub port: Option<Port>,
    /// Name that is asked for in the handshake, and that the certificate must have; the node's
    /// address when absent.
    pub sni: Option<String>,
    /// Whether the certificate must be valid, and of an authority that is trusted.
    #[schemars(extend("default" = true))]
    pub verify: Option<Scalar<Switch>>,
    /// PEM file with the authorities that are trusted; those of Mozilla's list when absent.
    pub ca_file: Option<String>,
    /// A certificate that ends in fewer days is a failure.
    pub min_days: Option<Scalar<Whole<1, 365>>>,
    /// Asks for TLS by the commands of a protocol first.
    pub starttls: Option<Scalar<StartTls>>,
    /// PROXY protocol's header with which the connection begins: `v1` or `v2`.
    pub proxy_protocol: Option<Scalar<ProxyVersion>>,
}

/// Up when the node answers a ping. It says that the machine is there, not that it serves.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `size`, or `{}`")]
#[schemars(rename = "icmp")]
pub struct RawIcmp {
    /// Octets of data.
    #[schemars(extend("default" = 56))]
    pub size: Option<Scalar<Whole<16, 1400>>>,
}

/// Up when a command exits with 0. The first line of its output is the reason that is shown.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `command`")]
#[schemars(rename = "exec", extend("required" = ["command"]))]
pub struct RawExec {
    /// A program and its arguments; no shell reads them.
    #[schemars(length(min = 1))]
    pub command: Option<Vec<String>>,
}
