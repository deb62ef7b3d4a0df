//! `http:` and `https:` of a check, as they are written.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::checked::Probe;
use crate::checks::http::checked::{HttpProbe, JsonMatch, Method};
use crate::checks::raw::RawCheckKind;
use crate::cluster::connection::ProxyVersion;
use crate::cluster::trust::Tls;
use crate::config::check::keys::{MAX_TEXT, check_text, is_host_name, port};
use crate::config::check::report::Report;
use crate::config::check::tls_keys;
use crate::config::key_path::KeyPath;
use crate::config::raw::keyword::Keyword;
use crate::config::raw::scalar::{JsonValue, Port, Scalar, Statuses, Switch, quoted};
use crate::config::raw::table::Table;

/// Longest path and query of a probe.
const MAX_PATH: usize = 1024;
const MAX_HEADERS: usize = 32;
const MAX_JSON: usize = 16;
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
const PATH: &str = "/";
const OK: (u16, u16) = (200, 200);

/// Headers that are not for `headers:`, and who writes them.
const NOT_FREE: [(&str, &str); 7] = [
    ("host", "write it as `host:`"),
    ("user-agent", "take it out; a probe says that it is tiovivo"),
    ("connection", "take it out; each probe is a connection of its own"),
    ("content-length", "take it out; a probe has no body"),
    ("transfer-encoding", "take it out; a probe has no body"),
    ("expect", "take it out; a probe has no body"),
    ("upgrade", "take it out; a probe speaks HTTP/1.1"),
];

/// Up when a request is answered with an expected status. Redirects are not followed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `port` and `path`, or `{}`")]
#[schemars(rename = "http")]
pub struct RawHttp {
    #[schemars(extend("default" = 80))]
    pub port: Option<Port>,
    /// Path and query.
    #[schemars(extend("default" = "/"), regex(pattern = "^/"))]
    pub path: Option<String>,
    /// The `Host` header; the node's address when absent.
    pub host: Option<String>,
    #[schemars(extend("default" = "GET"))]
    pub method: Option<Scalar<Method>>,
    /// Headers beside `Host` and `User-Agent`.
    pub headers: Table<String>,
    /// Status codes and ranges of them that mean healthy.
    #[schemars(length(min = 1), extend("default" = [200]))]
    pub expect: Option<Vec<Scalar<Statuses>>>,
    /// Text that stands in the first 64 KiB of the body of a healthy answer. The body is not read
    /// when nothing is looked for in it.
    pub body: Option<String>,
    /// Text that does not stand in the first 64 KiB of the body of a healthy answer.
    pub body_not: Option<String>,
    /// What the body says as JSON of at most 64 KiB.
    #[schemars(length(max = 16))]
    pub json: Option<Vec<RawJsonMatch>>,
    /// Whether the answer says how much the node can take: `X-Tiovivo-Weight: 0` to `100`.
    #[schemars(extend("default" = false))]
    pub load: Option<Scalar<Switch>>,
    /// PROXY protocol's header with which the connection begins: `v1` or `v2`.
    pub proxy_protocol: Option<Scalar<ProxyVersion>>,
}

/// `http` over TLS, and what the certificate must be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `port` and `path`, or `{}`")]
#[schemars(rename = "https_probe")]
pub struct RawHttpsProbe {
    #[schemars(extend("default" = 443))]
    pub port: Option<Port>,
    /// Path and query.
    #[schemars(extend("default" = "/"), regex(pattern = "^/"))]
    pub path: Option<String>,
    /// The `Host` header; the node's address when absent.
    pub host: Option<String>,
    #[schemars(extend("default" = "GET"))]
    pub method: Option<Scalar<Method>>,
    /// Headers beside `Host` and `User-Agent`.
    pub headers: Table<String>,
    /// Status codes and ranges of them that mean healthy.
    #[schemars(length(min = 1), extend("default" = [200]))]
    pub expect: Option<Vec<Scalar<Statuses>>>,
    /// Text that stands in the first 64 KiB of the body of a healthy answer. The body is not read
    /// when nothing is looked for in it.
    pub body: Option<String>,
    /// Text that does not stand in the first 64 KiB of the body of a healthy answer.
    pub body_not: Option<String>,
    /// What the body says as JSON of at most 64 KiB.
    #[schemars(length(max = 16))]
    pub json: Option<Vec<RawJsonMatch>>,
    /// Name that is asked for in the handshake, and that the certificate must have; `host` when
    /// absent, and without that the node's address.
    pub sni: Option<String>,
    /// Whether the certificate must be valid, and of an authority that is trusted.
    #[schemars(extend("default" = true))]
    pub verify: Option<Scalar<Switch>>,
    /// PEM file with the authorities that are trusted; those of Mozilla's list when absent.
    pub ca_file: Option<String>,
    /// Whether the answer says how much the node can take: `X-Tiovivo-Weight: 0` to `100`.
    #[schemars(extend("default" = false))]
    pub load: Option<Scalar<Switch>>,
    /// PROXY protocol's header with which the connection begins: `v1` or `v2`.
    pub proxy_protocol: Option<Scalar<ProxyVersion>>,
}

