//! Connections: how many, how long, and how they end.
//!
//! `axum::serve` sets no limit and takes none, so the accept loop is ours and hyper serves each
//! connection.
//!
//! | a client that | is cut after |
//! |---|---|
//! | sends its header slowly, or idles between requests | `header_read` |
//! | reads its response slowly, or never leaves | `lifetime`, then `grace` |
//! | has the connection that [`crate::places`] finds, when all places are taken | at once |
//! | is there when the server stops | its request, at most `grace` |
//!
//! Whoever comes has a place, so `/livez` and an operator's order find one, whoever else is there.
//! A connection that has many requests gives way to the others after each. A browser that is told
//! to go at the end of its lifetime opens the next connection by itself.

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

use crate::places::{Bounds, Place, Places};

/// Connections at a time.
const MAX_CONNECTIONS: usize = 256;
/// Of one address, or of one /64 of IPv6. A browser has six, and a proxy before the page some more.
const MAX_PER_CLIENT: usize = 64;
/// Of one /56 of IPv6.
const MAX_PER_SITE: usize = 128;
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
/// After an accept that failed for want of file descriptors or memory, and the longest wait for
/// evicted connections to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Between two lines that say so.
const TELL: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections: usize,
    pub per_client: usize,
    pub header_read: Duration,
    pub lifetime: Duration,
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
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
    limits: Limits,
    stop: impl Future<Output = ()> + Send,
) {
    let tasks = TaskTracker::new();
    let ending = CancellationToken::new();
    // Also when this future is dropped half-way, its connections end.
    let _guard = ending.clone().drop_guard();
    let places = Places::new(Bounds {
        total: limits.connections,
        per_client: limits.per_client,
        per_site: MAX_PER_SITE.max(limits.per_client),
    });
    let mut told: Option<Instant> = None;
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (place, _) = places.take(peer.ip());
                let (router, ending) = (router.clone(), ending.clone());
                tasks.spawn(converse(stream, Arc::new(place), router, limits, ending));
                // Not more descriptors than places, whoever comes how often.
                let _ = timeout(ACCEPT_PAUSE, places.wait_for_room()).await;
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                places.evict();
                if told.is_none_or(|told| told.elapsed() >= TELL) {
                    tracing::warn!(%error, "the dashboard cannot accept connections; trying again");
                    told = Some(Instant::now());
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

/// One connection from its first request to its last.
async fn converse(
    stream: TcpStream,
    place: Arc<Place>,
    router: Router,
    limits: Limits,
    ending: CancellationToken,
) {
    let mut evicted = pin!(place.evicted());
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        let (place, router) = (Arc::clone(&place), router.clone());
        async move {
            place.touch();
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
