//! Probes against listeners that behave as sick servers do.

mod answers;
mod exec;
mod http;
mod icmp;
mod services;
mod talk;
pub mod tls;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tiovivo::checks::checked::Probe;
use tiovivo::checks::http::checked::{HttpProbe, Method};
use tiovivo::checks::mysql::checked::MysqlProbe;
use tiovivo::checks::mysql::probe::GREETING;
use tiovivo::checks::probe::{Prober, describe};
use tiovivo::checks::tcp::checked::TcpProbe;
use tiovivo::cluster::node::NodeName;
use tiovivo::cluster::pool::PoolName;
use tiovivo::health::probe::answer::{Capacity, ProbeAnswer, Verdict};
use tiovivo::health::probe::ask::{Subject, judge};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Enough for an answer from this machine.
const LONG: Duration = Duration::from_secs(10);
/// For servers that do not answer.
const SHORT: Duration = Duration::from_millis(200);

/// A server on a free port that treats each connection with `serve`.
async fn server<F, S>(serve: S) -> u16
where
    S: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((HOME, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    port
}

/// A server that says `answer` and closes. With `listen` it waits for a whole request first.
async fn says(listen: bool, answer: &'static [u8]) -> u16 {
    server(move |mut stream| async move {
        if listen {
            request(&mut stream).await;
        }
        let _ = stream.write_all(answer).await;
    })
    .await
}

async fn request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(request).unwrap()
}

/// A port that nobody listens on.
async fn nobody() -> u16 {
    TcpListener::bind((HOME, 0)).await.unwrap().local_addr().unwrap().port()
}

fn http(port: u16) -> Probe {
    Probe::Http(HttpProbe {
        port,
        path: "/health?deep=0".into(),
        host: Some("www.midominio.com".into()),
        expect: vec![(200, 299)],
        load: false,
        ..HttpProbe::default()
    })
}

fn mysql(port: u16) -> Probe {
    Probe::Mysql(MysqlProbe { port, full_is_up: false })
}

fn prober(probe: &Probe) -> Prober {
    let (node, pool) = (NodeName::new("server-2"), PoolName::new("web"));
    Prober::new(&Subject { node, pool, address: HOME }, probe).unwrap()
}

async fn verdict(probe: &Probe, within: Duration) -> Verdict {
    judge(&prober(probe), within).await
}

async fn reason(probe: Probe, within: Duration) -> String {
    verdict(&probe, within).await.unwrap_err().to_string()
}

async fn http_reason(port: u16) -> String {
    reason(http(port), LONG).await
}

#[tokio::test]
async fn an_expected_status_is_healthy_and_the_body_is_not_waited_for() {
    let port = says(true, b"HTTP/1.1 204 Fine\r\nContent-Length: 1000\r\n\r\n").await;
    assert_eq!(verdict(&http(port), LONG).await.unwrap().said, ProbeAnswer::Status(204));
}

#[tokio::test]
async fn the_request_names_the_configured_host_and_us_and_keeps_nothing_open() {
    let (sender, mut seen) = tokio::sync::mpsc::channel(9);
    let port = server(move |mut stream| {
        let sender = sender.clone();
        async move {
            sender.send(request(&mut stream).await).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap_or_default(), 0, "still open");
            sender.send("closed".into()).await.unwrap();
        }
    })
    .await;
    let prober = prober(&http(port));
    for _ in 0..2 {
        judge(&prober, LONG).await.unwrap();
        let request = seen.recv().await.unwrap();
        assert!(request.starts_with("GET /health?deep=0 HTTP/1.1\r\n"), "{request}");
        let lower = request.to_lowercase();
        assert!(lower.contains("\r\nhost: www.midominio.com\r\n"), "{request}");
        assert!(lower.contains("\r\nuser-agent: tiovivo/"), "{request}");
        assert_eq!(seen.recv().await.unwrap(), "closed");
    }
}

#[tokio::test]
async fn without_a_host_the_nodes_own_address_is_named() {
    let (sender, mut seen) = tokio::sync::mpsc::channel(1);
    let port = server(move |mut stream| {
        let sender = sender.clone();
        async move { sender.send(request(&mut stream).await).await.unwrap() }
    })
    .await;
    let Probe::Http(probe) = http(port) else { unreachable!() };
    let _ = verdict(&Probe::Http(HttpProbe { host: None, ..probe }), LONG).await;
    let request = seen.recv().await.unwrap().to_lowercase();
    assert!(request.contains(&format!("\r\nhost: 127.0.0.1:{port}\r\n")), "{request}");
}