/// A place of a JSON document and its value: exactly one of `is` and `not`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the keys `pointer` and `is`")]
#[schemars(rename = "json_match", extend("required" = ["pointer"]))]
pub struct RawJsonMatch {
    /// RFC 6901.
    #[schemars(regex(pattern = "^/"))]
    pub pointer: Option<String>,
    /// The value that is there.
    pub is: Option<Scalar<JsonValue>>,
    /// A value that is not there, but another.
    pub not: Option<Scalar<JsonValue>>,
}

/// The keys that `http` and `https` have in common.
struct RequestKeys<'a> {
    port: Option<Port>,
    path: Option<&'a str>,
    host: Option<&'a str>,
    method: Method,
    headers: &'a Table<String>,
    expect: Option<&'a [Scalar<Statuses>]>,
    body: Option<&'a str>,
    body_not: Option<&'a str>,
    json: &'a [RawJsonMatch],
    load: bool,
    proxy: Option<ProxyVersion>,
}

/// Takes these keys from either of the two types.
macro_rules! request_keys {
    ($raw:ident) => {
        RequestKeys {
            port: $raw.port,
            path: $raw.path.as_deref(),
            host: $raw.host.as_deref(),
            method: $raw.method.map(|method| method.0).unwrap_or_default(),
            headers: &$raw.headers,
            expect: $raw.expect.as_deref(),
            body: $raw.body.as_deref(),
            body_not: $raw.body_not.as_deref(),
            json: $raw.json.as_deref().unwrap_or_default(),
            load: $raw.load.is_some_and(|load| load.0.0),
            proxy: $raw.proxy_protocol.map(|version| version.0),
        }
    };
}

impl RawCheckKind for RawHttp {
    fn check(&self, _: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
        plain(self, path, report).map(Probe::Http)
    }
}

impl RawCheckKind for RawHttpsProbe {
    fn check(&self, folder: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
        over_tls(self, folder, path, report).map(Probe::Http)
    }
}

impl Keyword for Method {
    const WHAT: &'static str = "method";
    const WORDS: &'static [(&'static str, Method)] = &[
        (Method::Get.as_str(), Method::Get),
        (Method::Head.as_str(), Method::Head),
        (Method::Options.as_str(), Method::Options),
        (Method::Post.as_str(), Method::Post),
    ];
}

fn plain(raw: &RawHttp, path: &KeyPath, report: &mut Report<'_>) -> Option<HttpProbe> {
    probe(&request_keys!(raw), HTTP_PORT, None, path, report)
}

