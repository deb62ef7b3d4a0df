//! Keys that several kinds of check have.

use std::time::Duration;

use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::Port;
use crate::zone::name::Name;

/// Longest interval of a check.
pub const LONGEST: Duration = Duration::from_secs(86_400);
/// Octets of a text that is sent or looked for.
pub const MAX_TEXT: usize = 1024;

/// As in config.yaml: `500ms`, `5s`.
pub fn written(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1000 != 0 => format!("{millis}ms"),
        millis => format!("{}s", millis / 1000),
    }
}

pub fn port(written: Option<Port>, default: u16) -> u16 {
    written.map_or(default, |port| port.0.0 as u16)
}

/// What a probe sends or looks for.
pub fn check_text(text: Option<&str>, path: &KeyPath, report: &mut Report<'_>) {
    let Some(text) = text.filter(|text| !(1..=MAX_TEXT).contains(&text.len())) else { return };
    let help = format!("write 1 to {MAX_TEXT} octets");
    report.error(path, format!("a text of {} octets", text.len()), help);
}

pub fn required_port(
    written: Option<Port>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<u16> {
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
