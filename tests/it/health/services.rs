//! Redis, name servers and gRPC: servers that are well, and servers that lie.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::http::{HeaderMap, HeaderValue, Response};
use bytes::Bytes;
use tiovivo::checks::dns::checked::{DnsProbe, Question};
use tiovivo::checks::grpc::checked::GrpcProbe;
use tiovivo::checks::grpc::probe::SERVING;
use tiovivo::checks::mysql::checked::MysqlProbe;
use tiovivo::checks::mysql::probe::{OTHER_HOSTS, TOO_MANY_IS_UP};
use tiovivo::checks::redis::checked::RedisProbe;
use tiovivo::checks::redis::probe::{PONG, WANTS_PASSWORD};
use tiovivo::rcode::Rcode;
use tokio::net::UdpSocket;

use super::*;

fn redis(port: u16) -> Probe {
    Probe::Redis(RedisProbe { port, tls: None })
}

/// `midominio.com SOA`.
fn dns(port: u16, tcp: bool) -> Probe {
    let wire = b"\x09midominio\x03com\0\0\x06\0\x01";
    let question = Question { wire: wire[..].into(), text: "midominio.com SOA".into() };
    Probe::Dns(DnsProbe { port, question, tcp, recursion: false, expect: Rcode::NOERROR })
}

fn grpc(port: u16) -> Probe {
    Probe::Grpc(GrpcProbe { port, service: String::new(), tls: None })
}

async fn said(probe: Probe) -> ProbeAnswer {
    verdict(&probe, LONG).await.unwrap().said
}

/// Sends `piece` again and again, and counts the octets that the kernel took.
async fn endless(piece: &'static [u8], pause: Duration) -> (u16, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let port = server(move |mut stream| {
        let count = count.clone();
        async move {
            while stream.write_all(piece).await.is_ok() {
                count.fetch_add(piece.len(), Ordering::Relaxed);
                tokio::time::sleep(pause).await;
            }
        }
    })
    .await;
    (port, sent)
}

#[tokio::test]
async fn a_redis_that_answers_and_one_that_is_not_ready() {
    assert_eq!(said(redis(says(false, b"+PONG\r\n").await)).await, PONG);
    let port = says(false, b"-NOAUTH Authentication required.\r\n").await;
    assert_eq!(said(redis(port)).await, WANTS_PASSWORD);
    let port = says(false, b"-LOADING Redis is loading the dataset in memory\r\n").await;
    let told = "Redis: LOADING Redis is loading the dataset in memory";
    assert_eq!(reason(redis(port), LONG).await, told);
    assert_eq!(describe(HOME, &redis(6379)), "Redis PING to 127.0.0.1:6379");
}

#[tokio::test]
async fn a_full_database_may_count_as_up() {
    let port = says(false, b"\x1d\x00\x00\x00\xff\x10\x04#08004Too many connections").await;
    let full = |full_is_up| Probe::Mysql(MysqlProbe { port, full_is_up });
    assert_eq!(said(full(true)).await, TOO_MANY_IS_UP);
    assert_eq!(reason(full(false), LONG).await, "MySQL error 1040: Too many connections");
    let port = says(false, b"\x0b\x00\x00\x00\xff\x69\x04#HY000No").await;
    let other = Probe::Mysql(MysqlProbe { port, full_is_up: true });
    assert_eq!(reason(other, LONG).await, "MySQL error 1129: No", "only 1040 is full");
}

/// Grants by address that do not include the name server.
#[tokio::test]
async fn a_database_that_serves_other_hosts_is_up() {
    let text = b"\xff\x6a\x04Host '192.0.2.53' is not allowed to connect to this MariaDB server";
    let packet = [&[text.len() as u8, 0, 0, 0][..], text].concat().leak();
    let probe = mysql(says(false, packet).await);
    let said = said(probe).await;
    assert_eq!(said, OTHER_HOSTS);
    assert_eq!(said.to_string(), "MySQL, does not serve this host (error 1130)");
}

