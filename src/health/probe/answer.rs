//! What a probe found: a healthy answer, or a failure.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::health::probe::failure::Failure;
use crate::rcode::Rcode;

pub type Verdict = Result<Healthy, Failure>;

/// The member answered as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Healthy {
    pub said: Said,
    /// From the start of the connection to the end of what was waited for.
    pub rtt: Duration,
    /// When the server's certificate ends; `None` without TLS, or of one without an end.
    pub certificate: Option<Timestamp>,
}

/// `200 in 1.3 ms`.
impl fmt::Display for Healthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.took() {
            Some(took) => write!(f, "{} in {:.1} ms", self.said, took.as_secs_f64() * 1000.0),
            None => self.said.fmt(f),
        }
    }
}

impl Healthy {
    /// Of one that was not asked.
    pub fn reported(said: Said) -> Healthy {
        Healthy { said, rtt: Duration::ZERO, certificate: None }
    }

    /// `None` of one that was not asked.
    pub fn took(&self) -> Option<Duration> {
        (!matches!(self.said, Said::Reported { .. })).then_some(self.rtt)
    }

    pub fn capacity(&self) -> Capacity {
        match self.said {
            Said::Weighed(_, capacity) => capacity,
            Said::Reported { weight: Some(weight) } => Capacity::Percent(weight),
            _ => Capacity::Silent,
        }
    }
}

/// What a healthy target answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Status(u16),
    Accepted,
    /// A handshake; the days until the certificate ends, rounded down. `None` of a certificate
    /// without an end.
    Certificate {
        days: Option<i64>,
    },
    /// In the words of the kind of check.
    Text(&'static str),
    Rcode(Rcode),
    /// By itself, or by an outside system; with its capacity in percent.
    Reported {
        weight: Option<u8>,
    },
    /// A status, and what the answer says of the node's capacity.
    Weighed(u16, Capacity),
}

/// What a node says of how much it can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    Silent,
    /// 0 to 100.
    Percent(u8),
    /// Something that is no such number.
    Garbage,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Status(status) => write!(f, "{status}"),
            Said::Accepted => f.write_str("connection accepted"),
            Said::Certificate { days: None } => f.write_str("TLS, certificate without an end"),
            Said::Certificate { days: Some(..0) } => f.write_str("TLS, certificate expired"),
            Said::Certificate { days: Some(0) } => f.write_str("TLS, certificate expires today"),
            Said::Certificate { days: Some(1) } => f.write_str("TLS, certificate expires in 1 day"),
            Said::Certificate { days: Some(days) } => {
                write!(f, "TLS, certificate expires in {days} days")
            }
            Said::Text(text) => f.write_str(text),
            Said::Rcode(rcode) => write!(f, "{rcode}"),
            Said::Reported { .. } => f.write_str("reported healthy"),
            Said::Weighed(status, _) => write!(f, "{status}"),
        }
    }
}
