//! `check:` and `deep:` of a pool, as they are written: the keys of the kinds, and the times.

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::checked::Probe;
use crate::cluster::check::CheckedFamily;
use crate::cluster::member::AddressKind;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::{Count, Port, Scalar, Whole, either};

/// The keys of one kind, as they are written.
pub trait RawCheckKind {
    /// `None` after a fault. Relative paths of files begin in `folder`; `path` is that of the kind.
    fn check(&self, folder: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe>;
}

macro_rules! define_raw_check {
    ($($(#[$doc:meta])* $kind:ident: $folder:ident($settings:ident, $prober:ident)
        { $($key:ident: $raw:ident),* })*) => {
        /// How a member is probed: exactly one kind of probe, and its times.
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default, expecting = "`http` or another probe, and its times")]
        #[schemars(rename = "check")]
        pub struct RawCheck {
            $($(pub $key: Option<crate::checks::$folder::raw::$raw>,)*)*
            #[doc = "In a list of checks: what page, metrics and log call it; the kind of the \
                     probe when absent."]
            pub name: Option<String>,
            /// The probed address of the member; when absent, the address that the pool answers.
            pub address: Option<Scalar<AddressKind>>,
            #[doc = "In which address family a member is probed that has both: in `each`, and \
                     each verdict\ndecides about the answers of its family; or in `v4` or `v6`, \
                     and the verdict decides about\nboth."]
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

        impl RawCheck {
            /// The keys of the kinds, in the order of the manual.
            pub fn keys() -> Vec<&'static str> {
                vec![$($(stringify!($key),)*)*]
            }

            /// The keys, each with what is written there; `None` where it is not written.
            fn kinds(&self) -> Vec<(&'static str, Option<&dyn RawCheckKind>)> {
                fn kind<T: RawCheckKind>(raw: &Option<T>) -> Option<&dyn RawCheckKind> {
                    raw.as_ref().map(|raw| raw as &dyn RawCheckKind)
                }
                vec![$($((stringify!($key), kind(&self.$key)),)*)*]
            }
        }
    };
}
for_each_kind!(define_raw_check);

impl RawCheck {
    /// `None` after a fault; `path` is that of the check.
    pub fn probe(&self, folder: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
        let kinds = self.kinds();
        if kinds.iter().any(|(key, _)| report.is_faulty(&path.key(key))) {
            return None;
        }
        let mut written = kinds.iter().filter_map(|(key, raw)| Some((key, (*raw)?)));
        let what = match (written.next(), written.next()) {
            (Some((key, raw)), None) => return raw.check(folder, &path.key(key), report),
            (None, _) => "nothing to probe",
            (Some(_), Some(_)) => "more than one probe",
        };
        let keys = either(&RawCheck::keys());
        let help = format!("write one of {keys}, such as `http: {{ path: /health }}`");
        report.error(path, what, help);
        None
    }
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
