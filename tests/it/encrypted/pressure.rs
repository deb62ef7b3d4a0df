//! Clients that hold much and take little: what they hold is bounded, and is given back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::SendStream;
use http::{Method, Request};
use tiovivo::dns::connections::StreamLimits;
use tiovivo::dns::encrypted::https::{MAX_AT_WORK, MAX_RESETS, MAX_STREAMS};
use tiovivo::dns::encrypted::memory::MAX_HELD;
use tokio::time::{sleep, timeout};

use super::SOON;
use super::client::{Doh, Doq, framed};
use super::message::{query, read};
use super::server::{Identity, SERVER_NAME, Server};

fn post() -> Request<()> {
    Request::builder()
        .method(Method::POST)
        .uri(format!("https://{SERVER_NAME}/dns-query"))
        .header("content-type", "application/dns-message")
        .body(())
        .unwrap()
}

/// Polls until `done`, for a while.
async fn until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A body that does not end.
async fn begin(doh: &Doh, octets: usize) -> Option<SendStream<Bytes>> {
    let mut ready = timeout(SOON, doh.sender().ready()).await.ok()?.ok()?;
    let (response, mut body) = ready.send_request(post(), false).ok()?;
    drop(tokio::spawn(response));
    body.send_data(vec![0; octets].into(), false).ok()?;
    Some(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_hold_no_more_than_the_bound_and_give_it_back() {
    const OCTETS: usize = 60_000;
    let identity = Identity::new();
    // So that no request is over before the last connection is there.
    let limits = StreamLimits { idle: Duration::from_secs(20), ..StreamLimits::default() };
    let server = Server::with(&identity, limits);
    let honest = query("www.midominio.com", 1);
    let mut held = vec![];
    let mut most = 0;
    for _ in 0..MAX_HELD / OCTETS / MAX_AT_WORK + 4 {
        let doh = Doh::connect(server.https, &identity).await.unwrap();
        for _ in 0..MAX_AT_WORK {
            held.extend(begin(&doh, OCTETS).await);
        }
        most = most.max(server.handle.held());
        held.extend(begin(&doh, 1).await);
    }
    until("the bound is reached", || server.handle.held() > MAX_HELD / 10 * 9).await;
    assert!(most <= MAX_HELD && server.handle.held() <= MAX_HELD, "{most}");
    let mut doh = Doh::connect(server.https, &identity).await.unwrap();
    assert_eq!(read(&doh.ask(&honest).await).answer().len(), 3);
    drop(held);
    until("all is given back", || server.handle.held() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_that_nobody_takes_are_given_up() {
    let identity = Identity::new();
    let limits = StreamLimits { write: Duration::from_millis(500), ..StreamLimits::default() };
    let server = Server::with(&identity, limits);
    let large = query("large.midominio.com", 16);
    let doh = Doh::with_window(server.https, &identity, 0).await.unwrap();
    let doq = Doq::connect(server.quic, &identity).await.unwrap();
    let mut open = vec![];
    for _ in 0..MAX_STREAMS {
        let mut ready = doh.sender().ready().await.unwrap();
        let (response, mut body) = ready.send_request(post(), false).unwrap();
        body.send_data(large.clone().into(), true).unwrap();
        open.push(response);
        let (mut send, receive) = doq.connection().open_bi().await.unwrap();
        send.write_all(&framed(&large)).await.unwrap();
        drop(receive);
    }
    until("something is held", || server.handle.held() > 0).await;
    until("all is given back", || server.handle.held() == 0).await;
    let mut doh = Doh::connect(server.https, &identity).await.unwrap();
    assert_eq!(read(&doh.ask(&large).await).answer().len(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_resets_all_that_he_asks_is_sent_away_and_others_are_answered() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let doh = Doh::connect(server.https, &identity).await.unwrap();
    let mut asked = 0;
    while let Ok(Ok(mut ready)) = timeout(SOON, doh.sender().ready()).await {
        let Ok((_, mut body)) = ready.send_request(post(), false) else { break };
        body.send_reset(h2::Reason::CANCEL);
        asked += 1;
        assert!(asked < 100 * MAX_RESETS, "nobody ends it");
        tokio::task::yield_now().await;
    }
    let mut other = Doh::connect(server.https, &identity).await.unwrap();
    let honest = query("www.midominio.com", 1);
    assert_eq!(read(&other.ask(&honest).await).answer().len(), 3);
    until("all is given back", || server.handle.held() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn requests_that_never_become_a_query_hold_no_connection_open() {
    let identity = Identity::new();
    let limits = StreamLimits { idle: Duration::from_secs(2), ..StreamLimits::default() };
    let server = Server::with(&identity, limits);
    let doh = Doh::connect(server.https, &identity).await.unwrap();
    let start = tokio::time::Instant::now();
    let mut held = vec![];
    while let Some(body) = begin(&doh, 10).await {
        held.push(body);
        sleep(Duration::from_millis(500)).await;
        if start.elapsed() > Duration::from_secs(30) {
            panic!("still open");
        }
    }
}
