//! `server.tls`, `server.https`, `server.quic` and `server.certificate`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::clock::{Wall, wall};
use crate::config::Encrypted;
use crate::config::certificate::{self, Certificate};
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::RawServer;
use crate::config::raw::scalar::{Scalar, quoted};

const HTTPS_PATH: &str = "/dns-query";

pub fn check(
    raw: &RawServer,
    plain: &[SocketAddr],
    dashboard: Option<SocketAddr>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Encrypted {
    let tls = raw.tls.as_ref().map(|tls| &tls.listen);
    let https = raw.https.as_ref().map(|https| &https.listen);
    let quic = raw.quic.as_ref().map(|quic| &quic.listen);
    let mut streams: Vec<(SocketAddr, &str)> =
        plain.iter().map(|address| (*address, "answers DNS over TCP")).collect();
    streams.extend(dashboard.map(|address| (address, "is the dashboard's")));
    let tls = listen(tls, &mut streams, "answers DNS over TLS", &path.key("tls"), report);
    let https = listen(https, &mut streams, "answers DNS over HTTPS", &path.key("https"), report);
    let mut datagrams: Vec<(SocketAddr, &str)> =
        plain.iter().map(|address| (*address, "answers DNS over UDP")).collect();
    let quic = listen(quic, &mut datagrams, "answers DNS over QUIC", &path.key("quic"), report);
    let https_path = raw.https.as_ref().and_then(|https| https.path.as_deref());
    let https_path = https_path.unwrap_or(HTTPS_PATH);
    if !https_path.starts_with('/') || https_path.contains(['?', '#', ' ']) {
        let message = format!("{} is no path", quoted(https_path));
        let help = format!("write one that begins with `/`, such as {HTTPS_PATH}");
        report.error(&path.key("https").key("path"), message, help);
    }
    Encrypted { tls, https, path: https_path.to_owned(), quic }
}

/// Checks a list of addresses against `taken`, and adds them to it for the lists that follow.
fn listen<'a>(
    written: Option<&Option<Vec<Scalar<SocketAddr>>>>,
    taken: &mut Vec<(SocketAddr, &'a str)>,
    what: &'a str,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Vec<SocketAddr> {
    let Some(written) = written else { return vec![] };
    let Some(written) = written else {
        report.missing(path, "listen", "write the addresses: listen: [0.0.0.0:853]");
        return vec![];
    };
    let path = path.key("listen");
    if written.is_empty() && !report.has_items(&path) {
        report.error(&path, "nothing to listen on", "write an address, or remove the section");
    }
    for (index, address) in written.iter().enumerate() {
        let by = taken.iter().find(|(other, _)| *other == address.0 && other.port() != 0);
        if let Some((_, by)) = by {
            let message = format!("`{}` {by} already", address.0);
            report.error(&path.index(index), message, "write another port");
        }
        taken.push((address.0, what));
    }
    written.iter().map(|address| address.0).collect()
}

/// The certificate, and its files.
pub fn certificate(
    raw: &RawServer,
    encrypted: &Encrypted,
    folder: &Path,
    report: &mut Report<'_>,
) -> Option<(Certificate, [PathBuf; 2])> {
    let path = KeyPath::root().key("server");
    let is_on = [&encrypted.tls, &encrypted.https, &encrypted.quic].iter().any(|l| !l.is_empty());
    let Some(written) = &raw.certificate else {
        if is_on {
            let help = "write certificate: { chain: tls/fullchain.pem, key: tls/key.pem }";
            report.missing(&path, "certificate", help);
        }
        return None;
    };
    let path = path.key("certificate");
    if !is_on {
        let help = "remove it, or write `tls`, `https` or `quic`";
        report.warning(&path, "nothing presents this certificate", help);
    }
    let (Some(chain), Some(key)) = (&written.chain, &written.key) else {
        for (name, value) in [("chain", &written.chain), ("key", &written.key)] {
            if value.is_none() {
                report.missing(&path, name, "write the path of a PEM file");
            }
        }
        return None;
    };
    let files = [folder.join(chain), folder.join(key)];
    match certificate::read(&files[0], &files[1], wall(Wall::Certificate)) {
        Ok((certificate, warnings)) => {
            for warning in warnings {
                report.warning(&path, warning, "renew it, or mend the file");
            }
            Some((certificate, files))
        }
        Err(faults) => {
            for fault in faults {
                report.error(&path, fault.to_string(), "mend the file, or write another path");
            }
            None
        }
    }
}
