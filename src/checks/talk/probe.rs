//! Up when a text is in what the server says, at once or upon what is sent to it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::checks::probe::ProbeKind;
use crate::checks::talk::checked::TalkProbe;
use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::Subject;
use crate::health::probe::connection::Connector;
use crate::health::probe::conversation::{Connection, Conversation};
use crate::health::probe::converse::Converse;
use crate::health::probe::failure::Failure;
use crate::health::probe::find::Find;
use crate::health::probe::simulated::SimulatedAnswers;

/// The text was found.
pub const EXPECTED: ProbeAnswer = ProbeAnswer::Text("expected answer");

#[derive(Debug)]
pub struct TalkProber {
    connector: Connector,
    send: Option<Arc<str>>,
    expect: Arc<str>,
}

impl TalkProber {
    pub fn new(address: IpAddr, probe: &TalkProbe) -> TalkProber {
        let socket = SocketAddr::new(address, probe.port);
        let (start_tls, tls) = match &probe.start_tls {
            Some((protocol, tls)) => (Some(*protocol), Some(tls)),
            None => (None, None),
        };
        let connector = Connector::new(socket, tls, &[]).asking(start_tls);
        TalkProber {
            connector: connector.proxied(probe.proxy),
            send: probe.send.as_deref().map(Arc::from),
            expect: probe.expect.as_str().into(),
        }
    }
}

impl TalkProber {}

impl Converse for TalkProber {
    fn connector(&self) -> &Connector {
        &self.connector
    }

    async fn converse(&self, stream: Connection) -> Result<ProbeAnswer, Failure> {
        let mut conversation = Conversation::new(self.connector.wrap(stream).await?);
        if let Some(text) = &self.send {
            conversation.say(text.as_bytes()).await;
        }
        let mut find = Find::new(&self.expect);
        while conversation.hear().await? {
            if let Some(verdict) = find.take(&conversation.heard.split()) {
                return verdict.map(|()| EXPECTED);
            }
        }
        Err(find.ended())
    }
}

impl ProbeKind for TalkProbe {
    type Prober = TalkProber;

    fn prober(&self, subject: &Subject) -> Option<TalkProber> {
        Some(TalkProber::new(subject.address, self))
    }

    fn describe(&self, address: IpAddr) -> String {
        format!("TCP answer of {}", SocketAddr::new(address, self.port))
    }

    fn simulated_answers(&self) -> SimulatedAnswers {
        SimulatedAnswers {
            well: EXPECTED,
            hung: None,
            failing: Err(Failure::Lacks { text: self.expect.as_str().into(), all: true }),
            closed: Err(Failure::Refused),
        }
    }
}
