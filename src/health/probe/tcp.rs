//! Up when the connection is accepted.

use std::net::SocketAddr;

use crate::health::probe::connection::Connector;
use crate::health::probe::failure::Failure;
use crate::health::probe::{Ask, Said};

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
    async fn ask(&self) -> Result<Said, Failure> {
        self.connector.connect().await?;
        Ok(Said::Accepted)
    }
}
