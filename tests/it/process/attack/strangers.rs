//! Those who keep the server busy: some hundred connections, each opened again when it is closed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::process::client::frame;
use crate::process::site::Site;
use crate::world::Ask;

const NAME: &str = "ns1.midominio.com";
/// Before a connection is opened again.
const PAUSE: Duration = Duration::from_millis(20);
/// For what a server may leave unanswered.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests at a time on a connection that has many.
const AT_ONCE: usize = 32;
const THREADS: usize = 2;
/// Strangers are on other machines: they take no core from clients and children.
const NICER: i32 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Tls,
    Https,
    Quic,
    Http,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Unanswered,
    Pipelined,
    Half,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Unanswered, Kind::Pipelined, Kind::Half];
}

/// Where they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    One,
    /// 5,000 of 127/8.
    Many,
    /// Addresses of one /64.
    Network,
}

impl From {
    fn address(self, number: u64) -> IpAddr {
        match self {
            From::One => Ipv4Addr::new(127, 200, 0, 1).into(),
            From::Many => {
                let number = number % 5000;
                Ipv4Addr::new(127, 200, (number / 250) as u8, (1 + number % 250) as u8).into()
            }
            From::Network => {
                let [a, b, c, d] = [48, 32, 16, 0].map(|shift| (number >> shift) as u16);
                Ipv6Addr::new(0x2001, 0xdb8, 0, 1, a, b, c, d.wrapping_add(1)).into()
            }
        }
    }
}

/// Where the server meets them.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    pub tcp: SocketAddr,
    pub tls: SocketAddr,
    pub https: SocketAddr,
    pub quic: SocketAddr,
    pub http: SocketAddr,
}

impl Ports {
    /// On an address that the site has alone.
    pub fn of(site: &Site) -> Ports {
        let IpAddr::V4(child) = site.address(0) else { panic!("loopback") };
        let [a, b, c, _] = child.octets();
        let at = |port| SocketAddr::from((Ipv4Addr::new(a, b, c, 53), port));
        Ports { tcp: at(0), tls: at(5853), https: at(5443), quic: at(5853), http: at(0) }
    }

    /// The keys of `server`.
    pub fn config(&self) -> String {
        format!(
            "tls: {{ listen: [\"{}\"] }}, https: {{ listen: [\"{}\"] }}, quic: {{ listen: \
             [\"{}\"] }}, certificate: {{ chain: chain.pem, key: key.pem }}",
            self.tls, self.https, self.quic
        )
    }
}

pub struct Strangers {
    runtime: Runtime,
    connected: Arc<AtomicU64>,
}

struct Stranger {
    kind: Kind,
    from: From,
    at: Ports,
    tls: Arc<ClientConfig>,
    connected: Arc<AtomicU64>,
}

impl Strangers {
    pub fn start(
        transport: Transport,
        kind: Kind,
        from: From,
        at: &Ports,
        connections: usize,
    ) -> Strangers {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("stranger")
            .on_thread_start(|| {
                let _ = rustix::process::setpriority_process(None, NICER);
            })
            .enable_all()
            .build()
            .unwrap();
        let connected = Arc::new(AtomicU64::new(0));
        let tls = match transport {
            Transport::Https => client(b"h2"),
            Transport::Quic => client(b"doq"),
            _ => client(b"dot"),
        };
        let stranger =
            Arc::new(Stranger { kind, from, at: *at, tls, connected: connected.clone() });
        for _ in 0..connections {
            let stranger = Arc::clone(&stranger);
            runtime.spawn(async move {
                loop {
                    // Whatever ends it, it comes again.
                    let _ = match transport {
                        Transport::Tcp => stranger.tcp().await,
                        Transport::Tls => stranger.tls().await,
                        Transport::Https => stranger.https().await,
                        Transport::Quic => stranger.quic().await,
                        Transport::Http => stranger.http().await,
                    };
                    sleep(PAUSE).await;
                }
            });
        }
        Strangers { runtime, connected }
    }

    /// So many connections were opened.
    pub fn end(self) -> u64 {
        self.runtime.shutdown_timeout(PATIENCE);
        self.connected.load(Ordering::SeqCst)
    }
}

impl Stranger {
    fn number(&self) -> u64 {
        self.connected.fetch_add(1, Ordering::SeqCst)
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let number = self.number();
        let from = SocketAddr::new(self.from.address(number), 0);
        let socket = match from {
            SocketAddr::V4(_) => Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?,
            SocketAddr::V6(_) => Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?,
        };
        if from.is_ipv6() {
            socket.set_freebind_v6(true)?;
        }
        socket.bind(&from.into())?;
        socket.set_nonblocking(true)?;
        TcpSocket::from_std_stream(socket.into()).connect(to).await
    }

    async fn tcp(&self) -> io::Result<()> {
        self.stream(self.connect(self.at.tcp).await?).await
    }

    async fn tls(&self) -> io::Result<()> {
        let stream = self.connect(self.at.tls).await?;
        if self.kind == Kind::Half {
            return self.half_handshake(stream).await;
        }
        self.stream(self.handshake(stream).await?).await
    }

    async fn handshake(
        &self,
        stream: TcpStream,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        connector.connect(ServerName::try_from(NAME).unwrap(), stream).await
    }

