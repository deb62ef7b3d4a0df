//! Serves DNS over QUIC (RFC 9250): off by default, for few clients.
//!
//! `quinn` does the transport: hickory-server 0.26 waits for one handshake after another, up to 5
//! seconds each, so a client that sends one datagram and no second one delays all others. Its API
//! (sockets, TLS, a handler) cannot change that loop. hickory-server reads and writes the messages
//! only (`message`).
//!
//! | bound | what happens there |
//! |---|---|
//! | [`UNPROVEN`] handshakes of addresses that may be forged | the next gets a Retry |
//! | [`HANDSHAKE`] for a handshake | the connection is given up |
//! | the connections, idle and total time of [`crate::dns::stream`], shared with TCP | as there |
//! | `MAX_STREAMS` queries of a connection at a time | more wait (QUIC says so to the client) |
//! | `STREAM_WINDOW`, `CONNECTION_WINDOW` octets that we have not read | the client waits |
//! | `SEND_WINDOW` octets that the client has not acknowledged | we wait, for the write limit |
//! | [`super::memory::MAX_HELD`] octets of all requests | the oldest is reset |
//!
//! A handshake has a task of its own, so a client that stops in the middle of one delays no other.
//! A Retry asks a client to prove its address: a forged one costs one datagram and no memory.

mod codes;
mod conversation;
mod message;

use std::io;
use std::net::UdpSocket;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, Incoming, ServerConfig, TokioRuntime, TransportConfig};
use rustls::version::TLS13;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dns::connections::Connections;
use crate::dns::encrypted::conversation::Conversation;
use crate::dns::encrypted::memory::Memory;
use crate::dns::encrypted::quic::codes::NO_ERROR;
use crate::dns::encrypted::quic::conversation::converse;
use crate::dns::encrypted::tls::{ActiveCertificate, HANDSHAKE, config};
use crate::dns::responder::Responder;
use crate::dns::stream::Session;

/// The protocol name in the TLS handshake (RFC 9250 §4.1).
pub const ALPN: &[u8] = b"doq";
/// Maximum number of handshakes at a time with clients whose addresses may be forged.
pub const UNPROVEN: usize = 32;
/// Queries of a connection at a time.
const MAX_STREAMS: u32 = 32;
/// Octets that a client may send on a stream before we read them. A longer query needs more round
/// trips.
const STREAM_WINDOW: u32 = 4 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024;
const SEND_WINDOW: u64 = 128 * 1024;
/// New connections that wait to be accepted.
const MAX_INCOMING: usize = 1024;
/// Octets that are buffered for each waiting connection, and for all of them together.
const INCOMING_OCTETS: u64 = 16 * 1024;
const ALL_INCOMING_OCTETS: u64 = 4 << 20;

/// What every connection needs from the server.
#[derive(Debug, Clone)]
pub struct QuicContext {
    pub responder: Responder,
    pub connections: Connections,
    pub memory: Memory,
}

/// Creates an endpoint on `socket`, whose connections may be idle for `idle`.
pub fn endpoint(
    socket: UdpSocket,
    presented: &Arc<ActiveCertificate>,
    idle: Duration,
) -> io::Result<Endpoint> {
    let tls = QuicServerConfig::try_from(config(presented, ALPN, &[&TLS13])?);
    let mut server = ServerConfig::with_crypto(Arc::new(tls.map_err(io::Error::other)?));
    server
        .transport_config(Arc::new(transport(idle)?))
        .max_incoming(MAX_INCOMING)
        .incoming_buffer_size(INCOMING_OCTETS)
        .incoming_buffer_size_total(ALL_INCOMING_OCTETS);
    Endpoint::new(EndpointConfig::default(), Some(server), socket, Arc::new(TokioRuntime))
}

fn transport(idle: Duration) -> io::Result<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(idle.try_into().map_err(io::Error::other)?))
        .max_concurrent_bidi_streams(MAX_STREAMS.into())
        // RFC 9250 §4.2: queries come on streams of both directions only.
        .max_concurrent_uni_streams(0u32.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(CONNECTION_WINDOW.into())
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None);
    Ok(transport)
}

/// Accepts until `stop`, then waits for the connections to finish their current exchange.
pub async fn serve(endpoint: Endpoint, context: QuicContext, stop: CancellationToken) {
    let unproven = Arc::new(Semaphore::new(UNPROVEN));
    let tasks = TaskTracker::new();
    while let Some(Some(incoming)) = stop.run_until_cancelled(endpoint.accept()).await {
        let Some((incoming, permit)) = admit(incoming, &unproven) else { continue };
        tasks.spawn(connection(incoming, permit, context.clone(), stop.clone()));
    }
    tasks.close();
    tasks.wait().await;
    endpoint.close(NO_ERROR, &[]);
    // Sends CONNECTION_CLOSE, and does not wait for clients that do not acknowledge it.
    let _ = timeout(context.connections.limits().write, endpoint.wait_idle()).await;
}

/// Admits a handshake, with a permit if the client's address may be forged. `None` when there is no
/// permit left: the client must prove its address by a new attempt.
fn admit(
    incoming: Incoming,
    unproven: &Arc<Semaphore>,
) -> Option<(Incoming, Option<OwnedSemaphorePermit>)> {
    if incoming.remote_address_validated() {
        return Some((incoming, None));
    }
    match Arc::clone(unproven).try_acquire_owned() {
        Ok(permit) => Some((incoming, Some(permit))),
        Err(_) => {
            if let Err(error) = incoming.retry() {
                tracing::debug!("retry over QUIC: {error}");
            }
            None
        }
    }
}

/// One connection, from its first datagram on.
async fn connection(
    incoming: Incoming,
    unproven: Option<OwnedSemaphorePermit>,
    context: QuicContext,
    stop: CancellationToken,
) {
    let QuicContext { responder, connections, memory } = context;
    let address = incoming.remote_address();
    responder.counters.connections_accepted.fetch_add(1, Ordering::Relaxed);
    let session = Session::new(address.ip().to_canonical(), &responder, &connections);
    let mut evicted = pin!(session.evicted());
    let ended = async {
        let connection = tokio::select! {
            connection = timeout(HANDSHAKE, incoming) => connection.ok()?.ok()?,
            () = &mut evicted => return None,
            () = stop.cancelled() => return None,
        };
        drop(unproven);
        let session = session.encrypted().without_keep_alive();
        let talk = Arc::new(Conversation::new(session, memory));
        converse(connection, &talk, evicted, &stop).await.err()
    };
    if let Some(error) = ended.await {
        tracing::debug!("QUIC connection of {address}: {error}");
    }
}
