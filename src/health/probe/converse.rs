//! Probes that open one connection and exchange something over it.

use jiff::Timestamp;

use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::Ask;
use crate::health::probe::connection::Connector;
use crate::health::probe::conversation::Connection;
use crate::health::probe::failure::Failure;

/// What a kind of check does over one connection; [`Ask`] follows from it.
pub trait Converse: Send + Sync + 'static {
    /// Opens the connection.
    fn connector(&self) -> &Connector;

    /// Asks over a connection that the connector opened, or that a test made.
    fn converse(
        &self,
        stream: Connection,
    ) -> impl Future<Output = Result<ProbeAnswer, Failure>> + Send;

    /// When the certificate of the latest handshake ends.
    fn certificate(&self) -> Option<Timestamp> {
        self.connector().certificate()
    }
}

impl<T: Converse> Ask for T {
    async fn ask(&self) -> Result<ProbeAnswer, Failure> {
        self.converse(self.connector().connect().await?).await
    }

    async fn ask_over(&self, stream: Connection) -> Option<Result<ProbeAnswer, Failure>> {
        Some(self.converse(stream).await)
    }

    fn certificate(&self) -> Option<Timestamp> {
        Converse::certificate(self)
    }
}
