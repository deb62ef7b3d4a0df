//! Padding (RFC 7830, RFC 8467): over TLS, HTTPS and QUIC, for whoever pads the query.

use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{Doh, Doq, Dot, framed};
use super::message::{query, read, with_options};
use super::server::{Identity, Server};

const BLOCK: usize = 468;
const OPT: u16 = 41;
/// An option of 100 zeros.
fn padding() -> Vec<u8> {
    [&[0, 12, 0, 100][..], &[0; 100]].concat()
}

#[tokio::test]
async fn replies_to_padded_queries_are_whole_blocks_over_every_encrypted_transport() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let mut dot = Dot::connect(server.tls, &identity).await.unwrap();
    let mut doh = Doh::connect(server.https, &identity).await.unwrap();
    let doq = Doq::connect(server.quic, &identity).await.unwrap();
    for (name, rtype) in [
        ("www.midominio.com", 1),
        ("midominio.com", 15),
        ("many.midominio.com", 15),
        ("large.midominio.com", 16),
        ("nothing.midominio.com", 1),
        ("elsewhere.example", 1),
        ("www.sub.midominio.com", 1),
    ] {
        let bare = with_options(query(name, rtype), &[]);
        // NSID beside it.
        let asked = with_options(query(name, rtype), &[padding(), vec![0, 3, 0, 0]].concat());
        let replies = [dot.ask(&asked).await, doh.ask(&asked).await, doq.ask(&asked).await];
        for reply in &replies {
            assert_eq!(reply.len() % BLOCK, 0, "{name}: {}", reply.len());
            let opt = read(reply).sections[2].pop().unwrap();
            assert_eq!(opt.rtype, OPT);
            let padded = opt.rdata.windows(2).position(|code| code == [0, 12]).unwrap();
            assert!(opt.rdata[padded + 4..].iter().all(|octet| *octet == 0));
        }
        let plain = [dot.ask(&bare).await, doh.ask(&bare).await, doq.ask(&bare).await];
        for (reply, plain) in replies.iter().zip(&plain) {
            assert!(reply.len() > plain.len() && reply.len() < plain.len() + 100 + BLOCK);
            assert_eq!(read(reply).answer().len(), read(plain).answer().len());
        }
    }
}

#[tokio::test]
async fn nobody_pads_where_everybody_reads() {
    let server = Server::start(&Identity::new());
    let mut tcp = TcpStream::connect(server.tcp).await.unwrap();
    let asked = with_options(query("www.midominio.com", 1), &padding());
    tcp.write_all(&framed(&asked)).await.unwrap();
    let mut reply = vec![0; usize::from(tcp.read_u16().await.unwrap())];
    tcp.read_exact(&mut reply).await.unwrap();
    assert_eq!(read(&reply).sections[2][0].rdata, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn kdig_is_padded_to() {
    if Command::new("kdig").arg("-V").output().is_err() {
        eprintln!("not checked: kdig is not installed");
        return;
    }
    let server = Server::start(&Identity::new());
    for (address, transport) in
        [(server.tls, "+tls"), (server.https, "+https"), (server.quic, "+quic")]
    {
        let mut command = Command::new("kdig");
        command.args([&format!("@{}", address.ip()), "-p", &address.port().to_string()]).args([
            transport,
            "+padding",
            "+timeout=5",
            "+retry=0",
            "www.midominio.com",
        ]);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("PADDING"), "{transport}: {text}");
        assert!(text.contains("Received 468 B"), "{transport}: {text}");
    }
}
