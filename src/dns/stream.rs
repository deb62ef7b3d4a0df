//! DNS over TCP (RFC 7766, RFC 9210): our own accept loop, with a bound on everything.
//!
//! | bound | what happens there |
//! |---|---|
//! | [`Limits::connections`] in all | the idlest connection makes room |
//! | [`Limits::per_client`] of one address | that client's idlest makes room |
//! | [`Limits::idle`] without a whole query | closed |
//! | [`Limits::write`] for a reply to be taken | closed: a slow reader holds memory |
//! | [`Limits::total`] since it was accepted | closed |
//! | out of file descriptors | the idlest makes room, and accepting pauses instead of spinning |
//!
//! Queries of a connection are answered in their order; each costs microseconds, so nothing is
//! gained by overtaking. A client may close its sending side and still gets its replies.
//!
//! [`accept`] and [`converse`] know nothing of the bytes' way: TLS lends them its own stream.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dns::reply::Transport;
use crate::dns::respond::{Client, Reply, respond};
use crate::dns::tally::tally_by;
use crate::dns::udp::Shared;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections: usize,
    pub per_client: usize,
    pub idle: Duration,
    pub write: Duration,
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 4096,
            per_client: 256,
            idle: Duration::from_secs(10),
            write: Duration::from_secs(5),
            total: Duration::from_secs(120),
        }
    }
}

/// Between two tries to accept when the system has no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// First room of a connection for what it sends; grows up to one message.
const READ_ROOM: usize = 512;
/// Replies that are gathered before they are written.
const WRITE_ROOM: usize = 16 * 1024;
/// Length prefix and the longest message (RFC 1035 §4.2.2).
const MAX_FRAME: usize = 2 + u16::MAX as usize;

/// The open connections of a server, whichever address they came to.
#[derive(Debug, Clone)]
pub struct Connections {
    table: Arc<Mutex<HashMap<u64, Open>>>,
    next: Arc<AtomicU64>,
    limits: Limits,
}

#[derive(Debug)]
struct Open {
    client: IpAddr,
    active: Instant,
    close: CancellationToken,
}

/// One connection: who is at the other end, and what keeps it within the limits.
#[derive(Debug)]
pub struct Session {
    client: IpAddr,
    /// [`Client::idle`].
    idle: Option<u16>,
    id: u64,
    end: Instant,
    shared: Shared,
    connections: Connections,
}

/// DNS over plain TCP, until `stop`.
pub async fn serve(
    listener: TcpListener,
    shared: Shared,
    connections: Connections,
    stop: CancellationToken,
) {
    let talk = |stream, session| async move { converse(stream, &session).await };
    accept(listener, shared, connections, stop, talk).await;
}

/// Accepts until `stop`, then waits for the connections to finish what they are at. `talk` is what
/// happens on one of them.
pub async fn accept<T>(
    listener: TcpListener,
    shared: Shared,
    connections: Connections,
    stop: CancellationToken,
    talk: impl Fn(TcpStream, Session) -> T,
) where
    T: Future<Output = io::Result<()>> + Send + 'static,
{
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                shared.counters.connections_accepted.fetch_add(1, Ordering::Relaxed);
                let (id, close) = connections.open(peer.ip().to_canonical(), &shared);
                let (shared, connections, stop) =
                    (shared.clone(), connections.clone(), stop.clone());
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!("connection of {peer}: {error}");
                }
                let session = Session::new(peer, id, &shared, &connections);
                let talk = talk(stream, session);
                tasks.spawn(async move {
                    let ended = tokio::select! {
                        ended = talk => ended,
                        () = close.cancelled() => Ok(()),
                        () = stop.cancelled() => Ok(()),
                    };
                    if let Err(error) = ended {
                        tracing::debug!("connection of {peer}: {error}");
                    }
                    connections.closed(id, &shared);
                });
            }
            Err(error) if is_exhaustion(&error) => {
                connections.evict_idlest(|_| true, &shared);
                sleep(ACCEPT_PAUSE).await;
            }
            // The client went away between its handshake and our accept.
            Err(error) => tracing::debug!("accepting: {error}"),
        }
    }
    tasks.close();
    tasks.wait().await;
}

fn is_exhaustion(error: &io::Error) -> bool {
    use nix::libc::{EMFILE, ENFILE, ENOBUFS, ENOMEM};
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS | ENOMEM))
}

/// Reads frames, however they are split or joined, and answers each.
pub async fn converse<S>(mut stream: S, session: &Session) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Moved on by whole queries only: bytes now and then hold nothing open.
    let mut deadline = session.deadline();
    let mut input: Vec<u8> = Vec::with_capacity(READ_ROOM);
    let mut output: Vec<u8> = vec![];
    loop {
        let mut used = 0;
        while let Some(query) = frame(&input[used..]) {
            used += 2 + query.len();
            reply(query, session, &mut output);
            if output.len() >= WRITE_ROOM {
                write(&mut stream, &mut output, session.write_deadline()).await?;
            }
        }
        input.drain(..used);
        if used != 0 {
            session.active();
            write(&mut stream, &mut output, session.write_deadline()).await?;
            deadline = session.deadline();
        }
        input.reserve(READ_ROOM);
        let read = stream.read_buf(&mut input);
        match timeout_at(deadline, read).await {
            Ok(Ok(0)) | Err(_) => return Ok(()),
            Ok(Ok(_)) if input.len() <= MAX_FRAME + READ_ROOM => {}
            Ok(Ok(_)) => return Err(io::ErrorKind::InvalidData.into()),
            Ok(Err(error)) => return Err(error),
        }
    }
}

