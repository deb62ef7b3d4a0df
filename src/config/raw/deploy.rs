//! `deploy:`, as it is written.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::cluster::deployment::{Debian, Promotion};
use crate::config::raw::keyword::Keyword;
use crate::config::raw::scalar::{Port, Scalar, Switch};

/// How the nodes are installed. The DNS server ignores it; `tiovivo inventory` prints it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `ssh` and `application`")]
#[schemars(rename = "deploy", extend("required" = ["mother_address"]))]
pub struct RawDeploy {
    /// The Debian release of all nodes.
    #[schemars(extend("default" = "bookworm"))]
    pub debian: Option<Scalar<Debian>>,
    pub ssh: RawSsh,
    /// A private address that no node has as its own: whichever node is the mother holds it, and
    /// database, files and broker are reached there.
    pub mother_address: Option<Scalar<IpAddr>>,
    /// The Django project that the children serve.
    pub application: Option<RawApplication>,
    /// Required with `application`.
    pub database: Option<RawDatabase>,
    /// Who promotes the standby when the mother is lost: a person, or the cluster itself, which
    /// needs `fence`.
    #[schemars(extend("default" = "manual"))]
    pub failover: Option<Scalar<Promotion>>,
    /// Proves that a node is dead.
    pub fence: Option<RawFence>,
}

/// How the control machine reaches the nodes, by their private addresses.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the keys `user`, `port` and `key`")]
#[schemars(rename = "ssh")]
pub struct RawSsh {
    /// root, or a user who may run everything with sudo and without a password.
    #[schemars(extend("default" = "root"))]
    pub user: Option<String>,
    #[schemars(extend("default" = 22))]
    pub port: Option<Port>,
    /// The private key, in a file that only its owner may read; ssh chooses when absent.
    pub key: Option<String>,
}

/// A Django project.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `source` and `settings`")]
#[schemars(rename = "application",
    extend("required" = ["source", "settings", "wsgi", "hosts"]))]
pub struct RawApplication {
    /// A folder on the control machine, outside of the one with config.yaml, or a git repository.
    pub source: Option<RawApplicationSource>,
    /// Below the source.
    #[schemars(extend("default" = "requirements.txt"))]
    pub requirements: Option<String>,
    /// A command such as `python3.13`; the release's own `python3` when absent.
    pub python: Option<String>,
    /// The module of the settings, such as `project.settings`.
    pub settings: Option<String>,
    /// The module that has `application`, such as `project.wsgi`.
    pub wsgi: Option<String>,
    /// The module of the Celery application; no worker is needed when absent.
    pub celery: Option<String>,
    /// Each release runs `migrate`.
    #[schemars(extend("default" = true))]
    pub migrate: Option<Scalar<Switch>>,
    /// Each release runs `collectstatic`.
    #[serde(rename = "static")]
    #[schemars(extend("default" = true))]
    pub static_files: Option<Scalar<Switch>>,
    /// All nodes share a writable tree.
    #[schemars(extend("default" = true))]
    pub media: Option<Scalar<Switch>>,
    /// Names that the application answers for; one that begins with a dot includes what is below.
    #[schemars(length(min = 1))]
    pub hosts: Option<Vec<String>>,
    /// `KEY=value` lines for the environment of the application, in a file that only its owner may
    /// read.
    pub env_file: Option<String>,
    /// Each new worker process requests this path once before it serves.
    #[schemars(extend("default" = "/"))]
    pub warm: Option<String>,
}

/// `source:` of the application.
#[derive(Debug)]
pub enum RawApplicationSource {
    Folder(String),
    Git(RawGit),
}

/// A git repository that the control machine can clone.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "git", extend("required" = ["git"]))]
pub struct RawGit {
    /// https://…, ssh://…, git@host:path or file:///…
    pub git: Option<String>,
    /// A branch, a tag or a commit.
    #[serde(rename = "ref")]
    #[schemars(extend("default" = "HEAD"))]
    pub reference: Option<String>,
}

/// The database of the application.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `name`")]
#[schemars(rename = "database", extend("required" = ["name"]))]
pub struct RawDatabase {
    /// Small letters, digits and `_`.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z0-9_]+$"))]
    pub name: Option<String>,
}

/// A command that proves that a node is dead.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `command`")]
#[schemars(rename = "fence", extend("required" = ["command"]))]
pub struct RawFence {
    /// A program by its whole path, and its arguments; `{node}` becomes the name of the node. Exit
    /// code 0 says that the node is dead, and nothing else does.
    #[schemars(length(min = 1, max = 64))]
    pub command: Option<Vec<String>>,
}

impl Keyword for Debian {
    const WHAT: &'static str = "Debian release";
    const WORDS: &'static [(&'static str, Debian)] =
        &[(Debian::Bookworm.as_str(), Debian::Bookworm), (Debian::Trixie.as_str(), Debian::Trixie)];
}

impl Keyword for Promotion {
    const WHAT: &'static str = "kind of failover";
    const WORDS: &'static [(&'static str, Promotion)] = &[
        (Promotion::Manual.as_str(), Promotion::Manual),
        (Promotion::Automatic.as_str(), Promotion::Automatic),
    ];
}

impl<'de> Deserialize<'de> for RawApplicationSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = RawApplicationSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a folder or { git: URL, ref: main }")
    }

    fn visit_str<E: Error>(self, folder: &str) -> Result<RawApplicationSource, E> {
        Ok(RawApplicationSource::Folder(folder.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, git: A) -> Result<RawApplicationSource, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(git)).map(RawApplicationSource::Git)
    }
}

impl JsonSchema for RawApplicationSource {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "source".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let folder = json_schema!({ "type": "string" });
        json_schema!({ "anyOf": [folder, generator.subschema_for::<RawGit>()] })
    }
}
