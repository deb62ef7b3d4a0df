//! `sni`, `verify` and `ca_file`, in whichever check they are.

use std::path::Path;

use crate::cluster::trust::{Authorities, Tls, Trust};
use crate::config::certificate;
use crate::config::check::keys::is_host_name;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::{Scalar, Switch, quoted};
use crate::config::raw::tls::RawTlsKeys;

/// As they are written.
#[derive(Debug)]
pub struct Keys<'a> {
    pub sni: &'a Option<String>,
    pub verify: Option<Scalar<Switch>>,
    pub ca_file: &'a Option<String>,
}

/// `None` after a fault.
pub fn check(
    keys: &Keys<'_>,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Tls> {
    let verify = keys.verify.is_none_or(|verify| verify.0.0);
    let name = keys.sni.as_ref();
    let is_wrong = name.is_some_and(|name| !is_host_name(name));
    if let Some(name) = name.filter(|_| is_wrong) {
        let message = format!("{} is no host name", quoted(name));
        let help = "write a name such as www.example.com, without scheme and port";
        report.error(&path.key("sni"), message, help);
    }
    let trust = match keys.ca_file {
        None if verify => Trust::Public,
        None => Trust::Anyone,
        Some(_) if !verify => {
            let help = "take one of `ca_file` and `verify: false` out";
            report.error(&path.key("ca_file"), "nothing is verified by these authorities", help);
            return None;
        }
        Some(file) => Trust::Authorities(authorities(&folder.join(file), path, report)?),
    };
    (!is_wrong).then(|| Tls { name: name.cloned(), trust })
}

/// `tls:` of a check that may go over TLS. The outer `None` is a fault.
pub fn within_tls(
    raw: Option<&RawTlsKeys>,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Option<Tls>> {
    let Some(raw) = raw else { return Some(None) };
    let keys = Keys { sni: &raw.sni, verify: raw.verify, ca_file: &raw.ca_file };
    check(&keys, folder, &path.key("tls"), report).map(Some)
}

/// `path` is above the key `ca_file`.
pub fn authorities(file: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Authorities> {
    match certificate::authorities(file) {
        Ok(authorities) => Some(authorities),
        Err(fault) => {
            let help = "mend the file, or write another path";
            report.error(&path.key("ca_file"), fault.to_string(), help);
            None
        }
    }
}