fn over_tls(
    raw: &RawHttpsProbe,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<HttpProbe> {
    let keys = tls_keys::Keys { sni: &raw.sni, verify: raw.verify, ca_file: &raw.ca_file };
    let tls = tls_keys::check(&keys, folder, path, report);
    let probe = probe(&request_keys!(raw), HTTPS_PORT, tls, path, report)?;
    let mut tls = probe.tls?;
    tls.name = tls.name.or_else(|| probe.host.clone());
    Some(HttpProbe { tls: Some(tls), ..probe })
}

fn probe(
    raw: &RequestKeys<'_>,
    default_port: u16,
    tls: Option<Tls>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<HttpProbe> {
    let url_path = raw.path.unwrap_or(PATH);
    let before = report.faults.len();
    check_path(url_path, &path.key("path"), report);
    check_host(raw.host, &path.key("host"), report);
    let expect = match raw.expect {
        None => vec![OK],
        Some(statuses) => statuses.iter().map(|&Scalar(Statuses(a, b))| (a, b)).collect(),
    };
    if expect.is_empty() && !report.has_items(&path.key("expect")) {
        let help = "write status codes, such as [200] or [200-299]";
        report.error(&path.key("expect"), "no status is expected", help);
    }
    check_headers(raw.headers, &path.key("headers"), report);
    check_body(raw, path, report);
    let json = json(raw.json, &path.key("json"), report);
    (report.faults.len() == before && !expect.is_empty()).then(|| HttpProbe {
        port: port(raw.port, default_port),
        path: url_path.to_owned(),
        host: raw.host.map(str::to_owned),
        method: raw.method,
        headers: raw.headers.0.clone(),
        expect,
        body: raw.body.map(str::to_owned),
        body_not: raw.body_not.map(str::to_owned),
        json,
        tls,
        load: raw.load,
        proxy: raw.proxy,
    })
}

pub fn check_path(written: &str, path: &KeyPath, report: &mut Report<'_>) {
    if let Some(fault) = fault_of_path(written) {
        let message = format!("{} {fault}", quoted(written));
        report.error(path, message, "write a path such as /health");
    }
}

pub fn check_host(written: Option<&str>, path: &KeyPath, report: &mut Report<'_>) {
    if let Some(host) = written.filter(|host| !is_host_name(host)) {
        let message = format!("{} is no host name", quoted(host));
        let help = "write a name such as www.example.com, without scheme and port";
        report.error(path, message, help);
    }
}

fn check_headers(headers: &Table<String>, path: &KeyPath, report: &mut Report<'_>) {
    if headers.0.len() > MAX_HEADERS {
        let message = format!("{} headers", headers.0.len());
        report.error(path, message, format!("write at most {MAX_HEADERS}"));
        return;
    }
    for (index, (name, value)) in headers.0.iter().enumerate() {
        let path = path.key(name);
        let same = |(other, _): &(String, String)| other.eq_ignore_ascii_case(name);
        // RFC 9110 §5.6.2.
        let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
        if name.is_empty() || name.len() > MAX_TEXT || !name.bytes().all(is_token) {
            let message = format!("{} is no name of a header", quoted(name));
            report.error(&path, message, "write one such as X-Probe");
        } else if let Some((_, help)) = NOT_FREE.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))
        {
            report.error(&path, format!("{} is not free", quoted(name)), *help);
        } else if headers.0[..index].iter().any(same) {
            let message = format!("the header {} is there already", quoted(name));
            report.error(&path, message, "write each header once");
        }
        // RFC 9110 §5.5, without the octets beyond ASCII.
        let is_text = |c: u8| (b' '..=b'~').contains(&c) || c == b'\t';
        if value.len() > MAX_TEXT || value.trim() != value || !value.bytes().all(is_text) {
            let help = "write at most 1024 ASCII characters, none of them a line break";
            report.error(&path, format!("{} is no value of a header", quoted(value)), help);
        }
    }
}

fn check_body(raw: &RequestKeys<'_>, path: &KeyPath, report: &mut Report<'_>) {
    let looks = [
        ("body", raw.body.is_some()),
        ("body_not", raw.body_not.is_some()),
        ("json", !raw.json.is_empty()),
    ];
    if raw.method == Method::Head {
        for (key, _) in looks.iter().filter(|(_, is_written)| *is_written) {
            let help = format!("write method: GET, or take `{key}` out");
            report.error(&path.key(key), "an answer to HEAD has no body", help);
        }
    }
    check_text(raw.body, &path.key("body"), report);
    check_text(raw.body_not, &path.key("body_not"), report);
}

fn json(raw: &[RawJsonMatch], path: &KeyPath, report: &mut Report<'_>) -> Vec<JsonMatch> {
    if raw.len() > MAX_JSON {
        report.error(path, format!("{} matches", raw.len()), format!("write at most {MAX_JSON}"));
        return vec![];
    }
    let matches = raw.iter().enumerate().filter_map(|(index, raw)| {
        let path = path.index(index);
        let Some(pointer) = &raw.pointer else {
            report.missing(&path, "pointer", "write the place of the value, such as /status");
            return None;
        };
        if !is_pointer(pointer) {
            let message = format!("{} is no JSON pointer", quoted(pointer));
            let help = "write one such as /status or /checks/0/state, `~1` for a slash in a name";
            report.error(&path.key("pointer"), message, help);
        }
        let (key, value, equal) = match (&raw.is, &raw.not) {
            (Some(value), None) => ("is", &value.0.0, true),
            (None, Some(value)) => ("not", &value.0.0, false),
            (Some(_), Some(_)) => {
                report.error(&path.key("not"), "both `is` and `not`", "write one of them");
                return None;
            }
            (None, None) => {
                report.missing(&path, "is", "write the value that is there, or `not`");
                return None;
            }
        };
        if value.len() > MAX_TEXT {
            let help = format!("write at most {MAX_TEXT} octets");
            report.error(&path.key(key), format!("a value of {} octets", value.len()), help);
        }
        Some(JsonMatch { pointer: pointer.clone(), value: value.clone(), equal })
    });
    matches.collect()
}

/// RFC 6901 §3. The whole document is not meant: only single values are compared.
fn is_pointer(text: &str) -> bool {
    let mut escapes = text.split('~').skip(1);
    text.starts_with('/')
        && text.len() <= MAX_TEXT
        && escapes.all(|escape| escape.starts_with(['0', '1']))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(fault_of_path("/health?deep=1&x=%20"), None);
        assert!(fault_of_path("health").is_some());
        assert!(fault_of_path("/a b").is_some());
        assert!(fault_of_path("/a#b").is_some());
        assert!(fault_of_path(&"/".repeat(MAX_PATH + 1)).is_some());
    }
}
