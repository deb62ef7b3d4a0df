//! The encrypted transports and plain TCP over one zone, on ports that the system chooses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{CertificateParams, KeyPair};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::PrivateKeyDer;
use tiovivo::counters::Counters;
use tiovivo::dns::connections::{Connections, StreamLimits};
use tiovivo::dns::cookie_clock::CookieClock;
use tiovivo::dns::encrypted::{self, EncryptedHandle, Listeners};
use tiovivo::dns::responder::Responder;
use tiovivo::dns::stream;
use tiovivo::snapshot::Snapshot;
use tiovivo::snapshot::identity::Identity as ProbeAnswer;
use tiovivo::snapshot::publish::{self, Publisher};
use tiovivo::snapshot::statics::Statics;
use tiovivo::zone::name::Name;
use tiovivo::zone::record::Zone;
use tokio_util::sync::CancellationToken;

pub const SERVER_NAME: &str = "ns1.midominio.com";

const ZONE: &str = include_str!("midominio.com.zone");

/// A self-signed certificate, its key, and the trust in it.
pub struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Identity {
    pub fn new() -> Identity {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![SERVER_NAME.into()]).unwrap();
        Identity { certificate: parameters.self_signed(&key).unwrap(), key }
    }

    pub fn certified(&self) -> Arc<CertifiedKey> {
        let chain = vec![self.certificate.der().clone()];
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let provider = rustls::crypto::ring::default_provider();
        Arc::new(CertifiedKey::from_der(chain, key, &provider).unwrap())
    }

    /// For a client that trusts this certificate only.
    pub fn client(&self, alpn: &[u8]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        config
    }
}

pub struct Server {
    pub tcp: SocketAddr,
    pub tls: SocketAddr,
    pub https: SocketAddr,
    pub quic: SocketAddr,
    pub handle: EncryptedHandle,
    pub stop: CancellationToken,
    pub responder: Responder,
    pub zone: Zone,
    _publisher: Publisher,
}

impl Server {
    pub fn start(identity: &Identity) -> Server {
        Server::with(identity, StreamLimits::default())
    }

    pub fn with(identity: &Identity, limits: StreamLimits) -> Server {
        let apex = Name::parse("midominio.com").unwrap();
        let mut open = |_: &str| Ok(ZONE.as_bytes().to_vec().into());
        let zone = match tiovivo::zone::read::read(&apex, "midominio.com.zone", &mut open) {
            Ok((zone, _)) => zone,
            Err(faults) => panic!("{faults:#?}"),
        };
        let zones = std::slice::from_ref(&zone);
        let said = ProbeAnswer { nsid: b"ns1.test"[..].into(), ..ProbeAnswer::default() };
        let statics = Statics::build(zones, std::iter::empty(), said).unwrap();
        let snapshot = Snapshot::build(&Arc::new(statics), &[], &[], None);
        let (publisher, reader) = publish::channel(snapshot);
        let responder = Responder {
            reader,
            counters: Arc::new(Counters::new(0)),
            turn: Arc::new(AtomicU64::new(0)),
            stop: Arc::default(),
            clock: CookieClock::default(),
        };
        let any = ["127.0.0.1:0".parse().unwrap()];
        let listeners = Listeners::bind(&any, &any, "/dns-query", &any).unwrap();
        let tls = listeners.tls[0].local_addr().unwrap();
        let https = listeners.https[0].local_addr().unwrap();
        let quic = listeners.quic[0].local_addr().unwrap();
        let plain = std::net::TcpListener::bind(any[0]).unwrap();
        plain.set_nonblocking(true).unwrap();
        let tcp = plain.local_addr().unwrap();
        let (connections, stop) = (Connections::new(limits), CancellationToken::new());
        let handle =
            encrypted::start(listeners, identity.certified(), &responder, &connections, &stop)
                .unwrap();
        let plain = tokio::net::TcpListener::from_std(plain).unwrap();
        tokio::spawn(stream::serve(plain, responder.clone(), connections, stop.clone()));
        Server { tcp, tls, https, quic, handle, stop, responder, zone, _publisher: publisher }
    }

    /// Every answer from now on is of that turn, until the next query takes it on.
    pub fn turn(&self, turn: u64) {
        self.responder.turn.store(turn, Ordering::Relaxed);
    }

    pub fn queries(&self) -> u64 {
        self.responder.counters.stream.queries.load(Ordering::Relaxed)
    }

    pub fn evicted(&self) -> u64 {
        self.responder.counters.connections_evicted.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
