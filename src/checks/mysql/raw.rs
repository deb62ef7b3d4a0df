//! `mysql:` of a check, as it is written.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::checked::Probe;
use crate::checks::mysql::checked::MysqlProbe;
use crate::checks::raw::RawCheckKind;
use crate::config::check::keys::port;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::keyword::Keyword;
use crate::config::raw::scalar::{Port, Scalar};

const PORT: u16 = 3306;

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

/// The verdict that an answer counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    Up,
    Down,
}

impl Keyword for Counts {
    const WHAT: &'static str = "verdict";
    const WORDS: &'static [(&'static str, Counts)] = &[("up", Counts::Up), ("down", Counts::Down)];
}

impl RawCheckKind for RawMysql {
    fn check(&self, _: &Path, _: &KeyPath, _: &mut Report<'_>) -> Option<Probe> {
        let full = self.too_many_connections.map_or(Counts::Down, |counts| counts.0);
        let port = port(self.port, PORT);
        Some(Probe::Mysql(MysqlProbe { port, full_is_up: full == Counts::Up }))
    }
}
