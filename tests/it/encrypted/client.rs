//! One client a transport. Each sends the bytes that it is given and returns those that come back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request, StatusCode};
use quinn::crypto::rustls::QuicClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::server::{Identity, SERVER_NAME};

/// A reply that has not come by then will not come.
const PATIENCE: Duration = Duration::from_secs(10);

async fn tls(
    address: SocketAddr,
    identity: &Identity,
    alpn: &[u8],
) -> io::Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(Arc::new(identity.client(alpn)));
    let stream = TcpStream::connect(address).await?;
    let stream = connector.connect(ServerName::try_from(SERVER_NAME).unwrap(), stream).await?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(alpn));
    Ok(stream)
}

pub struct Dot(TlsStream<TcpStream>);

impl Dot {
    pub async fn connect(address: SocketAddr, identity: &Identity) -> io::Result<Dot> {
        Ok(Dot(tls(address, identity, b"dot").await?))
    }

    pub async fn ask(&mut self, query: &[u8]) -> Vec<u8> {
        self.try_ask(query).await.unwrap()
    }

    pub async fn try_ask(&mut self, query: &[u8]) -> io::Result<Vec<u8>> {
        let asked = async {
            self.0.write_all(&framed(query)).await?;
            self.0.flush().await?;
            let mut reply = vec![0; usize::from(self.0.read_u16().await?)];
            self.0.read_exact(&mut reply).await?;
            Ok(reply)
        };
        timeout(PATIENCE, asked).await?
    }
}

pub fn framed(query: &[u8]) -> Vec<u8> {
    [&(query.len() as u16).to_be_bytes(), query].concat()
}

pub struct Doh(SendRequest<Bytes>);

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl Doh {
    /// For requests that a test sends as no client should.
    pub fn sender(&self) -> SendRequest<Bytes> {
        self.0.clone()
    }

    pub async fn connect(address: SocketAddr, identity: &Identity) -> io::Result<Doh> {
        Doh::with_window(address, identity, 65535).await
    }

    /// `window` is what the client takes of each reply until it says more.
    pub async fn with_window(
        address: SocketAddr,
        identity: &Identity,
        window: u32,
    ) -> io::Result<Doh> {
        let stream = tls(address, identity, b"h2").await?;
        let mut builder = h2::client::Builder::new();
        let handshake = builder.initial_window_size(window).handshake(stream);
        let (send, connection) = handshake.await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Doh(send))
    }

    pub async fn ask(&mut self, query: &[u8]) -> Vec<u8> {
        let wire = Some("application/dns-message");
        let reply = self.request(Method::POST, "/dns-query", wire, query).await;
        assert_eq!(reply.status, StatusCode::OK);
        reply.body
    }

    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Reply {
        let mut request =
            Request::builder().method(method).uri(format!("https://{SERVER_NAME}{path}"));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let asked = async {
            let mut ready = self.0.clone().ready().await.unwrap();
            let request = request.body(()).unwrap();
            let (response, mut sending) = ready.send_request(request, body.is_empty()).unwrap();
            if !body.is_empty() {
                sending.send_data(body.to_vec().into(), true).unwrap();
            }
            let (head, mut body) = response.await.unwrap().into_parts();
            let mut read = vec![];
            while let Some(chunk) = body.data().await {
                let chunk = chunk.unwrap();
                read.extend_from_slice(&chunk);
                body.flow_control().release_capacity(chunk.len()).unwrap();
            }
            Reply { status: head.status, headers: head.headers, body: read }
        };
        timeout(PATIENCE, asked).await.expect("a response")
    }
}

pub struct Doq {
    connection: quinn::Connection,
    _endpoint: quinn::Endpoint,
}

impl Doq {
    pub async fn connect(address: SocketAddr, identity: &Identity) -> io::Result<Doq> {
        let tls = QuicClientConfig::try_from(identity.client(b"doq")).map_err(io::Error::other)?;
        let mut endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap())?;
        endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(tls)));
        let connecting = endpoint.connect(address, SERVER_NAME).map_err(io::Error::other)?;
        let connection = timeout(PATIENCE, connecting).await?.map_err(io::Error::other)?;
        Ok(Doq { connection, _endpoint: endpoint })
    }

    pub fn connection(&self) -> &quinn::Connection {
        &self.connection
    }

    pub async fn ask(&self, query: &[u8]) -> Vec<u8> {
        self.try_ask(query).await.unwrap()
    }

    pub async fn try_ask(&self, query: &[u8]) -> io::Result<Vec<u8>> {
        let asked = async {
            let (mut send, mut receive) = self.connection.open_bi().await?;
            send.write_all(&framed(query)).await?;
            send.finish()?;
            let reply = receive.read_to_end(1 << 17).await.map_err(io::Error::other)?;
            let (length, message) =
                reply.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
            assert_eq!(usize::from(u16::from_be_bytes(*length)), message.len());
            Ok(message.to_vec())
        };
        timeout(PATIENCE, asked).await?
    }
}
