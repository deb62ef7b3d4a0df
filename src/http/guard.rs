//! Checks the host that every request to the dashboard asks for, and adds security headers to every
//! response.
//!
//! A page of another origin must not read the dashboard through the operator's browser. This server
//! sends no CORS headers, so the browser forbids it, unless the host name of that page resolves to
//! the address of this server (DNS rebinding): then the browser treats both as the same origin. On
//! a loopback address only hosts that no DNS answer can move elsewhere are therefore accepted. On
//! any other address every host is, because the program does not know the names that the operator
//! gave it.
//!
//! | bound to | `Host` | result |
//! |---|---|---|
//! | loopback | `localhost`, 127.0.0.0/8 (also IPv4-mapped), `[::1]` | passed to the handler |
//! | loopback | any other valid authority | 421 |
//! | any other address | any valid authority | passed to the handler |
//! | any | absent, several, or not a valid authority | 400 (RFC 9112 §3.2) |
//!
//! If the request target is in absolute form, its authority is checked in place of the `Host`
//! value, and the header must still occur exactly once.
//!
//! Any port is accepted, because a user may come through a tunnel (such as SSH port forwarding)
//! whose local port differs from the server's.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HOST, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The page may load scripts, styles and images from this server, and connect to it. It may load
/// nothing else, submit no form, set no base URL, and be framed by no page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The headers that [`add_security_headers`] sets.
const SECURITY_HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The hosts that a request may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// Any valid authority.
    Any,
    /// `localhost` and loopback addresses, with any port or none.
    Loopback,
}

impl Hosts {
    /// The hosts of a listener that is bound to `bound`. 0.0.0.0 and `[::]` count as other
    /// addresses than loopback.
    pub fn of(bound: SocketAddr) -> Hosts {
        if bound.ip().to_canonical().is_loopback() { Hosts::Loopback } else { Hosts::Any }
    }

    fn admits(self, authority: &Authority) -> bool {
        match self {
            Hosts::Any => true,
            Hosts::Loopback => is_loopback_host(authority.host()),
        }
    }
}

/// Middleware: passes the request on if `hosts` admits it; see the table above.
pub async fn check_host(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    match asked_host(&request) {
        None => (StatusCode::BAD_REQUEST, "the request must have exactly one valid Host header\n")
            .into_response(),
        Some(authority) if hosts.admits(&authority) => next.run(request).await,
        Some(_) => (
            StatusCode::MISDIRECTED_REQUEST,
            "the dashboard listens on a loopback address: ask for localhost or that address\n",
        )
            .into_response(),
    }
}

/// Middleware: sets the security headers on a response, and replaces the same headers in it.
pub async fn add_security_headers(mut response: Response) -> Response {
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The authority that a request asks for: of an absolute-form target, otherwise of `Host` (RFC 9112
/// §3.2.2). `None` without exactly one `Host` header, or when the authority is not valid.
fn asked_host(request: &Request) -> Option<Authority> {
    let mut values = request.headers().get_all(HOST).iter();
    let (host, None) = (values.next()?, values.next()) else { return None };
    match request.uri().authority() {
        Some(authority) => Some(authority.clone()),
        None => Authority::try_from(host.as_bytes()).ok(),
    }
}

/// Whether a host is `localhost` in any letter case, or a loopback address.
fn is_loopback_host(host: &str) -> bool {
    let unbracketed =
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || unbracketed.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(host: &str) -> bool {
        Authority::try_from(host).is_ok_and(|authority| Hosts::Loopback.admits(&authority))
    }

    #[test]
    fn a_loopback_listener_admits_only_hosts_that_no_answer_can_move() {
        let good = ["localhost", "LocalHost:8053", "127.0.0.1", "127.8.8.8:1", "[::1]:8053"];
        for host in good {
            assert!(admits(host), "{host}");
        }
        let bad = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8053"];
        for host in bad.into_iter().chain(["192.0.2.1", "[2001:db8::1]", "", "127.1", "0.0.0.0"]) {
            assert!(!admits(host), "{host}");
        }
    }

    #[test]
    fn only_a_loopback_listener_restricts_hosts() {
        let hosts = |bound: &str| Hosts::of(bound.parse().unwrap());
        assert_eq!(hosts("127.0.0.1:8053"), Hosts::Loopback);
        assert_eq!(hosts("[::1]:8053"), Hosts::Loopback);
        assert_eq!(hosts("[::ffff:127.0.0.1]:8053"), Hosts::Loopback);
        assert_eq!(hosts("10.77.0.53:8053"), Hosts::Any);
        assert_eq!(hosts("0.0.0.0:8053"), Hosts::Any);
    }
}
