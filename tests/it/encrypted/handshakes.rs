//! Handshakes that stop in the middle, over each transport: they cost no one else anything.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::crypto::rustls::QuicClientConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::SOON;
use super::client::{Doh, Doq, Dot};
use super::message::{query, read};
use super::server::{Identity, SERVER_NAME, Server};

const HALF: usize = 250;

/// The first datagrams of `count` QUIC clients.
async fn initials(count: usize, identity: &Identity) -> Vec<Vec<u8>> {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    nobody.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let address = nobody.local_addr().unwrap();
    let mut endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let tls = QuicClientConfig::try_from(identity.client(b"doq")).unwrap();
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(tls)));
    let received = tokio::task::spawn_blocking(move || {
        let mut first = BTreeMap::new();
        while first.len() < count {
            let mut room = [0; 2048];
            let len = nobody.recv(&mut room).unwrap();
            // Flags, version, and the length of the connection's id. Who waits sends it again.
            let id = room[6..6 + usize::from(room[5])].to_vec();
            first.entry(id).or_insert_with(|| room[..len].to_vec());
        }
        first.into_values().collect()
    });
    // Dropped, one would say farewell.
    let mut connecting = vec![];
    for _ in 0..count {
        connecting.push(endpoint.connect(address, SERVER_NAME).unwrap());
        tokio::task::yield_now().await;
    }
    received.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_stop_over_quic_delay_nobody_and_later_ones_prove_their_address() {
    const RETRY: u8 = 0xf0;
    let identity = Identity::new();
    let server = Server::start(&identity);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagrams = initials(HALF, &identity).await;
    let ear = stranger.try_clone().unwrap();
    ear.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let heard = tokio::task::spawn_blocking(move || {
        let (mut retries, mut room) = (0, [0; 2048]);
        while let Ok(len) = ear.recv(&mut room) {
            retries += usize::from(len > 0 && room[0] & 0xf0 == RETRY);
        }
        retries
    });
    // As many at a time as a socket's buffer takes without a privilege.
    for some in datagrams.chunks(25) {
        for datagram in some {
            stranger.send_to(datagram, server.quic).unwrap();
        }
        sleep(Duration::from_millis(50)).await;
    }
    let start = Instant::now();
    let question = query("www.midominio.com", 1);
    for _ in 0..5 {
        let doq = Doq::connect(server.quic, &identity).await.unwrap();
        assert_eq!(read(&doq.ask(&question).await).answer().len(), 3);
    }
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    let retries = heard.await.unwrap();
    assert!(retries >= HALF - 2 * tiovivo::dns::encrypted::quic::UNPROVEN, "{retries}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_stop_in_the_middle_of_a_handshake_delay_nobody() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let mut hanging = vec![];
    for port in [server.tls, server.https] {
        for _ in 0..HALF / 2 {
            let mut stream = TcpStream::connect(port).await.unwrap();
            // The head of a ClientHello of 512 octets, and no more.
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).await.unwrap();
            hanging.push(stream);
        }
    }
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in initials(HALF, &identity).await {
        stranger.send_to(&datagram, server.quic).unwrap();
    }
    let start = Instant::now();
    let question = query("www.midominio.com", 1);
    for _ in 0..5 {
        Dot::connect(server.tls, &identity).await.unwrap().ask(&question).await;
        Doh::connect(server.https, &identity).await.unwrap().ask(&question).await;
        Doq::connect(server.quic, &identity).await.unwrap().ask(&question).await;
    }
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}
