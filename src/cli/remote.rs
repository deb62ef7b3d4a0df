//! Sends requests to the API of a running server: one request on one connection.
//!
//! No crate is used, because a request needs little of HTTP: the server is of this project, sends a
//! Content-Length, and closes the connection.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

const CONNECT: Duration = Duration::from_secs(2);
/// How long the server may take; with a slow disk it answers with an error before that.
const ANSWER: Duration = Duration::from_secs(15);
/// Most octets of a reply.
const MAX_REPLY: u64 = 4 << 20;

/// The reply of the server: status code and JSON.
#[derive(Debug)]
pub struct ApiReply {
    pub status: u16,
    pub body: Value,
}

impl ApiReply {
    /// The body as a `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        let unexpected =
            |error: serde_json::Error| format!("the reply is not as expected: {error}");
        T::deserialize(&self.body).map_err(unexpected)
    }
}

/// Sends a GET; with `order`, which is a body and the token, a POST. The error says why there is no
/// reply, or none that can be read.
pub fn ask(at: SocketAddr, path: &str, order: Option<(&Value, &str)>) -> Result<ApiReply, String> {
    let at = reachable(at);
    let said = |error: io::Error| match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("no server runs at {at}; start it, or name its dashboard by --at")
        }
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("{at} does not answer; nothing is known of what it did")
        }
        _ => format!("{at}: {error}"),
    };
    let reply = exchange(at, &request(at, path, order), ANSWER, MAX_REPLY).map_err(said)?;
    parse(&reply).ok_or_else(|| format!("{at} does not answer as a tiovivo does"))
}

/// The text of a request; `order` as for [`ask`].
pub fn request(at: SocketAddr, path: &str, order: Option<(&Value, &str)>) -> String {
    let end = "Connection: close\r\n\r\n";
    let Some((body, token)) = order else {
        return format!("GET {path} HTTP/1.1\r\nHost: {at}\r\n{end}");
    };
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{end}{body}",
        body.len()
    )
}

/// Sends a request, and returns the first `most` octets of the reply. Each read may take
/// `patience`.
pub fn exchange(
    at: SocketAddr,
    request: &str,
    patience: Duration,
    most: u64,
) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&at, CONNECT)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(request.as_bytes())?;
    let mut reply = vec![];
    stream.take(most).read_to_end(&mut reply)?;
    Ok(reply)
}

fn parse(reply: &[u8]) -> Option<ApiReply> {
    let text = std::str::from_utf8(reply).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(ApiReply { status, body: serde_json::from_str(body).ok()? })
}

/// The address at which a server is reached: loopback for a server that listens on all addresses.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_taken_apart() {
        let reply = parse(b"HTTP/1.1 403 Forbidden\r\nA: b\r\n\r\n{\"faults\":[]}").unwrap();
        assert_eq!((reply.status, reply.body.to_string()), (403, "{\"faults\":[]}".into()));
        for other in [&b"SSH-2.0"[..], b"HTTP/1.1 200 OK\r\n\r\n<html>", b"", b"\xff\r\n\r\n{}"] {
            assert!(parse(other).is_none());
        }
    }
}
