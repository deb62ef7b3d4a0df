//! Up when a request is answered with an expected status and, where one is configured, a text in
//! the body.
//!
//! HTTP/1.1 over one connection of our own making, strict about bounds and loose about form, as
//! curl is. The connection goes to the member's own address. Without a text to look for the body is
//! not read: the status has said all, and the connection is closed. No redirect, no cookie, and the
//! body comes compressed by nobody.

pub mod body;
pub mod head;
pub mod request;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::cluster::check::HttpProbe;
use crate::health::probe::connection::{Connection, Connector, Conversation};
use crate::health::probe::failure::Failure;
use crate::health::probe::find::Find;
use crate::health::probe::http::body::Body;
use crate::health::probe::http::head::Head;
use crate::health::probe::{Ask, Capacity, Said};

/// Of an answer: how much the node can take, in percent.
const WEIGHT: &str = "x-tiovivo-weight";
const ALPN: &str = "http/1.1";

#[derive(Debug)]
pub struct HttpProber {
    connector: Connector,
    request: Box<str>,
    expect: Vec<(u16, u16)>,
    /// `expect` in words.
    expected: Arc<str>,
    body: Option<Arc<str>>,
    load: bool,
}

impl HttpProber {
    pub fn new(address: IpAddr, probe: &HttpProbe) -> HttpProber {
        let socket = SocketAddr::new(address, probe.port);
        HttpProber {
            connector: Connector::new(socket, probe.tls.as_ref(), &[ALPN]),
            request: request::write(socket, probe).into(),
            expect: probe.expect.clone(),
            expected: ranges(&probe.expect).into(),
            body: probe.body.as_deref().map(Arc::from),
            load: probe.load,
        }
    }

    /// Over a connection that is there already.
    pub async fn converse(&self, stream: Connection) -> Result<Said, Failure> {
        let mut conversation = Conversation::new(self.connector.wrap(stream).await?);
        conversation.say(self.request.as_bytes()).await;
        let head = head::read(&mut conversation).await?;
        let got = head.status;
        if !self.expect.iter().any(|&(first, last)| (first..=last).contains(&got)) {
            return Err(Failure::Status { got, expected: self.expected.clone() });
        }
        if let Some(text) = &self.body {
            look_for(text, Body::new(&head, conversation)?).await?;
        }
        Ok(match self.load {
            true => Said::Weighed(got, capacity(&head)),
            false => Said::Status(got),
        })
    }
}

impl Ask for HttpProber {
    async fn ask(&self) -> Result<Said, Failure> {
        self.converse(self.connector.connect().await?).await
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

async fn look_for(text: &Arc<str>, mut body: Body) -> Result<(), Failure> {
    let mut find = Find::new(text);
    while let Some(piece) = body.next().await? {
        if let Some(verdict) = find.take(&piece) {
            return verdict;
        }
    }
    Err(find.ended())
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
