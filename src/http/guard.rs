//! Checks the `Host` of every request, and adds security headers to every response.
//!
//! A page of another site must not read this one through the operator's browser. Without CORS
//! headers it cannot, unless its name resolves to the address of this server (DNS rebinding): then
//! the browser takes both for one site. So on a loopback address only names that cannot be rebound
//! are answered.
//!
//! | bound to | `Host` | answered |
//! |---|---|---|
//! | loopback | `localhost`, 127.0.0.0/8, `[::1]`, with any port or none | yes |
//! | loopback | anything else | 421 |
//! | any other address | any one value | yes |
//! | any | none, or two | 400 (RFC 9112 §3.2) |
//!
//! Any port is accepted, because a tunnel may end on another one.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HOST, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Script, style and icon come from this server; nothing else may be loaded, framed or sent to.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const PROTECTION: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The values of `Host` that are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    Any,
    Loopback,
}

impl Hosts {
    pub fn of(bound: SocketAddr) -> Hosts {
        if bound.ip().to_canonical().is_loopback() { Hosts::Loopback } else { Hosts::Any }
    }

    fn admits(self, authority: &Authority) -> bool {
        match self {
            Hosts::Any => true,
            Hosts::Loopback => is_loopback(authority.host()),
        }
    }
}

pub async fn check_host(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    match asked_host(&request) {
        None => (StatusCode::BAD_REQUEST, "a request carries one Host header\n").into_response(),
        Some(authority) if hosts.admits(&authority) => next.run(request).await,
        Some(_) => (
            StatusCode::MISDIRECTED_REQUEST,
            "ask for localhost or a loopback address; the dashboard is bound to one\n",
        )
            .into_response(),
    }
}

pub async fn protect(mut response: Response) -> Response {
    for (name, value) in PROTECTION {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The authority of an absolute target stands above the `Host` header (RFC 9112 §3.2.2).
fn asked_host(request: &Request) -> Option<Authority> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, None) = (hosts.next()?, hosts.next()) else { return None };
    match request.uri().authority() {
        Some(authority) => Some(authority.clone()),
        None => Authority::try_from(host.as_bytes()).ok(),
    }
}

fn is_loopback(host: &str) -> bool {
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || literal.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(host: &str) -> bool {
        Authority::try_from(host).is_ok_and(|authority| Hosts::Loopback.admits(&authority))
    }

    #[test]
    fn a_loopback_page_answers_to_names_that_nobody_can_point_elsewhere() {
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
    fn only_a_loopback_listener_is_choosy() {
        let hosts = |bound: &str| Hosts::of(bound.parse().unwrap());
        assert_eq!(hosts("127.0.0.1:8053"), Hosts::Loopback);
        assert_eq!(hosts("[::1]:8053"), Hosts::Loopback);
        assert_eq!(hosts("[::ffff:127.0.0.1]:8053"), Hosts::Loopback);
        assert_eq!(hosts("10.77.0.53:8053"), Hosts::Any);
        assert_eq!(hosts("0.0.0.0:8053"), Hosts::Any);
    }
}
