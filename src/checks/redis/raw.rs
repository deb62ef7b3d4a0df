//! `redis:` of a check, as it is written.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::checked::Probe;
use crate::checks::raw::RawCheckKind;
use crate::checks::redis::checked::RedisProbe;
use crate::config::check::keys::port;
use crate::config::check::report::Report;
use crate::config::check::tls_keys::within_tls;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::Port;
use crate::config::raw::tls::RawTlsKeys;

const PORT: u16 = 6379;

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

impl RawCheckKind for RawRedis {
    fn check(&self, folder: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
        let tls = within_tls(self.tls.as_ref(), folder, path, report)?;
        Some(Probe::Redis(RedisProbe { port: port(self.port, PORT), tls }))
    }
}