/// The first whole message in `input`, without its length.
fn frame(input: &[u8]) -> Option<&[u8]> {
    let (length, rest) = input.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

fn reply(query: &[u8], session: &Session, output: &mut Vec<u8>) {
    let start = output.len();
    output.resize(start + MAX_FRAME, 0);
    match session.answer(query, &mut output[start + 2..]) {
        Some(len) => {
            output[start..start + 2].copy_from_slice(&(len as u16).to_be_bytes());
            output.truncate(start + 2 + len);
        }
        None => output.truncate(start),
    }
}

/// Answers and counts one query; the length of the reply in `room`, or `None` for no reply.
pub fn answer(
    query: &[u8],
    address: IpAddr,
    idle: Option<u16>,
    shared: &Shared,
    room: &mut [u8],
) -> Option<usize> {
    let now = shared.clock.seconds();
    let client = Client { address, transport: Transport::Stream, idle, now };
    let snapshot = shared.reader.load();
    let turn = shared.turn.fetch_add(1, Ordering::Relaxed);
    let reply = respond(&snapshot, query, &client, turn, room);
    let add = |counter: &AtomicU64| {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    tally_by(&shared.counters.stream, &reply, room, add);
    match reply {
        Reply::Send { len, .. } => Some(len),
        Reply::Drop => None,
    }
}

async fn write<S>(stream: &mut S, output: &mut Vec<u8>, deadline: Instant) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    if !output.is_empty() {
        let written = async {
            stream.write_all(output).await?;
            // What encrypts may hold back the end.
            stream.flush().await
        };
        timeout_at(deadline, written).await.map_err(|_| io::ErrorKind::TimedOut)??;
        // An idle connection keeps no room for its largest reply.
        *output = vec![];
    }
    Ok(())
}

/// Of 100 ms (RFC 7828 §3.1).
fn units(idle: Duration) -> u16 {
    u16::try_from(idle.as_millis() / 100).unwrap_or(u16::MAX)
}

impl Session {
    fn new(peer: SocketAddr, id: u64, shared: &Shared, connections: &Connections) -> Session {
        Session {
            client: peer.ip(),
            idle: Some(units(connections.limits.idle)),
            id,
            end: Instant::now() + connections.limits.total,
            shared: shared.clone(),
            connections: connections.clone(),
        }
    }

    /// For a transport whose clients are not told of the idle limit by DNS.
    pub fn without_keep_alive(self) -> Session {
        Session { idle: None, ..self }
    }

    pub fn answer(&self, query: &[u8], room: &mut [u8]) -> Option<usize> {
        answer(query, self.client, self.idle, &self.shared, room)
    }

    /// Notes that the client has asked something.
    pub fn active(&self) {
        self.connections.active(self.id);
    }

    /// When the connection ends if nothing more is asked.
    pub fn deadline(&self) -> Instant {
        self.end.min(Instant::now() + self.connections.limits.idle)
    }

    /// When the connection ends if a reply that is being written is not taken.
    pub fn write_deadline(&self) -> Instant {
        self.end.min(Instant::now() + self.connections.limits.write)
    }

    pub fn limits(&self) -> Limits {
        self.connections.limits
    }
}

impl Connections {
    pub fn new(limits: Limits) -> Connections {
        Connections { table: Arc::default(), next: Arc::default(), limits }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Notes a new connection and makes room for it.
    fn open(&self, client: IpAddr, shared: &Shared) -> (u64, CancellationToken) {
        let (total, own) = {
            let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
            (table.len(), table.values().filter(|open| open.client == client).count())
        };
        if own >= self.limits.per_client {
            self.evict_idlest(|open| open.client == client, shared);
        } else if total >= self.limits.connections {
            self.evict_idlest(|_| true, shared);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let close = CancellationToken::new();
        let open = Open { client, active: Instant::now(), close: close.clone() };
        self.table.lock().unwrap_or_else(PoisonError::into_inner).insert(id, open);
        shared.counters.connections_open.fetch_add(1, Ordering::Relaxed);
        (id, close)
    }

    fn active(&self, id: u64) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = table.get_mut(&id) {
            open.active = Instant::now();
        }
    }

    fn evict_idlest(&self, among: impl Fn(&Open) -> bool, shared: &Shared) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let idlest =
            table.iter().filter(|(_, open)| among(open)).min_by_key(|(_, open)| open.active);
        if let Some(id) = idlest.map(|(id, _)| *id)
            && let Some(open) = table.remove(&id)
        {
            open.close.cancel();
            shared.counters.connections_evicted.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn closed(&self, id: u64, shared: &Shared) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        shared.counters.connections_open.fetch_sub(1, Ordering::Relaxed);
    }
}
