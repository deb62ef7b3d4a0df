//! Serves DNS over TLS (RFC 7858), HTTPS (RFC 8484, HTTP/2) and QUIC (RFC 9250). Off until
//! config.yaml lists addresses for them.
//!
//! As on every transport, [`crate::dns::respond`] makes the answer. It is that of a stream: not
//! truncated, and never a zone transfer.
//!
//! | transport | carried by | bounds |
//! |---|---|---|
//! | [`tls`] | the accept loop and the conversation of TCP | those of TCP, shared with it |
//! | [`https`] | the accept loop of TCP, with `h2` inside | those of TCP, and its own |
//! | [`quic`] | `quinn`, with hickory-server for the messages | those of TCP, and its own |
//!
//! hickory-server is not used for HTTPS: it lacks GET, which RFC 8484 §4.1 requires, drops requests
//! with a wrong path or content type without a status, and has no bound on connections.
//!
//! One certificate serves all three. [`EncryptedHandle::present`] replaces it for new handshakes;
//! open connections continue. No file is opened here; sockets and `stop` come from the caller.

mod conversation;
pub mod https;
pub mod memory;
pub mod quic;
pub mod records;
mod reply_records;
pub mod tls;

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use tokio::net;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dns::connections::Connections;
use crate::dns::encrypted::memory::{MAX_HELD, Memory};
use crate::dns::encrypted::quic::QuicContext;
use crate::dns::encrypted::tls::ActiveCertificate;
use crate::dns::responder::Responder;
use crate::dns::sockets::{BindFault, bind_quic, bind_stream};
use crate::dns::stream;

/// Bound sockets. All lists may be empty.
#[derive(Debug, Default)]
pub struct Listeners {
    pub tls: Vec<TcpListener>,
    pub https: Vec<TcpListener>,
    /// The path of HTTPS requests, with its leading slash.
    pub path: String,
    pub quic: Vec<UdpSocket>,
}

/// A handle to the running listeners. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EncryptedHandle {
    presented: Arc<ActiveCertificate>,
    memory: Memory,
    tasks: TaskTracker,
}

/// Makes ring the default provider of rustls. Must be called before any other use of TLS; a second
/// call changes nothing.
pub fn install_provider() {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Listeners {
    /// Binds all sockets. `path` is the path of HTTPS requests.
    pub fn bind(
        tls: &[SocketAddr],
        https: &[SocketAddr],
        path: &str,
        quic: &[SocketAddr],
    ) -> Result<Listeners, BindFault> {
        Ok(Listeners {
            tls: tls
                .iter()
                .map(|address| bind_stream(*address, "TLS"))
                .collect::<Result<_, _>>()?,
            https: https
                .iter()
                .map(|address| bind_stream(*address, "HTTPS"))
                .collect::<Result<_, _>>()?,
            path: path.into(),
            quic: quic.iter().map(|address| bind_quic(*address)).collect::<Result<_, _>>()?,
        })
    }
}

/// Serves `listeners` until `stop`, in tasks of the current runtime. Pass the `connections` of TCP,
/// so that their bounds hold for all streams together. Busy connections wait in a queue of their
/// own, apart from that of TCP.
pub fn start(
    listeners: Listeners,
    certificate: Arc<CertifiedKey>,
    responder: &Responder,
    connections: &Connections,
    stop: &CancellationToken,
) -> io::Result<EncryptedHandle> {
    let Listeners { tls, https, path, quic } = listeners;
    let connections = &connections.with_own_queue();
    let presented = Arc::new(ActiveCertificate::new(certificate));
    let tasks = TaskTracker::new();
    let dot = tls::acceptor(&presented, tls::ALPN)?;
    for listener in tls {
        let dot = dot.clone();
        tasks.spawn(stream::accept(
            net::TcpListener::from_std(listener)?,
            responder.clone(),
            connections.clone(),
            stop.clone(),
            move |stream, session| tls::converse(dot.clone(), stream, session),
        ));
    }
    let doh = tls::acceptor(&presented, https::ALPN)?;
    let path: Arc<str> = path.into();
    let memory = Memory::new(MAX_HELD, &responder.counters);
    for listener in https {
        let (doh, path, memory) = (doh.clone(), Arc::clone(&path), memory.clone());
        tasks.spawn(stream::accept(
            net::TcpListener::from_std(listener)?,
            responder.clone(),
            connections.clone(),
            stop.clone(),
            move |stream, session| {
                https::converse(doh.clone(), stream, session, Arc::clone(&path), memory.clone())
            },
        ));
    }
    for socket in quic {
        let endpoint = quic::endpoint(socket, &presented, connections.limits().idle)?;
        let context = QuicContext {
            responder: responder.clone(),
            connections: connections.clone(),
            memory: memory.clone(),
        };
        tasks.spawn(quic::serve(endpoint, context, stop.clone()));
    }
    tasks.close();
    Ok(EncryptedHandle { presented, memory, tasks })
}

impl EncryptedHandle {
    /// Replaces the certificate of new handshakes.
    pub fn present(&self, certificate: Arc<CertifiedKey>) {
        self.presented.replace(certificate);
    }

    /// Octets of memory that requests over HTTPS and QUIC hold now.
    pub fn held(&self) -> usize {
        self.memory.held()
    }

    /// Waits until, after `stop`, all listeners and connections have ended.
    pub async fn ended(&self) {
        self.tasks.wait().await;
    }
}
