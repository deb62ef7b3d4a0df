//! DNS over TLS, HTTPS and QUIC, seen by clients that are not ours: rustls, h2, quinn and kdig.

mod client;
mod dnsperf;
mod handshakes;
mod message;
mod padding;
mod pressure;
mod rules;
mod server;
mod transports;

use std::io;
use std::time::Duration;

use http::{Method, StatusCode};
use tiovivo::dns::connections::StreamLimits;
use tiovivo::dns::encrypted::tls::HANDSHAKE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use client::{Doh, Doq, Dot};
use message::{query, read};
use server::{Identity, Server};

/// Longer than anything here takes, shorter than a handshake that hangs.
const SOON: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_new_certificate_is_for_new_handshakes_and_open_connections_go_on() {
    let (old, new) = (Identity::new(), Identity::new());
    let server = Server::start(&old);
    let question = query("www.midominio.com", 1);
    let mut dot = Dot::connect(server.tls, &old).await.unwrap();
    let mut doh = Doh::connect(server.https, &old).await.unwrap();
    let doq = Doq::connect(server.quic, &old).await.unwrap();
    server.handle.present(new.certified());
    assert_eq!(read(&dot.ask(&question).await).answer().len(), 3);
    assert_eq!(read(&doh.ask(&question).await).answer().len(), 3);
    assert_eq!(read(&doq.ask(&question).await).answer().len(), 3);
    assert!(Dot::connect(server.tls, &old).await.is_err());
    assert!(Doh::connect(server.https, &old).await.is_err());
    assert!(Doq::connect(server.quic, &old).await.is_err());
    for identity in [&new] {
        Dot::connect(server.tls, identity).await.unwrap().ask(&question).await;
        Doh::connect(server.https, identity).await.unwrap().ask(&question).await;
        Doq::connect(server.quic, identity).await.unwrap().ask(&question).await;
    }
}

#[tokio::test]
async fn whoever_stops_in_the_middle_of_a_handshake_delays_nobody() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let mut hanging = vec![];
    for port in [server.tls, server.https] {
        for _ in 0..8 {
            let mut stream = TcpStream::connect(port).await.unwrap();
            // The head of a ClientHello of 512 octets, and no more.
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).await.unwrap();
            hanging.push(stream);
        }
    }
    let asked = async {
        let question = query("www.midominio.com", 1);
        Dot::connect(server.tls, &identity).await.unwrap().ask(&question).await;
        Doh::connect(server.https, &identity).await.unwrap().ask(&question).await;
    };
    timeout(SOON, asked).await.expect("answers while others hang");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_hangs_is_given_up() {
    let server = Server::start(&Identity::new());
    for port in [server.tls, server.https] {
        let start = Instant::now();
        let mut stream = TcpStream::connect(port).await.unwrap();
        stream.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
        let mut rest = vec![];
        // Closed or reset: either is an end.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(start.elapsed() >= HANDSHAKE);
        assert!(start.elapsed() < StreamLimits::default().idle, "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn garbage_on_an_encrypted_port_ends_that_connection_and_no_other() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let mut open = Dot::connect(server.tls, &identity).await.unwrap();
    let question = query("www.midominio.com", 1);
    let mut plain = (question.len() as u16).to_be_bytes().to_vec();
    plain.extend_from_slice(&question);
    for port in [server.tls, server.https] {
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &plain, &[0xff; 4096]] {
            let mut stream = TcpStream::connect(port).await.unwrap();
            stream.write_all(garbage).await.unwrap();
            let mut said = vec![];
            let end = timeout(SOON, stream.read_to_end(&mut said)).await.expect("an end");
            assert!(end.is_ok() || end.unwrap_err().kind() == io::ErrorKind::ConnectionReset);
            // A TLS alert at most.
            assert!(said.len() <= 7 && said.first().is_none_or(|kind| *kind == 21), "{said:?}");
        }
    }
    assert_eq!(read(&open.ask(&question).await).answer().len(), 3);
}

#[tokio::test]
async fn tls_and_https_share_the_bounds_of_tcp() {
    let identity = Identity::new();
    let limits = StreamLimits { per_client: 2, ..StreamLimits::default() };
    let server = Server::with(&identity, limits);
    let question = query("www.midominio.com", 1);
    let mut idlest = Dot::connect(server.tls, &identity).await.unwrap();
    idlest.ask(&question).await;
    let mut doh = Doh::connect(server.https, &identity).await.unwrap();
    doh.ask(&question).await;
    let mut third = Dot::connect(server.tls, &identity).await.unwrap();
    third.ask(&question).await;
    assert!(idlest.try_ask(&question).await.is_err(), "made room for the third");
    doh.ask(&question).await;
    assert_eq!(server.evicted(), 1);
}

/// Method, path, content type, body, and the status that comes back.
type Case<'a> = (Method, &'a str, Option<&'a str>, &'a [u8], u16);

