//! Up when a request is answered with an expected status and, where that is configured, what is
//! looked for in the body.
//!
//! HTTP/1.1 over one connection of our own making, strict about bounds and loose about form, as
//! curl is. The connection goes to the member's own address. Where nothing is looked for the body
//! is not read: the status has said all, and the connection is closed. No redirect, no cookie, and
//! the body comes compressed by nobody.

pub mod body;
pub mod content;
pub mod head;
pub mod request;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::checks::http::checked::HttpProbe;
use crate::checks::http::probe::body::Body;
use crate::checks::http::probe::content::Content;
use crate::checks::http::probe::head::Head;
use crate::checks::probe::ProbeKind;
use crate::health::probe::answer::{Capacity, ProbeAnswer};
use crate::health::probe::ask::Subject;
use crate::health::probe::connection::Connector;
use crate::health::probe::conversation::{Connection, Conversation};
use crate::health::probe::converse::Converse;
use crate::health::probe::failure::Failure;
use crate::health::probe::simulated::SimulatedAnswers;

/// The header of an answer with the capacity of the node, in percent.
const WEIGHT: &str = "x-tiovivo-weight";
const ALPN: &str = "http/1.1";

/// Status of a simulated answer.
const OK: u16 = 200;
const SERVER_ERROR: u16 = 500;

#[derive(Debug)]
pub struct HttpProber {
    connector: Connector,
    request: Box<str>,
    expect: Vec<(u16, u16)>,
    /// `expect` in words.
    expected: Arc<str>,
    content: Content,
    load: bool,
}

impl HttpProber {
    pub fn new(address: IpAddr, probe: &HttpProbe) -> HttpProber {
        let socket = SocketAddr::new(address, probe.port);
        HttpProber {
            connector: Connector::new(socket, probe.tls.as_ref(), &[ALPN]).proxied(probe.proxy),
            request: request::write(socket, probe).into(),
            expect: probe.expect.clone(),
            expected: ranges(&probe.expect).into(),
            content: Content::new(probe),
            load: probe.load,
        }
    }
}

impl Converse for HttpProber {
    fn connector(&self) -> &Connector {
        &self.connector
    }

    async fn converse(&self, stream: Connection) -> Result<ProbeAnswer, Failure> {
        let mut conversation = Conversation::new(self.connector.wrap(stream).await?);
        conversation.say(self.request.as_bytes()).await;
        let head = head::read(&mut conversation).await?;
        let got = head.status;
        if !self.expect.iter().any(|&(first, last)| (first..=last).contains(&got)) {
            return Err(Failure::Status { got, expected: self.expected.clone() });
        }
        if self.content.is_looked_at() {
            self.content.judge(Body::new(&head, conversation)?).await?;
        }
        Ok(match self.load {
            true => ProbeAnswer::Weighed(got, capacity(&head)),
            false => ProbeAnswer::Status(got),
        })
    }
}

impl ProbeKind for HttpProbe {
    type Prober = HttpProber;

    fn prober(&self, subject: &Subject) -> Option<HttpProber> {
        Some(HttpProber::new(subject.address, self))
    }

    fn describe(&self, address: IpAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let address = SocketAddr::new(address, self.port);
        format!("{} {scheme}://{address}{}", self.method.as_str(), self.path)
    }

    fn simulated_answers(&self) -> SimulatedAnswers {
        SimulatedAnswers {
            well: ProbeAnswer::Status(self.expect.first().map_or(OK, |&(first, _)| first)),
            hung: None,
            failing: Err(Failure::Status {
                got: SERVER_ERROR,
                expected: ranges(&self.expect).into(),
            }),
            closed: Err(Failure::Refused),
        }
    }
}

/// One header with one whole number: two of them, or a sign, are garbage.
fn capacity(head: &Head) -> Capacity {
    let mut values = head.values(WEIGHT);
    let Some(value) = values.next() else { return Capacity::Silent };
    let is_number = (1..=3).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(&value).unwrap_or_default();
    match text.parse().ok().filter(|percent| is_number && *percent <= 100) {
        Some(percent) if values.next().is_none() => Capacity::Percent(percent),
        _ => Capacity::Garbage,
    }
}

/// `200 or 204-206`.
pub fn ranges(expect: &[(u16, u16)]) -> String {
    let words = expect.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    words.collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_statuses_in_words() {
        assert_eq!(ranges(&[(200, 200)]), "200");
        assert_eq!(ranges(&[(200, 299), (301, 301)]), "200-299 or 301");
    }
}
