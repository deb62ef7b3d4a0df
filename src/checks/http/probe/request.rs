//! The request of an HTTP probe, octet by octet as config.yaml says it.
//!
//! Nothing is spelled anew: neither path and query, nor the letter case of a header. Without `host`
//! the `Host` header is the node's address, with the port unless it is the scheme's own.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::checks::http::checked::{HttpProbe, Method};

const USER_AGENT: &str = concat!("tiovivo/", env!("CARGO_PKG_VERSION"));
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

pub fn write(socket: SocketAddr, probe: &HttpProbe) -> String {
    let host = probe.host.clone().unwrap_or_else(|| host(socket, probe.tls.is_some()));
    let mut request = format!(
        "{} {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\n",
        probe.method.as_str(),
        probe.path
    );
    if !probe.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
        request.push_str("Accept: */*\r\n");
    }
    for (name, value) in &probe.headers {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    // RFC 9110 §8.6: a POST without a body says so.
    if probe.method == Method::Post {
        request.push_str("Content-Length: 0\r\n");
    }
    request.push_str("Connection: close\r\n\r\n");
    request
}

fn host(socket: SocketAddr, over_tls: bool) -> String {
    let own = if over_tls { HTTPS_PORT } else { HTTP_PORT };
    match (socket, socket.port() == own) {
        (SocketAddr::V6(six), true) => format!("[{}]", six.ip()),
        (SocketAddr::V4(four), true) => four.ip().to_string(),
        (_, false) => socket.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::trust::{Tls, Trust};

    fn probe(port: u16) -> HttpProbe {
        HttpProbe { port, path: "/a/%2e%2e/b?x='a'".into(), ..HttpProbe::default() }
    }

    fn sent(address: &str, probe: &HttpProbe) -> String {
        write(SocketAddr::new(address.parse().unwrap(), probe.port), probe)
    }

    #[test]
    fn the_path_is_sent_as_it_is_written() {
        let request = sent("192.0.2.1", &probe(80));
        assert!(request.starts_with("GET /a/%2e%2e/b?x='a' HTTP/1.1\r\n"), "{request}");
    }

    #[test]
    fn the_host_has_a_port_where_it_is_not_the_schemes_own() {
        let tls = |port| {
            let tls = Some(Tls { name: None, trust: Trust::Anyone });
            HttpProbe { tls, ..probe(port) }
        };
        for (address, probe, host) in [
            ("192.0.2.1", probe(80), "192.0.2.1"),
            ("192.0.2.1", probe(443), "192.0.2.1:443"),
            ("192.0.2.1", tls(443), "192.0.2.1"),
            ("192.0.2.1", tls(80), "192.0.2.1:80"),
            ("2001:db8::1", probe(80), "[2001:db8::1]"),
            ("2001:db8::1", probe(8080), "[2001:db8::1]:8080"),
            ("2001:db8::1", HttpProbe { host: Some("a.b".into()), ..probe(8080) }, "a.b"),
        ] {
            let request = sent(address, &probe);
            assert!(request.contains(&format!("\r\nHost: {host}\r\n")), "{request}");
        }
    }

    #[test]
    fn headers_are_sent_as_they_are_written_and_a_post_has_no_body() {
        let headers = vec![("aCCept".to_owned(), "text/plain".to_owned())];
        let request = sent("192.0.2.1", &HttpProbe { method: Method::Post, headers, ..probe(80) });
        assert!(request.contains("\r\naCCept: text/plain\r\n"), "{request}");
        assert!(!request.contains("*/*"), "{request}");
        assert!(request.ends_with("\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    }
}
