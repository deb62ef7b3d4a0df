//! `tls:` of a check, and `sni`, `verify` and `ca_file` wherever they are.

use std::path::Path;

use crate::cluster::check::TlsProbe;
use crate::cluster::trust::{Authorities, Tls, Trust};
use crate::config::certificate;
use crate::config::check::probes::{is_host_name, port};
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::probe::RawTls;
use crate::config::raw::scalar::{Scalar, Switch, quoted};

const PORT: u16 = 443;

pub fn probe(
    raw: &RawTls,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<TlsProbe> {
    let keys = Keys { sni: &raw.sni, verify: raw.verify, ca_file: &raw.ca_file };
    Some(TlsProbe {
        port: port(raw.port, PORT),
        tls: check(&keys, folder, path, report)?,
        min_days: raw.min_days.map(|days| days.0.0),
        start_tls: raw.starttls.map(|protocol| protocol.0),
        proxy: raw.proxy_protocol.map(|version| version.0),
    })
}

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
