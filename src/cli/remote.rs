//! Orders to a running server, over the API of its dashboard: one request on one connection.
//!
//! By hand, as `reqwest` lives with the probes and this needs none of what it brings: the server is
//! ours, says how long its body is, and closes.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

const CONNECT: Duration = Duration::from_secs(2);
/// The server itself gives up sooner, when its disk is slow.
const ANSWER: Duration = Duration::from_secs(15);
/// Octets of a reply.
const MAX_REPLY: u64 = 4 << 20;

/// What the server said: the status code and the JSON.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
}

/// `order` is the body of a POST with the token; without one it is a GET.
pub fn ask(at: SocketAddr, path: &str, order: Option<(&Value, &str)>) -> Result<Reply, String> {
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

/// The first `most` octets of the reply; `patience` is for each piece of it.
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

fn parse(reply: &[u8]) -> Option<Reply> {
    let text = std::str::from_utf8(reply).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Reply { status, body: serde_json::from_str(body).ok()? })
}

/// A server on every address is on loopback too.
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
