//! Serves DNS over TCP (RFC 7766, RFC 9210), by an accept loop with a bound on everything.
//!
//! | bound | what happens there |
//! |---|---|
//! | [`StreamLimits::connections`] in all | [`crate::connection_limiter`] evicts one |
//! | [`StreamLimits::per_client`] | one of this client's is evicted |
//! | [`StreamLimits::per_site`] | one of this site's is evicted |
//! | [`StreamLimits::idle`] without a reply | closed |
//! | [`StreamLimits::write`] for a reply to be taken | closed: a slow reader holds memory |
//! | [`StreamLimits::total`] since it was accepted | closed |
//! | [`StreamLimits::memory`] for long messages of all connections | closed |
//! | a [`WorkSlice`] of messages and octets | the connection yields, in a queue (`work_slice`) |
//! | [`UNANSWERED`] messages that get no reply | closed |
//! | no file descriptor is left | the idlest of the heaviest client is evicted; accepting pauses |
//!
//! Queries of a connection are answered in their order; each costs microseconds, so another order
//! would gain nothing. A client may close its sending side and still gets its replies.
//!
//! [`accept`] and [`converse`] work on any stream: TLS passes its own.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;

use crate::dns::connections::{ConnectionGuard, Connections, MemoryGuard, StreamLimits};
use crate::dns::exchange::Transport;
use crate::dns::frames::{READ_ROOM, UNANSWERED, answer_frames, make_room, wanted};
use crate::dns::responder::Responder;
use crate::dns::work_slice::WorkSlice;

/// The pause before accepting again when the system has no more descriptors, and the longest wait
/// for evicted connections to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Octets of unwritten replies that are not counted in [`StreamLimits::memory`].
const WRITE_ROOM: usize = 4 * 1024;
/// Octets of the longest message (RFC 1035 §4.2.2).
const MAX_MESSAGE: usize = u16::MAX as usize;
/// One connection: its client, and what keeps it within the limits.
#[derive(Debug)]
pub struct Session {
    client: IpAddr,
    transport: Transport,
    /// The value for `Client::idle`.
    idle: Option<u16>,
    /// When the connection ends at the latest.
    end: Instant,
    responder: Responder,
    connections: Connections,
    guard: ConnectionGuard,
}

/// Serves DNS over plain TCP until `stop`.
pub async fn serve(
    listener: TcpListener,
    responder: Responder,
    connections: Connections,
    stop: CancellationToken,
) {
    let talk = |stream, session| async move { converse(stream, &session).await };
    accept(listener, responder, connections, stop, talk).await;
}

/// Accepts until `stop`, then waits for the connections to finish their current exchange. `talk`
/// serves one connection.
pub async fn accept<T>(
    listener: TcpListener,
    responder: Responder,
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
                responder.counters.connections_accepted.fetch_add(1, Ordering::Relaxed);
                let session = Session::new(peer.ip().to_canonical(), &responder, &connections);
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!("connection of {peer}: {error}");
                }
                let (evicted, stop) = (session.evicted(), stop.clone());
                let talk = talk(stream, session);
                tasks.spawn(async move {
                    let ended = tokio::select! {
                        biased;
                        () = evicted => Ok(()),
                        () = stop.cancelled() => Ok(()),
                        ended = talk => ended,
                    };
                    if let Err(error) = ended {
                        tracing::debug!("connection of {peer}: {error}");
                    }
                });
                // Keeps the number of descriptors within the number of places.
                let _ = timeout(ACCEPT_PAUSE, connections.limiter.wait_for_evicted()).await;
            }
            Err(error) if is_exhaustion(&error) => {
                connections.evict(&responder.counters);
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

/// Reads messages, however they are split or joined, and answers each.
pub async fn converse<S>(mut stream: S, session: &Session) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Only a reply extends the deadline: nothing else keeps a connection open.
    let mut deadline = session.deadline();
    let mut input: Vec<u8> = Vec::with_capacity(READ_ROOM);
    let mut output: Vec<u8> = vec![];
    let mut slice = WorkSlice::first();
    let mut permit = None;
    let mut unanswered = 0;
    // The reservation for a message longer than `READ_ROOM`.
    let mut memory = None;
    loop {
        let reply = |query: &[u8], output: &mut Vec<u8>| session.frame(query, output);
        let used = answer_frames(&input, &mut output, &mut slice, &mut unanswered, reply);
        // A connection that waits for its socket delays no other.
        drop(permit.take());
        if used != 0 {
            input.drain(..used);
            memory = None;
        }
        if !output.is_empty() {
            session.active();
            let _held = session.hold_beyond(WRITE_ROOM, output.len())?;
            write(&mut stream, &mut output, session.write_deadline()).await?;
            deadline = session.deadline();
        }
        if unanswered > UNANSWERED {
            return Ok(());
        }
        if slice.is_over() {
            let next = session.connections.slices.next(&slice);
            let Ok((held, waited)) = timeout_at(session.end, next).await else { return Ok(()) };
            (permit, slice) = (held, WorkSlice::first());
            // The time in the queue is not idle time.
            deadline = session.end.min(deadline + waited);
            if Instant::now() < deadline {
                continue;
            }
            return Ok(());
        }
        let wanted = wanted(&input);
        if wanted > READ_ROOM && memory.is_none() {
            memory = session.hold_beyond(READ_ROOM, wanted)?;
        }
        make_room(&mut input, wanted);
        slice.count(0);
        let read = stream.read_buf(&mut input);
        match timeout_at(deadline, read).await {
            Ok(Ok(0)) | Err(_) => return Ok(()),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error),
        }
    }
}

