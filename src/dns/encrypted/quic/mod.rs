//! DNS over QUIC (RFC 9250): off by default, for few clients.
//!
//! `quinn` carries it: hickory-server 0.26 takes one handshake after another, 5 seconds each, so
//! one datagram without a second stopped everybody. What its API offers around that loop (sockets,
//! TLS, a handler) does not reach into it. It reads and writes the messages (`message`).
//!
//! | bound | what happens there |
//! |---|---|
//! | [`UNPROVEN`] handshakes of addresses that may be forged | the next must prove theirs (Retry) |
//! | [`HANDSHAKE`] for a handshake | given up |
//! | those of TCP, shared with it: connections, a client's own, idle, in all | as there |
//! | `MAX_STREAMS` queries of a connection at a time | more wait (QUIC says so to the client) |
//! | `STREAM_WINDOW`, `CONNECTION_WINDOW` octets that we have not read | the client waits |
//! | `SEND_WINDOW` octets that the client has not acknowledged | we wait, for the write limit |
//! | [`super::memory::MAX_HELD`] octets of all requests | the oldest is reset |
//!
//! A handshake has a task of its own, so whoever stops in the middle of one delays nobody. With
//! Retry, an address that cannot receive costs one datagram and no memory.

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

pub const ALPN: &[u8] = b"doq";
/// Handshakes at a time with addresses that nobody has proven to be the sender's.
pub const UNPROVEN: usize = 32;
/// Queries of a connection at a time.
const MAX_STREAMS: u32 = 32;
/// A longer query takes more round trips.
const STREAM_WINDOW: u32 = 4 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024;
const SEND_WINDOW: u64 = 128 * 1024;
/// First datagrams that wait to be accepted, and what they may hold beside it, each and in all.
const MAX_INCOMING: usize = 1024;
const INCOMING_OCTETS: u64 = 16 * 1024;
const ALL_INCOMING_OCTETS: u64 = 4 << 20;

/// What context needs beside a connection.
#[derive(Debug, Clone)]
pub struct QuicContext {
    pub responder: Responder,
    pub connections: Connections,
    pub memory: Memory,
}

/// Creates an endpoint on `socket`.
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

/// `None` when the client must prove its address first, by a new attempt. Otherwise the permit for
/// the handshake; `None` inside when the address is proven already.
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
