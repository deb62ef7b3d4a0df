//! Serves a connection after its handshake: a query and its reply on each stream (RFC 9250 §4.2).
//!
//! | the client | what ends, and the code |
//! |---|---|
//! | sends a nonzero id (§4.2.1) or edns-tcp-keepalive (§5.5.2) | connection, PROTOCOL_ERROR |
//! | sends half a message, no query, or octets behind it (§4.3.3) | connection, PROTOCOL_ERROR |
//! | cancels its query, or stops reading the reply | stream, REQUEST_CANCELLED |
//! | exceeds the idle limit to send, or the write limit to read | stream, REQUEST_CANCELLED |
//! | sends no query for the idle limit | connection, NO_ERROR |
//! | holds the oldest request when memory is short | its stream, EXCESSIVE_LOAD |
//! | is evicted, because another client needs the place | connection, EXCESSIVE_LOAD |

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use quinn::{Connection, ConnectionError, ReadError, ReadExactError, RecvStream, SendStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::dns::encrypted::conversation::Conversation;
use crate::dns::encrypted::memory::Share;
use crate::dns::encrypted::quic::codes::{
    EXCESSIVE_LOAD, NO_ERROR, PROTOCOL_ERROR, REQUEST_CANCELLED,
};
use crate::dns::encrypted::quic::message::encode;
use crate::dns::options::asks_keep_alive;

/// Why a stream ended without a complete reply.
#[derive(Debug, PartialEq, Eq)]
enum StreamFault {
    /// The client broke a rule of RFC 9250.
    Protocol,
    /// The client cancelled its query, or took too long.
    Cancelled,
    /// Other requests needed the memory.
    Load,
}

/// Answers until the client leaves, is idle for too long, or is evicted.
pub async fn converse(
    connection: Connection,
    talk: &Arc<Conversation>,
    mut evicted: Pin<&mut impl Future<Output = ()>>,
    stop: &CancellationToken,
) -> Result<(), ConnectionError> {
    let mut queries = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = timeout_at(talk.deadline(), connection.accept_bi()) => accepted,
            () = &mut evicted => {
                connection.close(EXCESSIVE_LOAD, &[]);
                return Ok(());
            }
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok(Ok((send, receive))) => {
                queries.spawn(serve(send, receive, connection.clone(), Arc::clone(talk)));
                while queries.try_join_next().is_some() {}
            }
            Ok(Err(ConnectionError::ApplicationClosed(_) | ConnectionError::TimedOut)) => {
                return Ok(());
            }
            Ok(Err(error)) => return Err(error),
            // A query may have extended the deadline.
            Err(_) if talk.deadline() > Instant::now() => {}
            Err(_) => break,
        }
    }
    let ended = async { while queries.join_next().await.is_some() {} };
    let _ = timeout(talk.limits().write, ended).await;
    connection.close(NO_ERROR, &[]);
    Ok(())
}

/// Serves one stream. A breach of RFC 9250 ends the connection.
async fn serve(
    mut send: SendStream,
    mut receive: RecvStream,
    connection: Connection,
    talk: Arc<Conversation>,
) {
    let share = talk.share();
    let given_up = share.given_up();
    let exchanged = tokio::select! {
        exchanged = exchange(&mut send, &mut receive, &connection, &talk, share) => exchanged,
        () = given_up.cancelled() => Err(StreamFault::Load),
    };
    // An error of `reset` or `stop` means that the stream has ended already.
    match exchanged {
        Ok(()) => {}
        Err(StreamFault::Protocol) => connection.close(PROTOCOL_ERROR, &[]),
        Err(StreamFault::Cancelled) => drop(send.reset(REQUEST_CANCELLED)),
        Err(StreamFault::Load) => {
            drop(send.reset(EXCESSIVE_LOAD));
            drop(receive.stop(EXCESSIVE_LOAD));
        }
    }
}

async fn exchange(
    send: &mut SendStream,
    receive: &mut RecvStream,
    connection: &Connection,
    talk: &Arc<Conversation>,
    share: Share,
) -> Result<(), StreamFault> {
    let query = timeout(talk.limits().idle, read(receive, &share)).await;
    let query = query.map_err(|_| StreamFault::Cancelled)??;
    if !query.starts_with(&[0, 0]) || asks_keep_alive(&query) {
        return Err(StreamFault::Protocol);
    }
    let address = connection.remote_address();
    let (message, _room) = talk.answer(&query).await.ok_or(StreamFault::Protocol)?;
    let message = encode(query, address, message).await;
    let length = u16::try_from(message.len()).map_err(|_| StreamFault::Cancelled)?;
    let gone = CancellationToken::new();
    let length = Bytes::copy_from_slice(&length.to_be_bytes());
    let message = share.reply(message, &gone);
    let sent = async {
        send.write_all_chunks(&mut [length, message]).await.map_err(|_| StreamFault::Cancelled)?;
        send.finish().map_err(|_| StreamFault::Cancelled)?;
        // The reply stays in memory for retransmission until the client has acknowledged it.
        let (_, ended) = tokio::join!(gone.cancelled(), receive.read_chunk(1, true));
        match ended {
            Ok(Some(_)) => Err(StreamFault::Protocol),
            Ok(None) | Err(_) => Ok(()),
        }
    };
    timeout(talk.limits().write, sent).await.map_err(|_| StreamFault::Cancelled)?
}

/// Reads the length and then the message. The end of the stream is checked only after the reply,
/// so that a client need not send FIN with its query.
async fn read(receive: &mut RecvStream, share: &Share) -> Result<Vec<u8>, StreamFault> {
    let mut length = [0; 2];
    receive.read_exact(&mut length).await.map_err(|error| match error {
        ReadExactError::FinishedEarly(_) => StreamFault::Protocol,
        ReadExactError::ReadError(error) => of_read(&error),
    })?;
    let length = usize::from(u16::from_be_bytes(length));
    let mut query = vec![];
    while query.len() < length {
        let chunk = receive
            .read_chunk(length - query.len(), true)
            .await
            .map_err(|error| of_read(&error))?;
        let chunk = chunk.ok_or(StreamFault::Protocol)?;
        share.grow(chunk.bytes.len());
        query.extend_from_slice(&chunk.bytes);
    }
    Ok(query)
}

fn of_read(error: &ReadError) -> StreamFault {
    tracing::debug!("query over QUIC: {error}");
    StreamFault::Cancelled
}
