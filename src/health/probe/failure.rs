//! Why a probe failed, in the operator's words: never a chain of library text.

use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Too many open files in this process, or in the whole system (errno of Linux).
const NO_SOCKET_LEFT: [i32; 2] = [24, 23];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("connection refused")]
    Refused,
    #[error("no route to host")]
    NoRoute,
    #[error("network unreachable")]
    NetworkUnreachable,
    #[error("no answer within {}", duration(*within))]
    NoAnswer { within: Duration },
    #[error("connection reset")]
    Reset,
    #[error("closed without an answer")]
    Closed,
    #[error("HTTP {got}, expected {expected}")]
    Status { got: u16, expected: Arc<str> },
    #[error("not an HTTP answer")]
    NotHttp,
    #[error("the headers of the answer do not end")]
    EndlessHeaders,
    #[error("not a MySQL greeting")]
    NotMysql,
    /// The server greets with an error, such as "Too many connections".
    #[error("MySQL error {code}: {message}")]
    Mysql { code: u16, message: String },
    #[error("this machine has no socket left for a probe")]
    NoSocket,
    #[error("the probe cannot be sent as configured")]
    Unsendable,
    #[error("the connection failed: {0}")]
    Other(io::ErrorKind),
}

impl Failure {
    /// Whether it was this machine that failed: then the probe says nothing of the member.
    pub fn is_ours(&self) -> bool {
        match self {
            Failure::NoSocket | Failure::Unsendable => true,
            Failure::Refused
            | Failure::NoRoute
            | Failure::NetworkUnreachable
            | Failure::NoAnswer { .. }
            | Failure::Reset
            | Failure::Closed
            | Failure::Status { .. }
            | Failure::NotHttp
            | Failure::EndlessHeaders
            | Failure::NotMysql
            | Failure::Mysql { .. }
            | Failure::Other(_) => false,
        }
    }
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Failure {
        if error.raw_os_error().is_some_and(|code| NO_SOCKET_LEFT.contains(&code)) {
            return Failure::NoSocket;
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure::Refused,
            io::ErrorKind::HostUnreachable => Failure::NoRoute,
            io::ErrorKind::NetworkUnreachable => Failure::NetworkUnreachable,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Failure::Reset,
            io::ErrorKind::UnexpectedEof => Failure::Closed,
            // Every local port towards this address is in use.
            io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => Failure::NoSocket,
            kind => Failure::Other(kind),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::from(&error)
    }
}

/// `2 s`, `500 ms`: as it would be written in config.yaml, with a space.
fn duration(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{} s", duration.as_secs()),
        _ => format!("{} ms", duration.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_short_and_in_our_words() {
        let within = Duration::from_secs(2);
        assert_eq!(Failure::NoAnswer { within }.to_string(), "no answer within 2 s");
        let within = Duration::from_millis(500);
        assert_eq!(Failure::NoAnswer { within }.to_string(), "no answer within 500 ms");
        let status = Failure::Status { got: 503, expected: "200".into() };
        assert_eq!(status.to_string(), "HTTP 503, expected 200");
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(Failure::from(refused).to_string(), "connection refused");
    }

    #[test]
    fn a_machine_without_sockets_does_not_blame_the_member() {
        assert!(Failure::from(io::Error::from_raw_os_error(24)).is_ours());
        assert!(!Failure::from(io::Error::from_raw_os_error(111)).is_ours());
    }
}
