//! How the machines of the cluster are installed: `deploy:` of config.yaml.
//!
//! The DNS server does not use these values; `tiovivo inventory` prints them for the programs that
//! install the nodes.

use std::net::IpAddr;
use std::path::PathBuf;

/// The checked keys of `deploy:`. With a deployment every node has a private address, one node is
/// the mother, and at most one node is a standby.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    pub debian: Debian,
    pub ssh: Ssh,
    /// The virtual private address that the mother holds in addition to her own. No node has it as
    /// its own.
    pub mother_address: IpAddr,
    pub application: Option<Application>,
    /// `Some` whenever there is an application.
    pub database: Option<Database>,
    pub promotion: Promotion,
    /// The fencing command: a program and its arguments, of which at least one has `{node}` in it.
    pub fence: Option<Vec<String>>,
}

/// A release of Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Debian {
    Bookworm,
    Trixie,
}

impl Debian {
    pub const fn as_str(self) -> &'static str {
        match self {
            Debian::Bookworm => "bookworm",
            Debian::Trixie => "trixie",
        }
    }
}

/// How the control machine reaches the nodes, by their private addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    pub user: String,
    pub port: u16,
    /// The private key; `None` leaves the choice to ssh.
    pub key: Option<PathBuf>,
}

/// A Django project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    pub source: ApplicationSource,
    /// Relative to the source.
    pub requirements: PathBuf,
    /// A command such as `python3.13`; `None` for the `python3` of the release of Debian.
    pub python: Option<String>,
    /// Python module path of the settings.
    pub settings: String,
    /// Python module path of the module that has `application`.
    pub wsgi: String,
    /// Python module path of the Celery application; `None` when there is none.
    pub celery: Option<String>,
    /// Whether each release runs `migrate`.
    pub migrate: bool,
    /// Whether each release runs `collectstatic`.
    pub static_files: bool,
    /// Whether all nodes share a writable tree of files.
    pub media: bool,
    /// The names that the application answers for. Never empty.
    pub hosts: Vec<String>,
    /// A file of `KEY=value` lines for the environment of the application.
    pub env_file: Option<PathBuf>,
    /// Path of the request by which each new worker process warms itself.
    pub warm: String,
}

/// Where a release is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplicationSource {
    Folder(PathBuf),
    Git { url: String, reference: String },
}

/// The database of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    pub name: String,
}

/// Who makes the standby the mother when the mother is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promotion {
    /// A person runs the command.
    Manual,
    /// The cluster itself, after the fencing command has proved that the mother is dead.
    Automatic,
}

impl Promotion {
    pub const fn as_str(self) -> &'static str {
        match self {
            Promotion::Manual => "manual",
            Promotion::Automatic => "automatic",
        }
    }
}
