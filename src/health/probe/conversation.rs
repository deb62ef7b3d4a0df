//! The exchange of octets on the connection of a probe.
//!
//! A probe converses with a [`Stream`] and does not know what carries it, so that tests can play a
//! hostile node in memory.

use std::{fmt, io};

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::health::probe::failure::Failure;

/// Octets of one read.
const PIECE: usize = 4096;

/// What probes read from and write to.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub type Connection = Box<dyn Stream>;

/// Sends and receives in turn.
///
/// A server may send everything as soon as it accepts the connection, and close without reading,
/// as `nc`, `socat` and services of xinetd do. Its answer counts all the same: a request that could
/// not be sent is a failure only when nothing is received either.
pub struct Conversation {
    stream: Connection,
    /// Received and not yet used.
    pub heard: BytesMut,
    /// Octets received in total.
    pub total: usize,
    unsaid: Option<io::Error>,
}

impl Conversation {
    pub fn new(stream: Connection) -> Conversation {
        Conversation { stream, heard: BytesMut::new(), total: 0, unsaid: None }
    }

    pub async fn say(&mut self, octets: &[u8]) {
        let said = match self.stream.write_all(octets).await {
            Ok(()) => self.stream.flush().await,
            failed => failed,
        };
        self.unsaid = said.err();
    }

    /// Receives another piece into `heard`; `false` when the server ended its side.
    pub async fn hear(&mut self) -> Result<bool, Failure> {
        self.heard.reserve(PIECE);
        let length = match self.stream.read_buf(&mut (&mut self.heard).limit(PIECE)).await {
            Ok(length) => length,
            // TLS without its closing alert ends with the connection.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(error.into()),
        };
        self.total += length;
        match (self.total, self.unsaid.take()) {
            (0, Some(error)) => Err(error.into()),
            (0, None) => Err(Failure::Closed),
            _ => Ok(length > 0),
        }
    }

    /// Receives until `heard` has `length` octets; `false` when the server ended before.
    pub async fn hear_all(&mut self, length: usize) -> Result<bool, Failure> {
        while self.heard.len() < length {
            if !self.hear().await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The connection; `None` while octets are left in `heard`.
    pub fn into_stream(self) -> Option<Connection> {
        self.heard.is_empty().then_some(self.stream)
    }

    /// Ends the connection in order. An error is ignored: the verdict is made already.
    pub async fn end(mut self) {
        let _ = self.stream.shutdown().await;
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("total", &self.total).finish_non_exhaustive()
    }
}
