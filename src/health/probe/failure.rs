//! Why a probe failed, in the operator's words: never a chain of library text.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::visible::excerpt;

/// Characters of a server's own words that are shown.
const MAX_WORDS: usize = 200;

/// The HTTP status of a server that waited too long for the request.
const REQUEST_TIMEOUT: u16 = 408;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("connection refused")]
    Refused,
    #[error("no route to host")]
    NoRoute,
    #[error("network unreachable")]
    NetworkUnreachable,
    /// Known before anything is sent. Of a member with both families it says nothing.
    #[error("this machine has no IPv6 route to it")]
    NoNetwork,
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
    #[error("closed in the middle of the answer")]
    CutShort,
    #[error("the chunks of the answer cannot be read")]
    BadChunk,
    /// A text of config.yaml is missing in the part of the answer that is read.
    #[error("no {} in {}", quoted(text), if *all { "the answer" } else { "its first 64 KiB" })]
    Lacks { text: Arc<str>, all: bool },
    /// A text that must be absent is in the answer.
    #[error("{} is in the answer", quoted(.0))]
    Holds(Arc<str>),
    #[error("the answer is not JSON")]
    NotJson,
    #[error("the answer is JSON of more than 64 KiB")]
    LongJson,
    #[error("there is no {0} in the answer")]
    NoValue(Arc<str>),
    /// `expected` is `None` where any other value would do.
    #[error("{pointer} is {}{}", quoted(got), expectation(expected.as_deref()))]
    Value { pointer: Arc<str>, got: Arc<str>, expected: Option<Arc<str>> },
    #[error("not a TLS answer")]
    NotTls,
    #[error("no TLS version, cipher or kind of signature in common")]
    NothingInCommon,
    #[error("the TLS handshake was refused: {0}")]
    Alert(String),
    #[error("the certificate expired {}", ago(*days))]
    Expired { days: i64 },
    #[error("the certificate expires in {days} days, expected at least {least}")]
    ExpiresSoon { days: i64, least: u32 },
    #[error("the certificate is not for {0}")]
    OtherName(String),
    /// Whole, as rustls tells certificates apart.
    #[error("{0}")]
    Certificate(&'static str),
    #[error("the TLS handshake failed")]
    Handshake,
    /// `None` is a signal.
    #[error("{}", exit(*code, line))]
    Exit { code: Option<i32>, line: String },
    #[error("the output of the command does not end")]
    EndlessOutput,
    /// The server greets with an error, such as "Too many connections".
    #[error("MySQL error {code}: {message}")]
    Mysql { code: u16, message: String },
    /// In the words of the kind of check: the target answered, and wrongly.
    #[error("{0}")]
    Text(Cow<'static, str>),
    #[error("no report for {}", duration(*within))]
    NoReport { within: Duration },
    /// The probe says nothing: it counts as not sent.
    #[error("this machine was held up for {}", duration(*held_up))]
    Void { held_up: Duration },
    /// The reason in a report; empty when the report has none.
    #[error("{}", reported(.0))]
    Reported(Arc<str>),
    #[error("this machine has no socket left for a probe")]
    NoSocket,
    #[error("this machine forbids pings: no group of ours is in net.ipv4.ping_group_range")]
    NoPing,
    #[error("the command cannot be started: {0}")]
    Unstartable(&'static str),
    #[error("the probe cannot be sent as configured")]
    Unsendable,
    #[error("the connection failed: {0}")]
    Other(io::ErrorKind),
}

impl Failure {
    pub const fn text(text: &'static str) -> Failure {
        Failure::Text(Cow::Borrowed(text))
    }

    /// Whether it was this machine that failed: then the probe says nothing of the member.
    pub fn is_ours(&self) -> bool {
        match self {
            Failure::NoSocket
            | Failure::Unstartable(_)
            | Failure::NoPing
            | Failure::Unsendable
            | Failure::Void { .. } => true,
            Failure::Refused
            | Failure::NoRoute
            | Failure::NetworkUnreachable
            | Failure::NoNetwork
            | Failure::NoAnswer { .. }
            | Failure::Reset
            | Failure::Closed
            | Failure::Status { .. }
            | Failure::NotHttp
            | Failure::EndlessHeaders
            | Failure::CutShort
            | Failure::BadChunk
            | Failure::Exit { .. }
            | Failure::EndlessOutput
            | Failure::Lacks { .. }
            | Failure::Holds(_)
            | Failure::NotJson
            | Failure::LongJson
            | Failure::NoValue(_)
            | Failure::Value { .. }
            | Failure::NotTls
            | Failure::NothingInCommon
            | Failure::Alert(_)
            | Failure::Expired { .. }
            | Failure::ExpiresSoon { .. }
            | Failure::OtherName(_)
            | Failure::Certificate(_)
            | Failure::Handshake
            | Failure::Mysql { .. }
            | Failure::Text(_)
            | Failure::NoReport { .. }
            | Failure::Reported(_)
            | Failure::Other(_) => false,
        }
    }
}

impl Failure {
    /// Whether the probe counts as not sent.
    pub fn is_void(&self) -> bool {
        matches!(self, Failure::Void { .. })
    }

    /// Whether it may have come about because this machine was slow, and not the node.
    ///
    /// | failure | |
    /// |---|---|
    /// | no answer, no report | the answer may have been there, or on its way |
    /// | reset, closed, cut short, HTTP 408 | nodes close what says nothing for some time |
    /// | a command's exit status | it runs on this machine |
    /// | what else the node said, or the network said of it | it would have said so anyway |
    pub fn goes_by_time(&self) -> bool {
        match self {
            Failure::NoAnswer { .. }
            | Failure::NoReport { .. }
            | Failure::Reset
            | Failure::Closed
            | Failure::CutShort
            | Failure::Status { got: REQUEST_TIMEOUT, .. }
            | Failure::Exit { .. } => true,
            Failure::Other(kind) => *kind == io::ErrorKind::TimedOut,
            _ => false,
        }
    }
}

/// The beginning of what a server says, safe to show.
pub fn words(said: &[u8]) -> String {
    excerpt(&String::from_utf8_lossy(said), MAX_WORDS)
}

/// `2 s`, `500 ms`: as it would be written in config.yaml, with a space.
pub fn duration(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{} s", duration.as_secs()),
        _ => format!("{} ms", duration.as_millis()),
    }
}

fn exit(code: Option<i32>, line: &str) -> String {
    let how = code.map_or("killed by a signal".into(), |code| format!("exit status {code}"));
    match line {
        "" => format!("{how}, without a word"),
        line => format!("{how}: {line}"),
    }
}

fn reported(reason: &str) -> String {
    match reason {
        "" => "reported unhealthy".into(),
        reason => format!("reported: {reason}"),
    }
}

/// `3 days ago`.
fn ago(days: i64) -> String {
    match days {
        0 => "today".into(),
        1 => "yesterday".into(),
        days => format!("{days} days ago"),
    }
}

fn expectation(value: Option<&str>) -> String {
    value.map(|value| format!(", expected {}", quoted(value))).unwrap_or_default()
}

/// The beginning of a text of the configuration, in backquotes.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("`{}…`", text[..cut].escape_debug()),
        None => format!("`{}`", text.escape_debug()),
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
    fn what_is_looked_for_is_shown_as_far_as_it_is_known_again() {
        let lacks = |text: &str, all| Failure::Lacks { text: text.into(), all }.to_string();
        assert_eq!(lacks("ready\n", true), "no `ready\\n` in the answer");
        let long = "x".repeat(100);
        assert_eq!(lacks(&long, false), format!("no `{}…` in its first 64 KiB", "x".repeat(40)));
    }

    #[test]
    fn what_the_node_said_is_no_matter_of_time() {
        let within = Duration::from_secs(2);
        let status = |got| Failure::Status { got, expected: "200".into() };
        for failure in [Failure::NoAnswer { within }, Failure::Closed, status(408)] {
            assert!(failure.goes_by_time(), "{failure}");
        }
        for failure in [Failure::Refused, Failure::NotHttp, status(503), Failure::NoRoute] {
            assert!(!failure.goes_by_time(), "{failure}");
        }
        let void = Failure::Void { held_up: Duration::from_millis(1500) };
        assert_eq!(void.to_string(), "this machine was held up for 1500 ms");
        assert!(void.is_void() && void.is_ours());
    }

    #[test]
    fn a_machine_without_sockets_does_not_blame_the_member() {
        assert!(Failure::from(io::Error::from_raw_os_error(24)).is_ours());
        assert!(!Failure::from(io::Error::from_raw_os_error(111)).is_ours());
    }
}