/// What every service does when nobody, something silent, slow, endless or else listens.
#[tokio::test]
async fn liars_over_tcp() {
    let silence = "no answer within 200 ms";
    type Kind = (fn(u16) -> Probe, &'static str);
    let kinds: [Kind; 4] = [
        (redis, "not a Redis answer"),
        (|port| dns(port, true), "not a DNS reply"),
        (grpc, "not an HTTP/2 answer"),
        (|port| Probe::Mysql(MysqlProbe { port, full_is_up: false }), "not a MySQL greeting"),
    ];
    for (probe, garbage) in kinds {
        let name = describe(HOME, &probe(1));
        assert_eq!(reason(probe(nobody().await), LONG).await, "connection refused", "{name}");
        let port = server(|mut stream| async move {
            let mut rest = [0; 64];
            while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {}
        })
        .await;
        assert_eq!(reason(probe(port), SHORT).await, silence, "{name} and silence");
        let (port, _) = endless(b"\x01", Duration::from_millis(100)).await;
        assert_eq!(reason(probe(port), SHORT).await, silence, "{name} and a trickle");
        let (port, sent) = endless(&[b'x'; 65_536], Duration::ZERO).await;
        assert_eq!(reason(probe(port), LONG).await, garbage, "{name} and endless garbage");
        // What the kernel keeps in its buffers, of both sides; the rest was not asked for.
        let taken = sent.load(Ordering::Relaxed);
        assert!(taken < 16 << 20, "{name}: {taken} octets were sent");
    }
}

/// A name server that answers each query with what `reply` makes of it.
async fn name_server(reply: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> u16 {
    let socket = UdpSocket::bind((HOME, 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            for reply in reply(&query[..length]) {
                let _ = socket.send_to(&reply, from).await;
            }
        }
    });
    port
}

fn replied(query: &[u8], rcode: u8) -> Vec<u8> {
    let mut reply = query.to_vec();
    (reply[2], reply[3]) = (reply[2] | 0x84, rcode);
    reply
}

fn another(query: &[u8]) -> Vec<u8> {
    let mut reply = replied(query, 0);
    reply[0] ^= 0xff;
    reply
}

#[tokio::test]
async fn a_name_server_is_up_by_its_rcode() {
    let port = name_server(|query| vec![replied(query, 0)]).await;
    assert_eq!(said(dns(port, false)).await, ProbeAnswer::Rcode(Rcode::NOERROR));
    let port = name_server(|query| vec![replied(query, 2)]).await;
    assert_eq!(reason(dns(port, false), LONG).await, "SERVFAIL, expected NOERROR");
    let told = "DNS query midominio.com SOA over UDP to 127.0.0.1:53";
    assert_eq!(describe(HOME, &dns(53, false)), told);
}

#[tokio::test]
async fn replies_to_other_queries_are_read_past_but_not_for_ever() {
    let port = name_server(|query| vec![another(query), replied(query, 0)]).await;
    assert_eq!(said(dns(port, false)).await, ProbeAnswer::Rcode(Rcode::NOERROR));
    let port = name_server(|query| vec![another(query); 100]).await;
    assert_eq!(reason(dns(port, false), LONG).await, "none of many replies was to this query");
    let port = name_server(|_| vec![b"HTTP/1.1 400 Bad Request\r\n".to_vec()]).await;
    assert_eq!(reason(dns(port, false), LONG).await, "not a DNS reply");
    let port = name_server(|_| vec![]).await;
    assert_eq!(reason(dns(port, false), SHORT).await, "no answer within 200 ms");
    // A closed port says so by ICMP.
    let port = UdpSocket::bind((HOME, 0)).await.unwrap().local_addr().unwrap().port();
    assert_eq!(reason(dns(port, false), LONG).await, "connection refused");
}

#[tokio::test]
async fn a_name_server_over_tcp() {
    let port = server(|mut stream| async move {
        let length = stream.read_u16().await.unwrap();
        let mut query = vec![0; usize::from(length)];
        stream.read_exact(&mut query).await.unwrap();
        let mut reply = replied(&query, 0);
        // More than the probe looks at.
        reply.extend([0; 1000]);
        stream.write_u16(reply.len() as u16).await.unwrap();
        stream.write_all(&reply).await.unwrap();
    })
    .await;
    assert_eq!(said(dns(port, true)).await, ProbeAnswer::Rcode(Rcode::NOERROR));
}

/// How the gRPC server of a test answers.
#[derive(Clone)]
struct Call {
    head: Response<()>,
    body: &'static [u8],
    again: bool,
    trailers: Option<HeaderMap>,
}

fn head(headers: &[(&'static str, &'static str)]) -> Response<()> {
    let mut response = Response::new(());
    for &(name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");

/// A whole answer: a message, and trailers with the status 0.
fn answer(body: &'static [u8]) -> Call {
    let trailers = head(&[("grpc-status", "0")]).headers().clone();
    Call { head: head(&[GRPC]), body, again: false, trailers: Some(trailers) }
}

async fn grpc_server(call: Call) -> u16 {
    server(move |stream| {
        let call = call.clone();
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                assert_eq!(request.headers()["te"], "trailers");
                let call = call.clone();
                tokio::spawn(async move {
                    let ends = call.body.is_empty() && call.trailers.is_none();
                    let mut body = respond.send_response(call.head, ends).unwrap();
                    if ends {
                        return;
                    }
                    body.send_data(Bytes::from_static(call.body), false).unwrap();
                    while call.again && body.send_data(Bytes::from_static(call.body), false).is_ok()
                    {
                        tokio::task::yield_now().await;
                        body.reserve_capacity(1);
                        if std::future::poll_fn(|context| body.poll_capacity(context))
                            .await
                            .is_none()
                        {
                            return;
                        }
                    }
                    if let Some(trailers) = call.trailers {
                        let _ = body.send_trailers(trailers);
                    }
                });
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_grpc_server_is_up_when_it_serves() {
    let port = grpc_server(answer(b"\0\0\0\0\x02\x08\x01")).await;
    assert_eq!(said(grpc(port)).await, SERVING);
    let port = grpc_server(answer(b"\0\0\0\0\x02\x08\x02")).await;
    assert_eq!(reason(grpc(port), LONG).await, "the health service says NOT_SERVING");
    assert_eq!(describe(HOME, &grpc(50_051)), "gRPC health at 127.0.0.1:50051");
}

#[tokio::test]
async fn a_field_that_is_not_known_is_read_past() {
    let port = grpc_server(answer(b"\0\0\0\0\x07\x08\x01\x12\x03new")).await;
    assert_eq!(said(grpc(port)).await, SERVING);
}

/// An HTTP/2 frame of stream 1, or of the connection (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// The server's whole side of a call, and with `goodbye` its end of the connection.
fn whole_call(goodbye: bool) -> Vec<u8> {
    // Of HPACK: `:status: 200` from the static table, other headers in letters.
    let headers = b"\x88\x00\x0ccontent-type\x10application/grpc";
    let mut octets = frame(4, 0, 0, b"");
    octets.extend(frame(1, 4, 1, headers));
    octets.extend(frame(0, 0, 1, b"\0\0\0\0\x02\x08\x01"));
    octets.extend(frame(1, 5, 1, b"\x00\x0bgrpc-status\x010"));
    if goodbye {
        octets.extend(frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]));
    }
    octets
}

#[tokio::test]
async fn an_answer_counts_though_the_connection_ends_right_behind_it() {
    for goodbye in [false, true] {
        let port = server(move |mut stream| async move {
            // The request's one message ends it.
            let last = frame(0, 1, 1, &[0; 5]);
            let mut request = vec![];
            while !request.ends_with(&last) {
                request.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(&whole_call(goodbye)).await.unwrap();
        })
        .await;
        for _ in 0..25 {
            assert_eq!(said(grpc(port)).await, SERVING, "{goodbye}");
        }
    }
}

#[tokio::test]
async fn a_call_that_fails_names_its_status() {
    let status = ("grpc-status", "12");
    let only = Call { head: head(&[GRPC, status]), body: b"", again: false, trailers: None };
    let port = grpc_server(only).await;
    assert_eq!(reason(grpc(port), LONG).await, "gRPC status UNIMPLEMENTED");
    let late = head(&[("grpc-status", "14"), ("grpc-message", "shutting down")]);
    let late = Call { trailers: Some(late.headers().clone()), ..answer(b"") };
    let port = grpc_server(late).await;
    assert_eq!(reason(grpc(port), LONG).await, "gRPC status UNAVAILABLE: shutting down");
}

#[tokio::test]
async fn grpc_liars() {
    let web = Call { head: head(&[("content-type", "text/html")]), ..answer(b"<html>") };
    assert_eq!(reason(grpc(grpc_server(web).await), LONG).await, "not a gRPC answer");
    let endless = Call { again: true, ..answer(&[b'x'; 16_384]) };
    assert_eq!(reason(grpc(grpc_server(endless).await), LONG).await, "not a gRPC answer");
    let cut = Call { trailers: None, ..answer(b"\0\0\0\0\x02\x08\x01") };
    // The stream is dropped without an end, which resets it.
    assert_eq!(reason(grpc(grpc_server(cut).await), LONG).await, "not an HTTP/2 answer");
    let mut large = answer(b"\0\0\0\0\x02\x08\x01");
    let value = HeaderValue::from_str(&"x".repeat(20_000)).unwrap();
    large.head.headers_mut().insert("x-large", value);
    let told = reason(grpc(grpc_server(large).await), LONG).await;
    assert_eq!(told, "not an HTTP/2 answer");
    let port = server(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let mut rest = vec![];
        let _ = stream.read_to_end(&mut rest).await;
    })
    .await;
    assert_eq!(reason(grpc(port), LONG).await, "not an HTTP/2 answer");
}
