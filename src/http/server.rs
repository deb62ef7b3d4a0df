//! Connections: how many, how long, and how they end.
//!
//! `axum::serve` sets no limit and takes none, so the accept loop is ours and hyper serves each
//! connection.
//!
//! | a client that | is cut after |
//! |---|---|
//! | sends its header slowly, or idles between requests | `header_read` |
//! | reads its response slowly, or never leaves | `lifetime`, then `grace` |
//! | comes when `connections` are open | 503, at once |
//! | is there when the server stops | its request, at most `grace` |
//!
//! A browser that is told to go at the end of its lifetime opens the next connection by itself.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at a time.
const MAX_CONNECTIONS: usize = 256;
/// For a request's header to arrive, and for the next request to begin. The page asks each second.
const HEADER_READ: Duration = Duration::from_secs(10);
/// After this long a connection takes no further request.
const LIFETIME: Duration = Duration::from_secs(120);
/// For the request in hand to end.
const GRACE: Duration = Duration::from_secs(2);
/// Octets of a request line and its header fields.
const MAX_HEADER: usize = 8 * 1024;
/// Header fields of a request.
const MAX_FIELDS: usize = 64;
/// What hyper may hold of one connection.
const MAX_BUFFER: usize = 16 * 1024;
/// After an accept that failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; \
    charset=utf-8\r\nContent-Length: 26\r\nRetry-After: 1\r\nConnection: close\r\n\r\n\
    too many open connections\n";

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections: usize,
    pub header_read: Duration,
    pub lifetime: Duration,
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: MAX_CONNECTIONS,
            header_read: HEADER_READ,
            lifetime: LIFETIME,
            grace: GRACE,
        }
    }
}

/// Accepts until `stop` is ready, then returns within `limits.grace`.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()> + Send,
) {
    let tasks = TaskTracker::new();
    let ending = CancellationToken::new();
    // Also when this future is dropped half-way, its connections end.
    let _guard = ending.clone().drop_guard();
    let free = Arc::new(Semaphore::new(limits.connections));
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => match free.clone().try_acquire_owned() {
                Ok(permit) => {
                    let (router, ending) = (router.clone(), ending.clone());
                    tasks.spawn(async move {
                        converse(stream, router, limits, ending).await;
                        drop(permit);
                    });
                }
                Err(_) => refuse(&stream),
            },
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "the dashboard cannot accept connections; trying again");
                tokio::select! {
                    () = &mut stop => break,
                    () = sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
    drop(listener);
    ending.cancel();
    tasks.close();
    tasks.wait().await;
}

/// One connection from its first request to its last.
async fn converse(stream: TcpStream, router: Router, limits: Limits, ending: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_header_size(MAX_HEADER)
        .max_headers(MAX_FIELDS)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = ending.cancelled() => None,
        () = sleep(limits.lifetime) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(limits.grace, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a dashboard connection ended early");
    }
}

/// In one attempt and without waiting: whoever is one too many gets no time of ours.
fn refuse(stream: &TcpStream) {
    tracing::debug!("too many open dashboard connections");
    let _ = stream.try_write(FULL);
}

/// Errors of the one connection that was being accepted; the next may be fine.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
