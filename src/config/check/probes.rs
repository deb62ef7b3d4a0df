//! `check:` and `deep:` of a pool.

use std::time::Duration;

use crate::cluster::check::{Check, HttpProbe, Probe, Thresholds};
use crate::config::check::report::Report;
use crate::config::check::server::has_items;
use crate::config::raw::scalar::{Scalar, Statuses, Whole, quoted};
use crate::config::raw::{RawCheck, RawHttp};
use crate::config::written::KeyPath;
use crate::zone::name::Name;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(86_400);
/// Longest path and query of a probe.
const MAX_PATH: usize = 1024;
const HTTP_PORT: u16 = 80;
const HTTP_PATH: &str = "/";
const OK: (u16, u16) = (200, 200);
const MYSQL_PORT: u16 = 3306;
const FALL: u32 = 3;
const RISE: u32 = 2;
const FORGIVE: u32 = 10;

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
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Check> {
    let probe = probe(raw, path, report);
    let Times { every, timeout } = times(raw, defaults, path, report);
    let count = |count: Option<Scalar<Whole<1, 100>>>, default| count.map_or(default, |c| c.0.0);
    let thresholds = Thresholds {
        fall: count(raw.fall, FALL),
        rise: count(raw.rise, RISE),
        forgive: raw.forgive.map_or(FORGIVE, |forgive| forgive.0.0),
    };
    Some(Check { probe: probe?, every, timeout, thresholds })
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
    let told = report.is_told(&path.key("every")) || report.is_told(&path.key("timeout"));
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

fn probe(raw: &RawCheck, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
    if ["http", "tcp", "mysql"].iter().any(|key| report.is_told(&path.key(key))) {
        return None;
    }
    match (&raw.http, &raw.tcp, &raw.mysql) {
        (Some(raw), None, None) => http(raw, &path.key("http"), report).map(Probe::Http),
        (None, Some(raw), None) => {
            if raw.port.is_none() {
                report.missing(&path.key("tcp"), "port", "write the port to connect to");
            }
            raw.port.map(|port| Probe::Tcp { port: port.0.0 as u16 })
        }
        (None, None, Some(raw)) => {
            let port = raw.port.map_or(MYSQL_PORT, |port| port.0.0 as u16);
            Some(Probe::Mysql { port })
        }
        (None, None, None) => {
            let help = "write `http: {}`, `tcp: { port: … }` or `mysql: {}`";
            report.error(path, "nothing to probe", help);
            None
        }
        _ => {
            report.error(path, "more than one probe", "write one of `http`, `tcp` and `mysql`");
            None
        }
    }
}

fn http(raw: &RawHttp, path: &KeyPath, report: &mut Report<'_>) -> Option<HttpProbe> {
    let url_path = raw.path.as_deref().unwrap_or(HTTP_PATH);
    let before = report.faults.len();
    if let Some(fault) = fault_of_path(url_path) {
        let message = format!("{} {fault}", quoted(url_path));
        report.error(&path.key("path"), message, "write a path such as /health");
    }
    if let Some(host) = raw.host.as_deref().filter(|host| !is_host_name(host)) {
        let message = format!("{} is no host name", quoted(host));
        let help = "write a name such as www.example.com, without scheme and port";
        report.error(&path.key("host"), message, help);
    }
    let expect = match &raw.expect {
        None => vec![OK],
        Some(statuses) => statuses.iter().map(|&Scalar(Statuses(a, b))| (a, b)).collect(),
    };
    if expect.is_empty() && !has_items(&path.key("expect"), report) {
        let help = "write status codes, such as [200] or [200-299]";
        report.error(&path.key("expect"), "no status is expected", help);
    }
    (report.faults.len() == before && !expect.is_empty()).then(|| HttpProbe {
        port: raw.port.map_or(HTTP_PORT, |port| port.0.0 as u16),
        path: url_path.to_owned(),
        host: raw.host.clone(),
        expect,
    })
}

fn fault_of_path(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        return Some("does not begin with a slash");
    }
    if path.len() > MAX_PATH {
        return Some("is longer than 1024 characters");
    }
    // RFC 3986: everything else is written as %XX.
    let is_plain =
        path.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte));
    (!is_plain).then_some("has characters that a URL spells as %XX")
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

    #[test]
    fn paths() {
        assert_eq!(fault_of_path("/health?deep=1&x=%20"), None);
        assert!(fault_of_path("health").is_some());
        assert!(fault_of_path("/a b").is_some());
        assert!(fault_of_path("/a#b").is_some());
        assert!(fault_of_path(&"/".repeat(MAX_PATH + 1)).is_some());
    }
}
