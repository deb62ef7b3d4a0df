//! Serves DNS over TLS: the conversation of TCP inside TLS, in TCP's accept loop and limits.
//!
//! A handshake happens in its connection's own task and within [`HANDSHAKE`]: a client that stops
//! in the middle delays no other client. TLS 1.2 and 1.3, no early data (it can be replayed), no
//! client certificates.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::dns::stream::{self, Session};

/// The protocol name in the TLS handshake (RFC 7858 §3.1, RFC 7301). A client may omit it.
pub const ALPN: &[u8] = b"dot";
/// Maximum duration of a handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(5);

/// The certificate of new handshakes; the same for every name that a client asks for.
#[derive(Debug)]
pub struct ActiveCertificate(RwLock<Arc<CertifiedKey>>);

impl ActiveCertificate {
    pub fn new(certificate: Arc<CertifiedKey>) -> ActiveCertificate {
        ActiveCertificate(RwLock::new(certificate))
    }

    /// Replaces the certificate of new handshakes.
    pub fn replace(&self, certificate: Arc<CertifiedKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certificate;
    }
}

impl ResolvesServerCert for ActiveCertificate {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Creates the TLS acceptor of a transport over TCP whose protocol name is `alpn`.
pub fn acceptor(presented: &Arc<ActiveCertificate>, alpn: &[u8]) -> io::Result<TlsAcceptor> {
    Ok(TlsAcceptor::from(Arc::new(config(presented, alpn, &[&TLS13, &TLS12])?)))
}

/// Creates the TLS settings of a transport with the protocol name `alpn`.
pub fn config(
    presented: &Arc<ActiveCertificate>,
    alpn: &[u8],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> io::Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(presented) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(config)
}

/// Does the TLS handshake; `TimedOut` if it takes longer than [`HANDSHAKE`].
pub async fn handshake(tls: TlsAcceptor, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    timeout(HANDSHAKE, tls.accept(stream)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// Serves one connection, from its TLS handshake to its end.
pub async fn converse(tls: TlsAcceptor, stream: TcpStream, session: Session) -> io::Result<()> {
    let mut stream = handshake(tls, stream).await?;
    let session = session.encrypted();
    stream::converse(&mut stream, &session).await?;
    // Without close_notify the client could not tell our end from a truncation by an attacker.
    timeout(session.limits().write, stream.shutdown()).await.map_err(|_| io::ErrorKind::TimedOut)?
}
