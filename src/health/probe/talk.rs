//! Up when a text is in what the server says, at once or upon what is sent to it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::cluster::check::TalkProbe;
use crate::health::probe::connection::{Connection, Connector, Conversation};
use crate::health::probe::failure::Failure;
use crate::health::probe::find::Find;
use crate::health::probe::{Ask, Said};

#[derive(Debug)]
pub struct TalkProber {
    pub(super) connector: Connector,
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

impl TalkProber {
    /// Over a connection that is there already.
    pub async fn converse(&self, stream: Connection) -> Result<Said, Failure> {
        let mut conversation = Conversation::new(self.connector.wrap(stream).await?);
        if let Some(text) = &self.send {
            conversation.say(text.as_bytes()).await;
        }
        let mut find = Find::new(&self.expect);
        while conversation.hear().await? {
            if let Some(verdict) = find.take(&conversation.heard.split()) {
                return verdict.map(|()| Said::Expected);
            }
        }
        Err(find.ended())
    }
}

impl Ask for TalkProber {
    async fn ask(&self) -> Result<Said, Failure> {
        self.converse(self.connector.connect().await?).await
    }
}
