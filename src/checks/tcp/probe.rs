//! The TCP check: a target is up when it accepts the connection. No data is sent.

use std::net::{IpAddr, SocketAddr};

use crate::checks::probe::ProbeKind;
use crate::checks::tcp::checked::TcpProbe;
use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::{Ask, Subject};
use crate::health::probe::connection::Connector;
use crate::health::probe::failure::Failure;
use crate::health::probe::simulated::SimulatedAnswers;

#[derive(Debug)]
pub struct TcpProber {
    connector: Connector,
}

impl TcpProber {
    pub fn new(socket: SocketAddr) -> TcpProber {
        TcpProber { connector: Connector::plain(socket) }
    }
}

impl Ask for TcpProber {
    async fn ask(&self) -> Result<ProbeAnswer, Failure> {
        self.connector.connect().await?;
        Ok(ProbeAnswer::Accepted)
    }
}

impl ProbeKind for TcpProbe {
    type Prober = TcpProber;

    fn prober(&self, subject: &Subject) -> Option<TcpProber> {
        Some(TcpProber::new(SocketAddr::new(subject.address, self.port)))
    }

    fn describe(&self, address: IpAddr) -> String {
        format!("TCP connection to {}", SocketAddr::new(address, self.port))
    }

    fn simulated_answers(&self) -> SimulatedAnswers {
        SimulatedAnswers {
            well: ProbeAnswer::Accepted,
            // A hung or failing server still accepts connections.
            hung: Some(ProbeAnswer::Accepted),
            failing: Ok(ProbeAnswer::Accepted),
            closed: Err(Failure::Refused),
        }
    }
}