#[tokio::test]
async fn https_answers_get_and_post_and_says_what_is_wrong_with_others() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let mut doh = Doh::connect(server.https, &identity).await.unwrap();
    let question = query("www.midominio.com", 1);
    let dns = data_encoding::BASE64URL_NOPAD.encode(&question);
    let get = format!("/dns-query?dns={dns}");
    let wire = Some("application/dns-message");

    for (method, path, body) in
        [(Method::GET, get.as_str(), &[][..]), (Method::POST, "/dns-query", &question)]
    {
        let reply = doh.request(method, path, wire, body).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.header("content-type"), "application/dns-message");
        assert_eq!(reply.header("content-length"), reply.body.len().to_string());
        assert_eq!(reply.header("cache-control"), "max-age=300");
        assert_eq!(read(&reply.body).answer().len(), 3);
    }

    let long = vec![0; 65536];
    let response = [0, 0, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let elsewhere = format!("/?dns={dns}");
    let cases: [Case<'_>; 11] = [
        (Method::POST, "/", wire, &question, 404),
        (Method::GET, &elsewhere, None, &[], 404),
        (Method::POST, "/dns-query/", wire, &question, 404),
        (Method::POST, "/dns-query", Some("application/json"), &question, 415),
        (Method::POST, "/dns-query", None, &question, 415),
        (Method::PUT, "/dns-query", wire, &question, 405),
        (Method::GET, "/dns-query", None, &[], 400),
        (Method::GET, "/dns-query?dns=%2B", None, &[], 400),
        (Method::POST, "/dns-query", wire, &[0; 11], 400),
        (Method::POST, "/dns-query", wire, &response, 400),
        (Method::POST, "/dns-query", wire, &long, 413),
    ];
    for (method, path, kind, body, status) in cases {
        let told = format!("{method} {path} {kind:?}");
        let reply = doh.request(method, path, kind, body).await;
        assert_eq!(reply.status, status, "{told}");
        assert_eq!(reply.body, b"", "{told}");
    }
    let put = doh.request(Method::PUT, "/dns-query", wire, &question).await;
    assert_eq!(put.header("allow"), "GET, POST");
}

#[tokio::test]
async fn https_says_how_long_an_answer_stays_fresh() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let mut doh = Doh::connect(server.https, &identity).await.unwrap();
    for (name, rtype, age) in [
        ("www.midominio.com", 1, 300),
        // The least of a chain: the alias has 3600.
        ("alias.midominio.com", 1, 300),
        ("midominio.com", 15, 3600),
        // The SOA's TTL as it is sent: min(3600, 300).
        ("nothing.midominio.com", 1, 300),
        ("elsewhere.example", 1, 0),
    ] {
        let body = query(name, rtype);
        let wire = Some("application/dns-message");
        let reply = doh.request(Method::POST, "/dns-query", wire, &body).await;
        assert_eq!(reply.header("cache-control"), format!("max-age={age}"), "{name}");
    }
}

#[tokio::test]
async fn a_query_over_quic_has_the_id_0_or_no_reply() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let doq = Doq::connect(server.quic, &identity).await.unwrap();
    let mut question = query("www.midominio.com", 1);
    assert_eq!(read(&doq.ask(&question).await).answer().len(), 3);
    question[1] = 7;
    assert!(doq.try_ask(&question).await.is_err());
}

#[tokio::test]
async fn all_transports_end_when_the_server_stops() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let question = query("www.midominio.com", 1);
    let mut dot = Dot::connect(server.tls, &identity).await.unwrap();
    dot.ask(&question).await;
    let doq = Doq::connect(server.quic, &identity).await.unwrap();
    doq.ask(&question).await;
    server.stop.cancel();
    timeout(SOON, server.handle.ended()).await.expect("an end");
    assert!(dot.try_ask(&question).await.is_err());
    assert!(TcpStream::connect(server.https).await.is_err());
}