    /// A whole first message, which the server has to sign for, or the beginning of one.
    async fn half_handshake(&self, mut stream: TcpStream) -> io::Result<()> {
        let name = ServerName::try_from(NAME).unwrap();
        let mut client = rustls::ClientConnection::new(Arc::clone(&self.tls), name).unwrap();
        let mut hello = vec![];
        client.write_tls(&mut hello)?;
        if self.number().is_multiple_of(2) {
            hello.truncate(20);
        }
        stream.write_all(&hello).await?;
        read_all(&mut stream).await
    }

    async fn stream<S>(&self, mut stream: S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match self.kind {
            Kind::Unanswered => {
                let frames = [0; 4096];
                loop {
                    stream.write_all(&frames).await?;
                    stream.flush().await?;
                }
            }
            Kind::Pipelined => {
                let frames: Vec<u8> = (0..200).flat_map(frame).collect();
                send_and_read(stream, &frames).await
            }
            Kind::Half => {
                stream.write_all(&frame(1)[..7]).await?;
                read_all(&mut stream).await
            }
        }
    }

    async fn https(&self) -> io::Result<()> {
        let stream = self.connect(self.at.https).await?;
        if self.kind == Kind::Half {
            return self.half_handshake(stream).await;
        }
        let stream = self.handshake(stream).await?;
        let (send, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
        let query = Ask::new("midominio.com", "A").message();
        // An empty message is answered with a status, and with no DNS.
        let body: Bytes = if self.kind == Kind::Pipelined { query.into() } else { Bytes::new() };
        let asking = async {
            loop {
                let mut responses = vec![];
                for _ in 0..AT_ONCE {
                    let mut ready = send.clone().ready().await.map_err(io::Error::other)?;
                    let request = http::Request::post(format!("https://{NAME}/dns-query"))
                        .header("content-type", "application/dns-message")
                        .body(())
                        .unwrap();
                    let (response, mut sending) =
                        ready.send_request(request, false).map_err(io::Error::other)?;
                    sending.send_data(body.clone(), true).map_err(io::Error::other)?;
                    responses.push(response);
                }
                for response in responses {
                    let mut body = response.await.map_err(io::Error::other)?.into_body();
                    while let Some(chunk) = body.data().await {
                        let length = chunk.map_err(io::Error::other)?.len();
                        let _ = body.flow_control().release_capacity(length);
                    }
                }
            }
        };
        tokio::select! {
            ended = asking => ended,
            ended = connection => ended.map_err(io::Error::other),
        }
    }

    async fn quic(&self) -> io::Result<()> {
        let number = self.number();
        let config = QuicClientConfig::try_from(Arc::clone(&self.tls)).map_err(io::Error::other)?;
        let mut endpoint = quinn::Endpoint::client((self.from.address(number), 0).into())?;
        endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(config)));
        if self.kind == Kind::Half {
            return half_quic(&endpoint, self.from.address(number), self.at.quic).await;
        }
        let connecting = endpoint.connect(self.at.quic, NAME).map_err(io::Error::other)?;
        let connection = timeout(PATIENCE, connecting).await?.map_err(io::Error::other)?;
        let query = match self.kind {
            Kind::Pipelined => frame(0),
            _ => vec![0, 0],
        };
        loop {
            let mut receiving = vec![];
            for _ in 0..AT_ONCE {
                let (mut send, receive) = timeout(PATIENCE, connection.open_bi()).await??;
                send.write_all(&query).await?;
                send.finish()?;
                receiving.push(receive);
            }
            for mut receive in receiving {
                let _ = timeout(PATIENCE, receive.read_to_end(1 << 16)).await?;
            }
        }
    }

    async fn http(&self) -> io::Result<()> {
        let mut stream = self.connect(self.at.http).await?;
        match self.kind {
            Kind::Unanswered => read_all(&mut stream).await,
            Kind::Half => {
                stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").await?;
                read_all(&mut stream).await
            }
            Kind::Pipelined => {
                let requests = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /metrics \
                    HTTP/1.1\r\nHost: localhost\r\n\r\n";
                send_and_read(stream, requests.as_bytes()).await
            }
        }
    }
}

/// As fast as what comes back is read.
async fn send_and_read<S>(stream: S, octets: &[u8]) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut read, mut write) = tokio::io::split(stream);
    let send = async {
        loop {
            write.write_all(octets).await?;
            write.flush().await?;
        }
    };
    tokio::select! {
        ended = send => ended,
        ended = read_all(&mut read) => ended,
    }
}

/// Until the other side closes.
async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let mut room = vec![0; 16 * 1024];
    while stream.read(&mut room).await? > 0 {}
    Ok(())
}

/// A first packet, and nothing after it.
async fn half_quic(endpoint: &quinn::Endpoint, from: IpAddr, to: SocketAddr) -> io::Result<()> {
    let nobody = UdpSocket::bind((from, 0)).await?;
    let connecting = endpoint.connect(nobody.local_addr()?, NAME).map_err(io::Error::other)?;
    let mut room = [0; 2048];
    let length = tokio::select! {
        received = nobody.recv(&mut room) => received?,
        _ = connecting => return Ok(()),
    };
    nobody.send_to(&room[..length], to).await?;
    sleep(Duration::from_secs(1)).await;
    Ok(())
}

fn client(alpn: &[u8]) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    Arc::new(config)
}

/// Strangers do not care whom they attack.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
