//! One check of a pool: the times here, each kind of probe in a file of its own.

pub mod exec;
pub mod http;
pub mod icmp;
pub mod push;
pub mod service;
pub mod tcp;
pub mod tls;

use std::path::Path;
use std::time::Duration;

use crate::cluster::check::{Check, Probe, Thresholds};
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::probe::RawCheck;
use crate::config::raw::scalar::Port;
use crate::config::raw::scalar::{Scalar, Whole, either};
use crate::zone::name::Name;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(86_400);
/// Octets of a text that is sent or looked for.
const MAX_TEXT: usize = 1024;
const FALL: u32 = 3;
const RISE: u32 = 2;
const FORGIVE: u32 = 9;

/// What holds when a key is absent.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    every: Duration,
    timeout: Duration,
}

pub const SHALLOW: Times = Times { every: Duration::from_secs(5), timeout: Duration::from_secs(2) };
pub const DEEP: Times = Times { every: Duration::from_secs(30), timeout: Duration::from_secs(5) };

pub fn check(
    raw: &RawCheck,
    defaults: Times,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Check> {
    let probe = probe(raw, folder, path, report);
    let (times, counts) = match &probe {
        Some(Probe::Push(push)) => (push::times(raw, push, path, report), push::COUNTS),
        _ => (times(raw, defaults, path, report), (FALL, RISE)),
    };
    let Times { every, timeout } = times;
    let count = |count: Option<Scalar<Whole<1, 100>>>, default| count.map_or(default, |c| c.0.0);
    let thresholds = Thresholds {
        fall: count(raw.fall, counts.0),
        rise: count(raw.rise, counts.1),
        forgive: raw.forgive.map_or(FORGIVE, |forgive| forgive.0.0),
    };
    let address = raw.address.map(|address| address.0);
    let family = raw.family.map(|family| family.0).unwrap_or_default();
    let probe = probe?;
    if raw.family.is_some() && !probe.has_a_family() {
        let message = format!("`{}` says something of the node in both families", probe.kind());
        report.error(&path.key("family"), message, "take it out");
    }
    Some(Check { probe, address, family, every, timeout, thresholds })
}

fn times(raw: &RawCheck, defaults: Times, path: &KeyPath, report: &mut Report<'_>) -> Times {
    let every = raw.every.map_or(defaults.every, |every| every.0);
    let timeout = raw.timeout.map_or(defaults.timeout, |timeout| timeout.0);
    if !(SHORTEST..=LONGEST).contains(&every) {
        let message = format!("{} is out of range", written(every));
        report.error(&path.key("every"), message, "write 100ms to 1d");
    }
    if timeout.is_zero() {
        report.error(&path.key("timeout"), "no time to answer", "write at least 1ms");
    }
    let told = report.is_faulty(&path.key("every")) || report.is_faulty(&path.key("timeout"));
    if timeout >= every && !told {
        let by_default = |given: bool| if given { "" } else { ", by default," };
        let message = format!(
            "the timeout of {}{} is not shorter than the interval of {}{}",
            written(timeout),
            by_default(raw.timeout.is_some()),
            written(every),
            by_default(raw.every.is_some()).trim_end_matches(','),
        );
        let help = format!("write a timeout below {}, or a longer `every`", written(every));
        let key = if raw.timeout.is_some() { "timeout" } else { "every" };
        report.error(&path.key(key), message, help);
    }
    Times { every, timeout }
}

/// As in config.yaml: `500ms`, `5s`.
pub fn written(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1000 != 0 => format!("{millis}ms"),
        millis => format!("{}s", millis / 1000),
    }
}

fn probe(raw: &RawCheck, folder: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
    let kinds = raw.kinds();
    if kinds.iter().any(|(kind, _)| report.is_faulty(&path.key(kind))) {
        return None;
    }
    let names: Vec<&str> = kinds.iter().map(|(kind, _)| *kind).collect();
    let written: Vec<&str> = kinds.iter().filter(|kind| kind.1).map(|kind| kind.0).collect();
    let [kind] = written[..] else {
        let what = if written.is_empty() { "nothing to probe" } else { "more than one probe" };
        let help = format!("write one of {}, such as `http: {{ path: /health }}`", either(&names));
        report.error(path, what, help);
        return None;
    };
    let path = path.key(kind);
    if let Some(raw) = &raw.http {
        return http::plain(raw, &path, report).map(Probe::Http);
    }
    if let Some(raw) = &raw.https {
        return http::over_tls(raw, folder, &path, report).map(Probe::Http);
    }
    if let Some(raw) = &raw.tcp {
        return tcp::check(raw, folder, &path, report);
    }
    if let Some(raw) = &raw.tls {
        return tls::probe(raw, folder, &path, report).map(Probe::Tls);
    }
    if let Some(raw) = &raw.icmp {
        return Some(icmp::check(raw, &path, report));
    }
    if let Some(raw) = &raw.exec {
        return exec::check(raw, folder, &path, report).map(Probe::Exec);
    }
    if let Some(raw) = &raw.mysql {
        return Some(service::mysql(raw));
    }
    if let Some(raw) = &raw.redis {
        return service::redis(raw, folder, &path, report);
    }
    if let Some(raw) = &raw.dns {
        return service::dns(raw, &path, report);
    }
    if let Some(raw) = &raw.push {
        return push::check(raw, &path, report);
    }
    raw.grpc.as_ref().and_then(|raw| service::grpc(raw, folder, &path, report))
}

pub fn port(written: Option<Port>, default: u16) -> u16 {
    written.map_or(default, |port| port.0.0 as u16)
}

/// What a probe sends or looks for.
fn check_text(text: Option<&str>, path: &KeyPath, report: &mut Report<'_>) {
    let Some(text) = text.filter(|text| !(1..=MAX_TEXT).contains(&text.len())) else { return };
    let help = format!("write 1 to {MAX_TEXT} octets");
    report.error(path, format!("a text of {} octets", text.len()), help);
}

fn required_port(written: Option<Port>, path: &KeyPath, report: &mut Report<'_>) -> Option<u16> {
    if written.is_none() {
        report.missing(path, "port", "write the port to connect to");
    }
    written.map(|written| port(Some(written), 0))
}

/// RFC 1123 §2.1: labels of letters, digits and inner hyphens.
pub fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    Name::parse(name).is_ok_and(|name| !name.is_root()) && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names() {
        for name in ["www.midominio.com", "www.midominio.com.", "a", "xn--ls8h.la", "10-0.x"] {
            assert!(is_host_name(name), "{name}");
        }
        for name in ["", ".", "-a.x", "a-.x", "a_b.x", "a..b", "a:80", "http://a", "a b"] {
            assert!(!is_host_name(name), "{name:?}");
        }
    }
}
