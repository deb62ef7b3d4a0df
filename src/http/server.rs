//! Serves the connections of the dashboard, within bounds in number and time.
//!
//! `axum::serve` has no limits. So the accept loop is here, and hyper serves each connection.
//!
//! | a client that | loses its connection after |
//! |---|---|
//! | sends its header slowly, or idles between requests | `header_read` |
//! | reads its response slowly, or never leaves | `lifetime`, then `grace` |
//! | has the connection that [`crate::connection_limiter`] evicts | at once |
//! | is there when the server stops | its request, at most `grace` |
//!
//! Every new connection gets a place, so `/livez` and an operator's override are always served. A
//! connection yields to the others before each request. A browser whose connection ends after its
//! lifetime opens another one by itself.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection_limiter::table::ConnectionBounds;
use crate::connection_limiter::{ConnectionLimiter, ConnectionPermit};

/// Maximum number of open connections.
const MAX_CONNECTIONS: usize = 256;
/// Maximum for one IPv4 address or IPv6 /64. A browser opens six, and a proxy some more.
const MAX_PER_CLIENT: usize = 64;
/// Maximum for one IPv6 /56.
const MAX_PER_SITE: usize = 128;
/// Maximum wait for a request's header, including the time between requests. The page sends a
/// request each second.
const HEADER_READ: Duration = Duration::from_secs(10);
/// Time after which a connection takes no further request.
const LIFETIME: Duration = Duration::from_secs(120);
/// Time for the current request to end.
const GRACE: Duration = Duration::from_secs(2);
/// Maximum octets of a request line and its header fields.
const MAX_HEADER: usize = 8 * 1024;
/// Maximum number of header fields of a request.
const MAX_FIELDS: usize = 64;
/// Maximum octets that hyper buffers for one connection.
const MAX_BUFFER: usize = 16 * 1024;
/// The pause after an accept that failed for lack of file descriptors or memory, and the longest
/// wait for evicted connections to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time between two log lines about failed accepts.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// The bounds of connections in number and time.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Maximum number of open connections.
    pub connections: usize,
    /// Maximum number of open connections of one IPv4 address or IPv6 /64.
    pub per_client: usize,
    /// Maximum wait for a request's header, including the time between requests.
    pub header_read: Duration,
    /// Time after which a connection takes no further request.
    pub lifetime: Duration,
    /// Time for the current request to end.
    pub grace: Duration,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            connections: MAX_CONNECTIONS,
            per_client: MAX_PER_CLIENT,
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
    limits: HttpLimits,
    stop: impl Future<Output = ()> + Send,
) {
    let tasks = TaskTracker::new();
    let ending = CancellationToken::new();
    // When this future is dropped, its connections end too.
    let _guard = ending.clone().drop_guard();
    let limiter = ConnectionLimiter::new(ConnectionBounds {
        total: limits.connections,
        per_client: limits.per_client,
        per_site: MAX_PER_SITE.max(limits.per_client),
    });
    let mut last_warning: Option<Instant> = None;
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (permit, _) = limiter.take(peer.ip());
                let (router, ending) = (router.clone(), ending.clone());
                tasks.spawn(converse(stream, Arc::new(permit), router, limits, ending));
                // Keeps the number of descriptors within the number of places.
                let _ = timeout(ACCEPT_PAUSE, limiter.wait_for_evicted()).await;
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                limiter.evict();
                if last_warning.is_none_or(|last| last.elapsed() >= WARN_INTERVAL) {
                    tracing::warn!(%error, "the dashboard cannot accept connections; trying again");
                    last_warning = Some(Instant::now());
                }
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

/// Serves one connection from its first request to its last.
async fn converse(
    stream: TcpStream,
    permit: Arc<ConnectionPermit>,
    router: Router,
    limits: HttpLimits,
    ending: CancellationToken,
) {
    let mut evicted = pin!(permit.evicted());
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        let (permit, router) = (Arc::clone(&permit), router.clone());
        async move {
            permit.note_activity();
            yield_now().await;
            router.call(request).await
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_header_size(MAX_HEADER)
        .max_headers(MAX_FIELDS)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        () = &mut evicted => return,
        ended = &mut connection => Some(ended),
        () = ending.cancelled() => None,
        () = sleep(limits.lifetime) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                () = &mut evicted => return,
                ended = timeout(limits.grace, connection) => ended.unwrap_or(Ok(())),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a dashboard connection ended early");
    }
}

/// Whether the error concerns only the connection that was being accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
