//! `tcp:` of a check, as it is written.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::checked::Probe;
use crate::checks::raw::RawCheckKind;
use crate::checks::talk::checked::TalkProbe;
use crate::checks::tcp::checked::TcpProbe;
use crate::cluster::connection::{ProxyVersion, StartTls};
use crate::config::check::keys::{check_text, required_port};
use crate::config::check::report::Report;
use crate::config::check::tls_keys;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::{Port, Scalar, Switch};

/// Up when the connection is accepted, or when a text is in what the server says then.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `port`")]
#[schemars(rename = "tcp", extend("required" = ["port"]))]
pub struct RawTcp {
    pub port: Option<Port>,
    /// Sent once the connection is there; in double quotes `\r\n` is a line break.
    pub send: Option<String>,
    /// Text that stands in the first 64 KiB of what the server says.
    pub expect: Option<String>,
    /// Asks for TLS by the commands of a protocol first.
    pub starttls: Option<Scalar<StartTls>>,
    /// With `starttls`: name that is asked for in the handshake, and that the certificate must
    /// have; the node's address when absent.
    pub sni: Option<String>,
    /// With `starttls`: whether the certificate must be valid, and of an authority that is trusted.
    #[schemars(extend("default" = true))]
    pub verify: Option<Scalar<Switch>>,
    /// With `starttls`: PEM file with the authorities that are trusted; those of Mozilla's list
    /// when absent.
    pub ca_file: Option<String>,
    /// PROXY protocol's header with which the connection begins: `v1` or `v2`.
    pub proxy_protocol: Option<Scalar<ProxyVersion>>,
}

impl RawCheckKind for RawTcp {
    fn check(&self, folder: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
        probe(self, folder, path, report)
    }
}

fn probe(raw: &RawTcp, folder: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
    let before = report.faults.len();
    check_text(raw.send.as_deref(), &path.key("send"), report);
    check_text(raw.expect.as_deref(), &path.key("expect"), report);
    let speaks = [
        ("send", raw.send.is_some(), "write the text that the server answers with"),
        ("starttls", raw.starttls.is_some(), "write the text that the server says within TLS"),
        ("proxy_protocol", raw.proxy_protocol.is_some(), "write the text that the server says"),
    ];
    let spoken = speaks.iter().find(|(_, is_written, _)| *is_written);
    if let (Some((key, _, help)), None) = (spoken, &raw.expect) {
        report.missing(path, "expect", format!("{help}, or take `{key}` out"));
    }
    let within = [
        ("sni", raw.sni.is_some()),
        ("verify", raw.verify.is_some()),
        ("ca_file", raw.ca_file.is_some()),
    ];
    let keys = tls_keys::Keys { sni: &raw.sni, verify: raw.verify, ca_file: &raw.ca_file };
    let start_tls = match (&raw.starttls, within.iter().find(|(_, is_written)| *is_written)) {
        (Some(protocol), _) => Some((protocol.0, tls_keys::check(&keys, folder, path, report)?)),
        (None, Some((key, _))) => {
            let help = "write `starttls: smtp` beside it, or take it out";
            report.error(&path.key(key), "there is no TLS", help);
            None
        }
        (None, None) => None,
    };
    let port = required_port(raw.port, path, report)?;
    (report.faults.len() == before).then(|| match &raw.expect {
        None => Probe::Tcp(TcpProbe { port }),
        Some(expect) => Probe::Talk(TalkProbe {
            port,
            send: raw.send.clone(),
            expect: expect.clone(),
            start_tls,
            proxy: raw.proxy_protocol.map(|version| version.0),
        }),
    })
}
