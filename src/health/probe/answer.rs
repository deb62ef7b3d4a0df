//! The verdict of a probe: a healthy answer, or a failure.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::health::probe::failure::Failure;
use crate::rcode::Rcode;

pub type Verdict = Result<Healthy, Failure>;

/// The target answered as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Healthy {
    pub said: ProbeAnswer,
    /// From the start of the connection to the end of the awaited answer.
    pub rtt: Duration,
    /// When the server's certificate ends; `None` without TLS, or for a certificate without an end.
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
    /// From a push report; no probe was sent.
    pub fn reported(said: ProbeAnswer) -> Healthy {
        Healthy { said, rtt: Duration::ZERO, certificate: None }
    }

    /// The time until the answer; `None` for a push report.
    pub fn took(&self) -> Option<Duration> {
        (!matches!(self.said, ProbeAnswer::Reported { .. })).then_some(self.rtt)
    }

    pub fn capacity(&self) -> Capacity {
        match self.said {
            ProbeAnswer::Weighed(_, capacity) => capacity,
            ProbeAnswer::Reported { weight: Some(weight) } => Capacity::Percent(weight),
            _ => Capacity::Silent,
        }
    }
}

/// The answer of a healthy target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeAnswer {
    Status(u16),
    Accepted,
    /// A TLS handshake; the days until the certificate ends, rounded down. `None` for a
    /// certificate without an end.
    Certificate {
        days: Option<i64>,
    },
    /// In the words of the kind of check.
    Text(&'static str),
    Rcode(Rcode),
    /// A push report, of the node or of an outside system; with the capacity in percent.
    Reported {
        weight: Option<u8>,
    },
    /// A status, and the capacity of the node according to the answer.
    Weighed(u16, Capacity),
}

/// How much load a node can take, as the node says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    Silent,
    /// 0 to 100.
    Percent(u8),
    /// A value that is no number from 0 to 100.
    Garbage,
}

impl fmt::Display for ProbeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProbeAnswer::Status(status) => write!(f, "{status}"),
            ProbeAnswer::Accepted => f.write_str("connection accepted"),
            ProbeAnswer::Certificate { days: None } => {
                f.write_str("TLS, certificate without an end")
            }
            ProbeAnswer::Certificate { days: Some(..0) } => f.write_str("TLS, certificate expired"),
            ProbeAnswer::Certificate { days: Some(0) } => {
                f.write_str("TLS, certificate expires today")
            }
            ProbeAnswer::Certificate { days: Some(1) } => {
                f.write_str("TLS, certificate expires in 1 day")
            }
            ProbeAnswer::Certificate { days: Some(days) } => {
                write!(f, "TLS, certificate expires in {days} days")
            }
            ProbeAnswer::Text(text) => f.write_str(text),
            ProbeAnswer::Rcode(rcode) => write!(f, "{rcode}"),
            ProbeAnswer::Reported { .. } => f.write_str("reported healthy"),
            ProbeAnswer::Weighed(status, _) => write!(f, "{status}"),
        }
    }
}
