//! What a client over QUIC must not do (RFC 9250 §4.3.3, §5.5.2), and what then happens.

use quinn::{ConnectionError, VarInt};
use tokio::time::timeout;

use super::SOON;
use super::client::{Doq, framed};
use super::message::{query, read, with_options};
use super::server::{Identity, Server};

const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);

/// Sends `octets` on a stream, and returns with which code the server ends the connection.
async fn ended(server: &Server, identity: &Identity, octets: &[u8]) -> VarInt {
    let doq = Doq::connect(server.quic, identity).await.unwrap();
    let (mut send, _receive) = doq.connection().open_bi().await.unwrap();
    send.write_all(octets).await.unwrap();
    send.finish().unwrap();
    match timeout(SOON, doq.connection().closed()).await.expect("an end") {
        ConnectionError::ApplicationClosed(close) => close.error_code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_breach_of_the_rules_of_quic_ends_the_connection() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let question = query("www.midominio.com", 1);
    let with_id = [&[0, 7], &question[2..]].concat();
    let response = [&question[..2], &[question[2] | 0x80], &question[3..]].concat();
    let keep_alive = with_options(question.clone(), &[0, 11, 0, 0]);
    let whole = framed(&question);
    for (what, octets) in [
        ("an id", framed(&with_id)),
        ("a response", framed(&response)),
        ("keep-alive", framed(&keep_alive)),
        ("no whole message", whole[..whole.len() - 1].to_vec()),
        ("no whole length", vec![0]),
        ("two messages", [&whole[..], &whole].concat()),
    ] {
        assert_eq!(ended(&server, &identity, &octets).await, PROTOCOL_ERROR, "{what}");
    }
}

#[tokio::test]
async fn a_query_is_answered_before_its_stream_ends_and_in_whatever_pieces_it_comes() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let doq = Doq::connect(server.quic, &identity).await.unwrap();
    let whole = framed(&query("www.midominio.com", 1));
    let (mut send, mut receive) = doq.connection().open_bi().await.unwrap();
    for octet in whole {
        send.write_all(&[octet]).await.unwrap();
    }
    let mut length = [0; 2];
    timeout(SOON, receive.read_exact(&mut length)).await.expect("a reply").unwrap();
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    receive.read_exact(&mut reply).await.unwrap();
    assert_eq!(read(&reply).answer().len(), 3);
}

#[tokio::test]
async fn a_query_that_is_taken_back_costs_its_stream_and_no_other() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let doq = Doq::connect(server.quic, &identity).await.unwrap();
    for _ in 0..200 {
        let (mut send, mut receive) = doq.connection().open_bi().await.unwrap();
        send.write_all(&[0, 40, 0, 0]).await.unwrap();
        send.reset(VarInt::from_u32(3)).unwrap();
        receive.stop(VarInt::from_u32(3)).unwrap();
    }
    let question = query("www.midominio.com", 1);
    assert_eq!(read(&doq.ask(&question).await).answer().len(), 3);
}
