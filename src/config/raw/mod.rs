//! The raw types, which mirror config.yaml and refuse unknown keys.
//!
//! Every key may be absent here, even a required one: the check, which sees the whole file,
//! decides. `tiovivo schema` prints the doc comments, so they address the operator.

pub mod choice;
pub mod deploy;
pub mod hook;
pub mod keyword;
pub mod scalar;
pub mod steadiness;
pub mod table;
pub mod tls;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::raw::{RawCheck, RawNodeCheck};
use crate::cluster::member::AddressKind;
use crate::cluster::node::Role;
use crate::cluster::pool::Order;
use crate::config::raw::choice::{RawHttpsRecord, RawMembers, RawMinServing, RawWhenShort};
use crate::config::raw::deploy::RawDeploy;
use crate::config::raw::hook::RawHook;
use crate::config::raw::scalar::{Need, Scalar, Switch, Switchable, Whole};
use crate::config::raw::steadiness::{RawControl, RawDamping, Spell};
use crate::config::raw::table::Table;

/// One file describes the cluster: the DNS server, the dashboard and the provisioning all read it.
/// Paths are relative to its folder.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "the keys server, zones, pools, nodes, hooks and deploy"
)]
#[schemars(rename = "tiovivo", extend("required" = ["zones"],
    "patternProperties" = { "^x-": {} }))]
pub struct RawConfig {
    pub server: RawServer,
    /// The domains that are answered.
    #[schemars(length(min = 1))]
    pub zones: Vec<RawZone>,
    /// Sets of nodes that are answered under the same names, each by its own policy.
    pub pools: Table<RawPool>,
    /// The machines of the cluster. A name is made of letters, digits, `-`, `_` and `.`.
    pub nodes: Table<RawNode>,
    /// Who is told when a standing changes.
    #[schemars(length(max = 32))]
    pub hooks: Vec<RawHook>,
    /// How the nodes are installed.
    pub deploy: Option<RawDeploy>,
}

/// How this server is reached, and where it keeps what it knows.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `listen`")]
#[schemars(rename = "server")]
pub struct RawServer {
    /// Addresses with ports for UDP and TCP. Port 0 lets the system choose one.
    #[schemars(length(min = 1), extend("default" = ["0.0.0.0:53", "[::]:53"]))]
    pub listen: Option<Vec<Scalar<SocketAddr>>>,
    /// API, page and metrics, or `off`. Nobody is asked for a password to read there: keep it on a
    /// loopback address.
    #[schemars(extend("default" = "127.0.0.1:8053"))]
    pub dashboard: Option<Scalar<Switchable>>,
    /// Folder: health and overrides survive a restart.
    #[schemars(extend("default" = "state"))]
    pub state: Option<String>,
    /// Bearer token for writes, in a file that only its owner may read. While it is absent the API
    /// is read-only.
    pub token_file: Option<String>,
    /// Another one that is good for reports of `push` checks only, for the nodes themselves.
    pub report_token_file: Option<String>,
    /// UDP threads; one a core when absent.
    pub workers: Option<Scalar<Whole<1, 256>>>,
    /// Keeps each UDP thread on one core.
    #[schemars(extend("default" = false))]
    pub pin: Option<Scalar<Switch>>,
    /// What is told to a client that asks which server answered (RFC 5001), at most 255 octets.
    pub nsid: Option<String>,
    /// What is told to a client that asks for `version.bind` (RFC 4892), at most 255 octets; `off`
    /// refuses to tell.
    #[schemars(extend("default" = "tiovivo"))]
    pub version: Option<String>,
    /// Secrets of DNS cookies (RFC 9018), in a file that only its owner may read: 32 hexadecimal
    /// digits a line. The first one makes cookies, all of them verify. The name servers of a zone
    /// should have the same. Without it each start makes a secret of its own.
    pub cookie_secret_file: Option<String>,
    /// DNS over TLS (RFC 7858); off when absent. Port 853 by custom.
    pub tls: Option<RawListen>,
    /// DNS over HTTPS (RFC 8484, HTTP/2); off when absent. Port 443 by custom.
    pub https: Option<RawHttps>,
    /// DNS over QUIC (RFC 9250); off when absent. Port 853 by custom.
    pub quic: Option<RawListen>,
    /// What `tls`, `https` and `quic` present. A change of the files is taken over at once.
    pub certificate: Option<RawCertificate>,
    /// What answers unless this machine is cut off, and has nothing to do with the cluster. Probed
    /// only while most members of a pool fail at once.
    #[schemars(length(max = 8))]
    pub controls: Vec<RawControl>,
}

/// Where an encrypted transport is reached.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `listen`")]
#[schemars(rename = "listen", extend("required" = ["listen"]))]
pub struct RawListen {
    /// Addresses with ports.
    #[schemars(length(min = 1))]
    pub listen: Option<Vec<Scalar<SocketAddr>>>,
}

/// Where DNS over HTTPS is reached.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the keys `listen` and `path`")]
#[schemars(rename = "https", extend("required" = ["listen"]))]
pub struct RawHttps {
    /// Addresses with ports.
    #[schemars(length(min = 1))]
    pub listen: Option<Vec<Scalar<SocketAddr>>>,
    /// The path of the URL that clients are given.
    #[schemars(extend("default" = "/dns-query"))]
    pub path: Option<String>,
}

