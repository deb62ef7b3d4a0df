//! `tcp:` of a check.

use crate::cluster::check::{Probe, TalkProbe};
use crate::config::check::probes::{check_text, required_port};
use crate::config::check::report::Report;
use crate::config::raw::probe::RawTcp;
use crate::config::written::KeyPath;

pub fn check(raw: &RawTcp, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
    let before = report.faults.len();
    check_text(raw.send.as_deref(), &path.key("send"), report);
    check_text(raw.expect.as_deref(), &path.key("expect"), report);
    if raw.send.is_some() && raw.expect.is_none() {
        let help = "write the text that the server answers with, or take `send` out";
        report.missing(path, "expect", help);
    }
    let port = required_port(raw.port, path, report)?;
    (report.faults.len() == before).then(|| match &raw.expect {
        None => Probe::Tcp { port },
        Some(expect) => {
            Probe::Talk(TalkProbe { port, send: raw.send.clone(), expect: expect.clone() })
        }
    })
}
