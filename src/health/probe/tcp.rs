//! Up when the connection is accepted.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::health::probe::failure::Failure;
use crate::health::probe::{Ask, Said};

#[derive(Debug)]
pub struct TcpProber(pub SocketAddr);

impl Ask for TcpProber {
    async fn ask(&self) -> Result<Said, Failure> {
        TcpStream::connect(self.0).await?;
        Ok(Said::Accepted)
    }
}
