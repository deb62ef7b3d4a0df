//! `tcp:` of a check.

use std::path::Path;

use crate::cluster::check::{Probe, TalkProbe};
use crate::config::check::probes::{check_text, required_port, tls};
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::probe::RawTcp;

pub fn check(
    raw: &RawTcp,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Probe> {
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
    let keys = tls::Keys { sni: &raw.sni, verify: raw.verify, ca_file: &raw.ca_file };
    let start_tls = match (&raw.starttls, within.iter().find(|(_, is_written)| *is_written)) {
        (Some(protocol), _) => Some((protocol.0, tls::check(&keys, folder, path, report)?)),
        (None, Some((key, _))) => {
            let help = "write `starttls: smtp` beside it, or take it out";
            report.error(&path.key(key), "there is no TLS", help);
            None
        }
        (None, None) => None,
    };
    let port = required_port(raw.port, path, report)?;
    (report.faults.len() == before).then(|| match &raw.expect {
        None => Probe::Tcp { port },
        Some(expect) => Probe::Talk(TalkProbe {
            port,
            send: raw.send.clone(),
            expect: expect.clone(),
            start_tls,
            proxy: raw.proxy_protocol.map(|version| version.0),
        }),
    })
}
