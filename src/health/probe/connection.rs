//! The connection of a probe: an octet stream to the member, plain or within TLS. Nothing outlives
//! the probe.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::cluster::connection::{ProxyVersion, StartTls};
use crate::cluster::trust::Tls;
use crate::cluster::validity;
use crate::health::probe::conversation::{Connection, Stream};
use crate::health::probe::failure::Failure;
use crate::health::probe::{proxy, start_tls, trust};

/// Where a probe connects to, and what is wrapped around the connection.
#[derive(Debug)]
pub struct Connector {
    socket: SocketAddr,
    proxy: Option<ProxyVersion>,
    start_tls: Option<StartTls>,
    /// In a box: most probes have none.
    tls: Option<Box<Handshake>>,
}

impl Connector {
    pub fn plain(socket: SocketAddr) -> Connector {
        Connector { socket, proxy: None, start_tls: None, tls: None }
    }

    /// The connection begins with a header of the PROXY protocol.
    pub fn proxied(self, proxy: Option<ProxyVersion>) -> Connector {
        Connector { proxy, ..self }
    }

    /// Asks for TLS by the commands of this protocol first.
    pub fn asking(self, start_tls: Option<StartTls>) -> Connector {
        Connector { start_tls, ..self }
    }

    /// With TLS when `tls` is given; `alpn` are the protocols to offer in its handshake.
    pub fn new(socket: SocketAddr, tls: Option<&Tls>, alpn: &[&str]) -> Connector {
        let plain = Connector::plain(socket);
        Connector { tls: tls.map(|tls| Box::new(Handshake::new(tls, socket, alpn))), ..plain }
    }

    pub async fn connect(&self) -> Result<Connection, Failure> {
        let mut stream = TcpStream::connect(self.socket).await?;
        if let Some(version) = self.proxy {
            let header = proxy::header(version, stream.local_addr()?, stream.peer_addr()?);
            // A server that closed already may have said why; whoever listens will see.
            let _ = stream.write_all(&header).await;
        }
        Ok(Box::new(stream))
    }

    /// Adds the configured layers (STARTTLS, TLS) to a connection.
    pub async fn wrap(&self, stream: Connection) -> Result<Connection, Failure> {
        let stream = match self.start_tls {
            None => stream,
            Some(protocol) => start_tls::ask(protocol, stream).await?,
        };
        match &self.tls {
            None => Ok(stream),
            Some(handshake) => Ok(Box::new(handshake.shake(stream).await?)),
        }
    }

    /// When the certificate of the latest handshake ends.
    pub fn certificate(&self) -> Option<Timestamp> {
        self.tls.as_ref()?.certificate()
    }
}

/// A TLS handshake, ready for one address.
pub struct Handshake {
    /// `None` when the configuration allows no handshake; each probe then fails and says so.
    ready: Option<(TlsConnector, ServerName<'static>)>,
    /// When the latest certificate ends, in seconds since 1970; [`NEVER`] without such an end.
    ends: AtomicI64,
}

const NEVER: i64 = i64::MAX;

impl Handshake {
    pub fn new(tls: &Tls, socket: SocketAddr, alpn: &[&str]) -> Handshake {
        let ready = trust::client_config(&tls.trust).and_then(|mut config| {
            config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
            let name = trust::server_name(tls, socket.ip())?;
            Some((TlsConnector::from(std::sync::Arc::new(config)), name))
        });
        Handshake { ready, ends: AtomicI64::new(NEVER) }
    }

    pub async fn shake<S: Stream>(&self, stream: S) -> Result<TlsStream<S>, Failure> {
        let (connector, name) = self.ready.as_ref().ok_or(Failure::Unsendable)?;
        let stream = connector.connect(name.clone(), stream).await?;
        let ends = certificate(&stream).and_then(|first| validity::of(first)?.ends);
        self.ends.store(ends.map_or(NEVER, |ends: Timestamp| ends.as_second()), Ordering::Relaxed);
        Ok(stream)
    }

    /// When the certificate of the latest handshake ends.
    pub fn certificate(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.ends.load(Ordering::Relaxed)).ok()
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").finish_non_exhaustive()
    }
}

/// The server's own certificate.
pub fn certificate<S>(stream: &TlsStream<S>) -> Option<&CertificateDer<'static>> {
    stream.get_ref().1.peer_certificates()?.first()
}