/// A certificate chain and its key, as PEM files.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the keys `chain` and `key`")]
#[schemars(rename = "certificate", extend("required" = ["chain", "key"]))]
pub struct RawCertificate {
    /// The server's own certificate first, then its issuers.
    pub chain: Option<String>,
    /// The private key of the first certificate, without a passphrase.
    pub key: Option<String>,
}

/// A domain.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the keys apex and file")]
#[schemars(rename = "zone", extend("required" = ["apex", "file"]))]
pub struct RawZone {
    /// The domain's own name.
    pub apex: Option<String>,
    /// A plain RFC 1035 master file: SOA, NS, MX, TXT and so on.
    pub file: Option<String>,
}

/// A set of nodes that is answered under one or more names.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `names`, `members` and `check`")]
#[schemars(rename = "pool", extend("required" = ["names"],
    "oneOf" = [{ "required": ["check"] }, { "required": ["checks"] }]))]
pub struct RawPool {
    /// Domain names that are answered from the pool. The zone file has no address there.
    #[schemars(length(min = 1))]
    pub names: Option<Vec<String>>,
    /// A list of node names, all nodes of a role, or all nodes with a tag. This or `tiers`.
    pub members: Option<RawMembers>,
    /// Of `order: failover`, instead of `members`: the first tier in which `min_serving` members
    /// serve is answered as a whole.
    #[schemars(length(min = 1))]
    pub tiers: Option<Vec<RawMembers>>,
    /// Of `order: failover`: whoever took over is answered until it falls or is drained, also when
    /// those before it serve again.
    #[schemars(extend("default" = false))]
    pub stay: Option<Scalar<Switch>>,
    /// Order of the addresses in an answer.
    #[schemars(extend("default" = "rotate"))]
    pub order: Option<Scalar<Order>>,
    /// Which address of the nodes is answered and probed.
    #[schemars(extend("default" = "public"))]
    pub address: Option<Scalar<AddressKind>>,
    /// Only these networks may ask; others get REFUSED. Everyone may ask when absent, and then
    /// only children can be members.
    #[schemars(length(min = 1))]
    pub clients: Option<Vec<Scalar<IpNet>>>,
    /// Seconds that resolvers may keep an answer.
    #[schemars(extend("default" = 30))]
    pub ttl: Option<Scalar<Whole<1, 86_400>>>,
    /// At most so many addresses of a family in one answer.
    #[schemars(extend("default" = 8))]
    pub max_answers: Option<Scalar<Whole<1, 256>>>,
    /// A pattern of tags such as `rack-*`, each of which is a failure domain: answers take members
    /// of different domains first.
    pub spread_by: Option<String>,
    /// When fewer members are healthy, `when_short` decides; or, when fewer of an address family
    /// are, for that family alone.
    #[schemars(extend("default" = 1))]
    pub min_serving: Option<RawMinServing>,
    /// `all` members, the `last_known` set that was large enough, `none` of them, or what another
    /// pool answers.
    #[schemars(extend("default" = "all"))]
    pub when_short: Option<RawWhenShort>,
    /// Decides which members are answered.
    pub check: Option<RawCheck>,
    /// Instead of `check`: several of them decide together.
    #[schemars(length(min = 1, max = 8))]
    pub checks: Option<Vec<RawCheck>>,
    /// Which of `checks` must pass: `all`, `any`, or at least so many.
    #[schemars(extend("default" = "all"))]
    pub need: Option<Scalar<Need>>,
    /// Shown and alerted, never decides the rotation. Every 30s with a timeout of 5s when absent
    /// there.
    pub deep: Option<RawCheck>,
    /// Publishes an HTTPS record (RFC 9460) at each name, with the answered addresses as hints:
    /// browsers then come by HTTPS from the first request on. `true` says that every member speaks
    /// HTTP/2 on port 443; other protocols are listed.
    #[schemars(extend("default" = false))]
    pub https: Option<RawHttpsRecord>,
    /// A member that falls often is held out for a growing time, although it is well again; unless
    /// the pool would be short without it.
    #[schemars(extend("default" = "on"))]
    pub damping: Option<RawDamping>,
    /// How long a member that returns takes a rising part of the first places, 1s to 1h, or `off`.
    #[schemars(extend("default" = "30s"))]
    pub slow_start: Option<Scalar<Spell>>,
    /// When most members fail at once, the last set is kept while it is found out whether it is
    /// this machine that is cut off; at most so long, 1s to 1h, or `off`.
    #[schemars(extend("default" = "5m"))]
    pub common_cause: Option<Scalar<Spell>>,
}

/// A machine. It has `address`, `address6` or both.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `role` and `address`")]
#[schemars(rename = "node", extend("required" = ["role"]))]
pub struct RawNode {
    /// What the machine is for. Only children are ever in an answer that everyone may ask for.
    pub role: Option<Scalar<Role>>,
    /// The IPv4 address that the world reaches.
    pub address: Option<Scalar<Ipv4Addr>>,
    /// The IPv6 address that the world reaches.
    pub address6: Option<Scalar<Ipv6Addr>>,
    /// The address that the other nodes reach.
    pub private: Option<Scalar<IpAddr>>,
    /// Words of your own, for `members: { tag: … }`.
    pub tags: Vec<String>,
    /// Share in the answers of a `weighted` or `sticky` pool. 0 drains the node in every pool.
    #[schemars(extend("default" = 1))]
    pub weight: Option<Scalar<Whole<0, 100>>>,
    /// What this node has of its own of the checks of its pools, by their names: the kind of the
    /// probe, or the `name:` of one in a list, or `deep`.
    pub check: Table<RawNodeCheck>,
}