#[tokio::test]
async fn other_statuses_are_told_and_redirects_are_not_followed() {
    let port = says(true, b"HTTP/1.1 503 Busy\r\n\r\n").await;
    assert_eq!(http_reason(port).await, "HTTP 503, expected 200-299");
    let port = says(true, b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n").await;
    assert_eq!(http_reason(port).await, "HTTP 302, expected 200-299");
}

#[tokio::test]
async fn nobody_listens() {
    let port = nobody().await;
    assert_eq!(http_reason(port).await, "connection refused");
    assert_eq!(reason(Probe::Tcp(TcpProbe { port }), LONG).await, "connection refused");
    assert_eq!(reason(mysql(port), LONG).await, "connection refused");
}

#[tokio::test]
async fn a_server_that_hangs_has_until_the_timeout() {
    let port = server(|mut stream| async move {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    })
    .await;
    assert_eq!(reason(http(port), SHORT).await, "no answer within 200 ms");
    assert_eq!(reason(mysql(port), SHORT).await, "no answer within 200 ms");
    assert_eq!(
        verdict(&Probe::Tcp(TcpProbe { port }), LONG).await.unwrap().said,
        ProbeAnswer::Accepted
    );
}

#[tokio::test]
async fn a_server_that_closes_at_once() {
    assert_eq!(http_reason(says(true, b"").await).await, "closed without an answer");
    let port = says(false, b"").await;
    assert_eq!(reason(mysql(port), LONG).await, "closed without an answer");
}

#[tokio::test]
async fn a_server_that_speaks_something_else() {
    let port = says(true, b"220 mail.midominio.com ESMTP\r\n").await;
    assert_eq!(http_reason(port).await, "not an HTTP answer");
    let port = says(false, b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n").await;
    assert_eq!(reason(mysql(port), LONG).await, "not a MySQL greeting");
}

#[tokio::test]
async fn headers_without_an_end_are_not_read_for_ever() {
    let port = server(|mut stream| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Endless: ").await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    assert_eq!(http_reason(port).await, "the headers of the answer do not end");
}

#[tokio::test]
async fn a_trickle_does_not_stretch_the_timeout() {
    let port = server(|mut stream| async move {
        request(&mut stream).await;
        for byte in b"HTTP/1.1 200 OK\r\n".iter().chain(std::iter::repeat(&b'x')) {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(reason(http(port), SHORT).await, "no answer within 200 ms");
}

#[tokio::test]
async fn a_database_that_greets_is_healthy_and_one_that_is_full_is_not() {
    let port = says(false, b"\x10\x00\x00\x00\x0a11.4.2-MariaDB\x00").await;
    assert_eq!(verdict(&mysql(port), LONG).await.unwrap().said, GREETING);
    let port = says(false, b"\x1d\x00\x00\x00\xff\x10\x04#08004Too many connections").await;
    let full = "MySQL error 1040: Too many connections";
    assert_eq!(reason(mysql(port), LONG).await, full);
}

#[tokio::test]
async fn a_database_that_stops_in_the_middle_of_its_greeting() {
    let port = says(false, b"\x10\x00\x00\x00\x0a11.4").await;
    assert_eq!(reason(mysql(port), LONG).await, "not a MySQL greeting");
}

/// Ten thousand of them wait at once.
#[tokio::test]
async fn what_waits_for_a_plain_probe_is_small() {
    let prober = prober(&Probe::Tcp(TcpProbe { port: 1 }));
    let size = size_of_val(&judge(&prober, LONG));
    println!("{size} octets, and {} for the prober", size_of::<Prober>());
    assert!(size <= 2048, "{size}");
    assert!(size_of::<Prober>() <= 96);
}

#[test]
fn probes_in_words() {
    let six = "2001:db8::20".parse().unwrap();
    assert_eq!(describe(HOME, &http(80)), "GET http://127.0.0.1:80/health?deep=0");
    let address: SocketAddr = "[2001:db8::20]:3306".parse().unwrap();
    assert_eq!(describe(six, &mysql(3306)), format!("MySQL greeting of {address}"));
}

#[tokio::test]
async fn a_header_says_how_much_the_node_can_take() {
    let heard = async |header: &'static str| {
        let answer = format!("HTTP/1.1 200 OK\r\n{header}Content-Length: 0\r\n\r\n").leak();
        let Probe::Http(http) = http(says(true, answer.as_bytes()).await) else { unreachable!() };
        let silent = verdict(&Probe::Http(http.clone()), LONG).await.unwrap();
        assert_eq!(silent.said, ProbeAnswer::Status(200), "it is off by default");
        let said = verdict(&Probe::Http(HttpProbe { load: true, ..http }), LONG).await.unwrap();
        assert!(said.to_string().starts_with("200 in "));
        said.capacity()
    };
    assert_eq!(heard("").await, Capacity::Silent);
    for (header, percent) in [
        ("X-Tiovivo-Weight: 25\r\n", 25),
        ("x-tiovivo-weight:0\r\n", 0),
        ("X-TIOVIVO-WEIGHT:  100 \r\n", 100),
    ] {
        assert_eq!(heard(header).await, Capacity::Percent(percent), "{header}");
    }
    for header in [
        "X-Tiovivo-Weight: 101\r\n",
        "X-Tiovivo-Weight: -1\r\n",
        "X-Tiovivo-Weight: +5\r\n",
        "X-Tiovivo-Weight: 25%\r\n",
        "X-Tiovivo-Weight: 2.5\r\n",
        "X-Tiovivo-Weight:\r\n",
        "X-Tiovivo-Weight: 99999999999999999999\r\n",
        "X-Tiovivo-Weight: \u{e4}\r\n",
        "X-Tiovivo-Weight: 25\r\nX-Tiovivo-Weight: 25\r\n",
    ] {
        assert_eq!(heard(header).await, Capacity::Garbage, "{header}");
    }
}