thread_local! {
    /// The buffer that replies are written to before they are copied.
    static ROOM: RefCell<Box<[u8]>> = RefCell::new(vec![0; MAX_MESSAGE].into());
}

/// Calls `write` with the buffer of this thread, which has room for the longest message.
pub fn with_room<T>(write: impl FnOnce(&mut [u8]) -> T) -> T {
    ROOM.with_borrow_mut(|room| write(room))
}

async fn write<S>(stream: &mut S, output: &mut Vec<u8>, deadline: Instant) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    if !output.is_empty() {
        let written = async {
            stream.write_all(output).await?;
            // TLS may hold back the last octets.
            stream.flush().await
        };
        timeout_at(deadline, written).await.map_err(|_| io::ErrorKind::TimedOut)??;
        // An idle connection keeps no buffer for its largest reply.
        *output = vec![];
    }
    Ok(())
}

/// The idle limit in units of 100 ms (RFC 7828 §3.1).
fn units(idle: Duration) -> u16 {
    u16::try_from(idle.as_millis() / 100).unwrap_or(u16::MAX)
}

impl Session {
    /// Admits a new connection, for which another one may be evicted.
    pub fn new(client: IpAddr, responder: &Responder, connections: &Connections) -> Session {
        Session {
            client,
            transport: Transport::Stream,
            idle: Some(units(connections.limits.idle)),
            end: Instant::now() + connections.limits.total,
            responder: responder.clone(),
            guard: connections.take(client, &responder.counters),
            connections: connections.clone(),
        }
    }

    /// A future that is ready when this connection is evicted.
    pub fn evicted(&self) -> WaitForCancellationFutureOwned {
        self.guard.permit.evicted()
    }

    /// The session for a transport inside TLS or QUIC.
    pub fn encrypted(self) -> Session {
        Session { transport: Transport::Encrypted, ..self }
    }

    /// The session for a transport without the keepalive option.
    pub fn without_keep_alive(self) -> Session {
        Session { idle: None, ..self }
    }

    /// Writes the reply to `query` into `room`. Returns its length, or `None` for no reply.
    pub fn answer(&self, query: &[u8], room: &mut [u8]) -> Option<usize> {
        self.responder.answer(query, self.client, self.transport, self.idle, room)
    }

    /// Appends the reply to `output`, behind its length. False when there is no reply.
    fn frame(&self, query: &[u8], output: &mut Vec<u8>) -> bool {
        with_room(|room| match self.answer(query, room).and_then(|len| room.get(..len)) {
            Some(reply) => {
                output.extend_from_slice(&(reply.len() as u16).to_be_bytes());
                output.extend_from_slice(reply);
                true
            }
            None => false,
        })
    }

    /// Reserves memory for `octets`, of which `own` need no reservation.
    fn hold_beyond(&self, own: usize, octets: usize) -> io::Result<Option<MemoryGuard>> {
        match octets.saturating_sub(own) {
            0 => Ok(None),
            more => self.hold(more).map(Some).ok_or_else(|| io::ErrorKind::OutOfMemory.into()),
        }
    }

    /// Reserves a part of [`StreamLimits::memory`]. `None` when too little is left.
    pub fn hold(&self, octets: usize) -> Option<MemoryGuard> {
        self.connections.hold(octets)
    }

    /// Records that the client was answered.
    pub fn active(&self) {
        self.guard.permit.note_activity();
    }

    /// When the connection ends if no further query is answered.
    pub fn deadline(&self) -> Instant {
        self.end.min(Instant::now() + self.connections.limits.idle)
    }

    /// When the connection ends if the client does not take a reply.
    pub fn write_deadline(&self) -> Instant {
        self.end.min(Instant::now() + self.connections.limits.write)
    }

    /// The limits of all streams.
    pub fn limits(&self) -> StreamLimits {
        self.connections.limits
    }
}
