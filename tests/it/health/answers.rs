//! Answers over HTTP that real servers give and that a strict reader would refuse: each is up, as it
//! is for curl.

use tiovivo::checks::redis::checked::RedisProbe;

use super::*;

async fn status(answer: &'static [u8]) -> Result<ProbeAnswer, String> {
    let port = says(true, answer).await;
    verdict(&http(port), LONG).await.map(|up| up.said).map_err(|failure| failure.to_string())
}

/// What `nc`, `socat` and services of xinetd do: they answer without hearing the request, and close
/// with it unread, which resets the connection.
#[tokio::test]
async fn an_answer_may_come_before_the_request() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready\n";
    let Probe::Http(probe) = http(says(false, answer).await) else { unreachable!() };
    for _ in 0..100 {
        let up = verdict(&Probe::Http(probe.clone()), LONG).await;
        assert_eq!(up.unwrap().said, ProbeAnswer::Status(200));
        let looking = HttpProbe { body: Some("ready".into()), ..probe.clone() };
        assert!(verdict(&Probe::Http(looking), LONG).await.is_ok());
    }
}

#[tokio::test]
async fn a_folded_header_line_is_a_header() {
    let answer = b"HTTP/1.1 200 OK\r\nX-Long: one\r\n two\r\n\tthree\r\nServer: x\r\n\r\n";
    assert_eq!(status(answer).await, Ok(ProbeAnswer::Status(200)));
}

#[tokio::test]
async fn headers_are_bounded_by_octets_and_not_by_number() {
    for count in [101, 1000] {
        let headers = "X-Many: y\r\n".repeat(count);
        let answer = format!("HTTP/1.1 200 OK\r\n{headers}\r\n").leak();
        assert_eq!(status(answer.as_bytes()).await, Ok(ProbeAnswer::Status(200)), "{count}");
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Many: y\r\n".repeat(10_000)).leak();
    let told = "the headers of the answer do not end";
    assert_eq!(status(many.as_bytes()).await, Err(told.into()));
}

#[tokio::test]
async fn interim_answers_are_read_past() {
    let answer = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    assert_eq!(status(answer).await, Ok(ProbeAnswer::Status(200)));
}

#[tokio::test]
async fn what_has_no_status_line_is_no_answer() {
    assert_eq!(status(b"<html>ready</html>\n").await, Err("not an HTTP answer".into()));
    let cut = b"HTTP/1.1 200 OK\r\nServer: x\r\n";
    assert_eq!(status(cut).await, Err("closed in the middle of the answer".into()));
}

#[tokio::test]
async fn the_request_is_what_was_configured_octet_by_octet() {
    let (sender, mut seen) = tokio::sync::mpsc::channel(1);
    let port = server(move |mut stream| {
        let sender = sender.clone();
        async move { sender.send(request(&mut stream).await).await.unwrap() }
    })
    .await;
    let Probe::Http(probe) = http(port) else { unreachable!() };
    let headers = vec![("x-LOUD".to_owned(), "Yes".to_owned())];
    for path in ["/a/%2e%2e/b", "/b?x='a'", "/a/../b/./c//d", "/%zz?[]|"] {
        let probe = HttpProbe { path: path.into(), headers: headers.clone(), ..probe.clone() };
        let _ = verdict(&Probe::Http(probe), LONG).await;
        let request = seen.recv().await.unwrap();
        assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{request}");
        assert!(request.contains("\r\nx-LOUD: Yes\r\n"), "{request}");
    }
}

/// A server that is full refuses by an answer of its own, before it was asked.
#[tokio::test]
async fn a_redis_that_refuses_at_once_is_heard() {
    let port = says(false, b"-DENIED Redis is running in protected mode\r\n").await;
    for _ in 0..25 {
        let told = reason(Probe::Redis(RedisProbe { port, tls: None }), LONG).await;
        assert_eq!(told, "Redis: DENIED Redis is running in protected mode");
    }
}
