//! `push:` of a check, as it is written.

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::checked::Probe;
use crate::checks::push::checked::PushProbe;
use crate::checks::raw::RawCheckKind;
use crate::config::check::keys::{LONGEST, written};
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::{Scalar, Switch};

const EXPIRES: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);

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

impl RawCheckKind for RawPush {
    fn check(&self, _: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
        let expires = self.expires.map_or(EXPIRES, |expires| expires.0);
        if !(SHORTEST..=LONGEST).contains(&expires) {
            let message = format!("{} is out of range", written(expires));
            report.error(&path.key("expires"), message, "write 1s to 1d");
            return None;
        }
        Some(Probe::Push(PushProbe { expires, load: self.load.is_some_and(|load| load.0.0) }))
    }
}
