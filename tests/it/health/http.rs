//! What a request says, and what is looked for in the answer.

use super::*;

fn with(port: u16, change: impl FnOnce(&mut HttpProbe)) -> Probe {
    let Probe::Http(mut probe) = http(port) else { unreachable!() };
    change(&mut probe);
    Probe::Http(probe)
}

fn with_body(port: u16, text: &str) -> Probe {
    with(port, |probe| probe.body = Some(text.into()))
}

/// Resident memory of this process in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn method_and_headers_are_sent_as_configured() {
    let (sender, mut seen) = tokio::sync::mpsc::channel(1);
    let port = server(move |mut stream| {
        let sender = sender.clone();
        async move { sender.send(request(&mut stream).await).await.unwrap() }
    })
    .await;
    let probe = with(port, |probe| {
        probe.method = Method::Post;
        probe.headers =
            vec![("X-Probe".into(), "a b".into()), ("Authorization".into(), "Basic eDp5".into())];
    });
    let _ = verdict(&probe, LONG).await;
    let request = seen.recv().await.unwrap();
    assert!(request.starts_with("POST /health?deep=0 HTTP/1.1\r\n"), "{request}");
    let lower = request.to_lowercase();
    assert!(lower.contains("\r\nx-probe: a b\r\n"), "{request}");
    assert!(lower.contains("\r\nauthorization: basic edp5\r\n"), "{request}");
    assert!(!lower.contains("accept-encoding"), "{request}");
    let described = describe(HOME, &probe);
    assert_eq!(described, format!("POST http://127.0.0.1:{port}/health?deep=0"));
}

#[tokio::test]
async fn an_answer_to_head_is_its_status() {
    let port = says(true, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await;
    let probe = with(port, |probe| probe.method = Method::Head);
    assert_eq!(verdict(&probe, LONG).await.unwrap().said, ProbeAnswer::Status(200));
}

#[tokio::test]
async fn a_text_in_the_body_is_found_or_missed() {
    let port = says(true, b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nstatus: ready\n").await;
    assert_eq!(
        verdict(&with_body(port, "ready"), LONG).await.unwrap().said,
        ProbeAnswer::Status(200)
    );
    let told = reason(with_body(port, "running"), LONG).await;
    assert_eq!(told, "no `running` in the answer");
}

#[tokio::test]
async fn a_text_across_two_chunks_is_found() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        6\r\nis rea\r\n3\r\ndy\n\r\n0\r\n\r\n";
    let port = says(true, answer).await;
    assert!(verdict(&with_body(port, "ready"), LONG).await.is_ok());
}

#[tokio::test]
async fn another_status_is_told_before_the_body_is_read() {
    let port = says(true, b"HTTP/1.1 503 Busy\r\nContent-Length: 6\r\n\r\nready\n").await;
    assert_eq!(reason(with_body(port, "ready"), LONG).await, "HTTP 503, expected 200-299");
}

#[tokio::test]
async fn a_body_that_is_cut_short() {
    let port = says(true, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nrea").await;
    let told = reason(with_body(port, "ready"), LONG).await;
    assert_eq!(told, "closed in the middle of the answer");
}

#[tokio::test]
async fn a_body_that_trickles_has_until_the_timeout() {
    let port = server(|mut stream| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(reason(with_body(port, "ready"), SHORT).await, "no answer within 200 ms");
}

/// A server that would say 300 MB in each body; how many octets it got rid of in all.
async fn endless() -> (u16, std::sync::Arc<std::sync::atomic::AtomicU64>) {
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = sent.clone();
    let port = server(move |mut stream| {
        let sent = counted.clone();
        async move {
            request(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\n").await;
            for _ in 0..300_000_000 / 65_536 {
                if stream.write_all(&[b'x'; 65_536]).await.is_err() {
                    break;
                }
                sent.fetch_add(65_536, std::sync::atomic::Ordering::Relaxed);
            }
        }
    })
    .await;
    (port, sent)
}

/// The bound holds whether the body is looked at or not: no more is taken from the server than 64
/// KiB and what the sockets of both sides hold.
#[tokio::test]
async fn an_endless_body_does_not_grow_the_process() {
    const PROBES: u64 = 20;
    let (port, sent) = endless().await;
    let before = resident();
    for _ in 0..PROBES {
        assert!(verdict(&http(port), LONG).await.is_ok());
        let told = reason(with_body(port, "ready"), LONG).await;
        assert_eq!(told, "no `ready` in its first 64 KiB");
    }
    let grown = resident().saturating_sub(before);
    // Other tests run in this process at the same time.
    assert!(grown < 64 * 1024, "grew by {grown} KiB");
    let sent = sent.load(std::sync::atomic::Ordering::Relaxed);
    assert!(sent < 2 * PROBES * 16 * 1024 * 1024, "{sent} octets were taken");
}
