//! DNS over TCP (RFC 7766, RFC 9210): our own accept loop, with a bound on everything.
//!
//! | bound | what happens there |
//! |---|---|
//! | [`Limits::connections`] in all | [`crate::places`] says who makes room |
//! | [`Limits::per_client`], [`Limits::per_site`] | one of the same makes room |
//! | [`Limits::idle`] without a reply | closed |
//! | [`Limits::write`] for a reply to be taken | closed: a slow reader holds memory |
//! | [`Limits::total`] since it was accepted | closed |
//! | [`Limits::memory`] for long messages of all connections | closed |
//! | a [`WorkSlice`], of some messages and octets | it gives way, in a queue ([`SliceQueue`]) |
//! | [`UNANSWERED`] messages that get no reply | closed |
//! | out of file descriptors | the idlest of the heaviest client makes room, and accepting pauses |
//!
//! Queries of a connection are answered in their order; each costs microseconds, so nothing is
//! gained by overtaking. A client may close its sending side and still gets its replies.
//!
//! [`accept`] and [`converse`] know nothing of the bytes' way: TLS lends them its own stream.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;

use crate::counters::Counters;
use crate::dns::exchange::Transport;
use crate::dns::frames::{READ_ROOM, UNANSWERED, answer_frames, make_room, wanted};
use crate::dns::responder::Responder;
use crate::dns::work_slice::{SliceQueue, WorkSlice};
use crate::places::{Bounds, Place, Places};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections: usize,
    pub per_client: usize,
    pub per_site: usize,
    pub idle: Duration,
    pub write: Duration,
    pub total: Duration,
    /// Octets, over all connections.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 4096,
            per_client: 256,
            per_site: 1024,
            idle: Duration::from_secs(10),
            write: Duration::from_secs(5),
            total: Duration::from_secs(120),
            memory: 64 << 20,
        }
    }
}

/// Between two tries to accept when the system has no more descriptors, and the longest wait for
/// evicted connections to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Replies that wait to be written; more are counted in [`Limits::memory`].
const WRITE_ROOM: usize = 4 * 1024;
/// RFC 1035 §4.2.2.
const MAX_MESSAGE: usize = u16::MAX as usize;
/// Octets of a permit of the memory.
const PIECE: usize = 1024;

/// The open connections of a server, whichever address they came to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connections {
    places: Places,
    memory: Arc<Semaphore>,
    slices: Arc<SliceQueue>,
    limits: Limits,
}

/// One connection: who is at the other end, and what keeps it within the limits.
#[derive(Debug)]
pub struct Session {
    client: IpAddr,
    transport: Transport,
    /// [`Client::idle`].
    idle: Option<u16>,
    end: Instant,
    responder: Responder,
    connections: Connections,
    seat: Seat,
}

/// A place that is counted.
#[derive(Debug)]
pub struct Seat {
    place: Place,
    counters: Arc<Counters>,
}

/// Memory that is held for one connection; dropping it gives it back.
#[derive(Debug)]
pub struct Memory {
    _permits: OwnedSemaphorePermit,
}

/// DNS over plain TCP, until `stop`.
pub async fn serve(
    listener: TcpListener,
    responder: Responder,
    connections: Connections,
    stop: CancellationToken,
) {
    let talk = |stream, session| async move { converse(stream, &session).await };
    accept(listener, responder, connections, stop, talk).await;
}

/// Accepts until `stop`, then waits for the connections to finish what they are at. `talk` is what
/// happens on one of them.
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
                // Not more descriptors than places, whoever comes how often.
                let _ = timeout(ACCEPT_PAUSE, connections.places.wait_for_room()).await;
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

/// Reads frames, however they are split or joined, and answers each.
pub async fn converse<S>(mut stream: S, session: &Session) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Moved on by replies only: nothing else holds a connection open.
    let mut deadline = session.deadline();
    let mut input: Vec<u8> = Vec::with_capacity(READ_ROOM);
    let mut output: Vec<u8> = vec![];
    let mut slice = WorkSlice::first();
    let mut permit = None;
    let mut unanswered = 0;
    // Of a message that is longer than most.
    let mut memory = None;
    loop {
        let reply = |query: &[u8], output: &mut Vec<u8>| session.frame(query, output);
        let used = answer_frames(&input, &mut output, &mut slice, &mut unanswered, reply);
        // Whoever waits for its socket holds up nobody.
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
            let queue = session.connections.slices.next(&slice);
            let Ok((held, waited)) = timeout_at(session.end, queue).await else { return Ok(()) };
            (permit, slice) = (held, WorkSlice::first());
            // While it waits for us it is not idle.
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
    /// Replies are written here, and as much of them copied as there is.
    static ROOM: RefCell<Box<[u8]>> = RefCell::new(vec![0; MAX_MESSAGE].into());
}

/// Room for the longest message, which is the thread's own: it need not be made for each reply.
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
    /// A new connection, for which another one may have to go.
    pub fn new(client: IpAddr, responder: &Responder, connections: &Connections) -> Session {
        Session {
            client,
            transport: Transport::Stream,
            idle: Some(units(connections.limits.idle)),
            end: Instant::now() + connections.limits.total,
            responder: responder.clone(),
            seat: connections.take(client, &responder.counters),
            connections: connections.clone(),
        }
    }

    /// Is ready when another connection needs this one's place.
    pub fn evicted(&self) -> WaitForCancellationFutureOwned {
        self.seat.place.evicted()
    }

    /// For a transport that nobody else reads.
    pub fn encrypted(self) -> Session {
        Session { transport: Transport::Encrypted, ..self }
    }

    /// For a transport whose clients are not told of the idle limit by DNS.
    pub fn without_keep_alive(self) -> Session {
        Session { idle: None, ..self }
    }

    pub fn answer(&self, query: &[u8], room: &mut [u8]) -> Option<usize> {
        self.responder.answer(query, self.client, self.transport, self.idle, room)
    }

    /// Appends the reply to `output`, behind its length; whether there is one.
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

    /// Memory for `octets`, of which `own` need not be counted.
    fn hold_beyond(&self, own: usize, octets: usize) -> io::Result<Option<Memory>> {
        match octets.saturating_sub(own) {
            0 => Ok(None),
            more => self.hold(more).map(Some).ok_or_else(|| io::ErrorKind::OutOfMemory.into()),
        }
    }

    /// A part of [`Limits::memory`]; `None` when too little is left.
    pub fn hold(&self, octets: usize) -> Option<Memory> {
        self.connections.hold(octets)
    }

    /// Notes that the client was answered.
    pub fn active(&self) {
        self.seat.place.touch();
    }

    /// When the connection ends if nothing more is answered.
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
        let Limits { connections: total, per_client, per_site, memory, .. } = limits;
        Connections {
            places: Places::new(Bounds { total, per_client, per_site }),
            memory: Arc::new(Semaphore::new(memory.div_ceil(PIECE))),
            slices: Arc::default(),
            limits,
        }
    }

    /// For another runtime: the same bounds, and a queue that does not wait for the first one.
    pub fn with_own_queue(&self) -> Connections {
        Connections { slices: Arc::default(), ..self.clone() }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// A place for a new connection; another one may have to go for it.
    pub fn take(&self, client: IpAddr, counters: &Arc<Counters>) -> Seat {
        let (place, goes) = self.places.take(client);
        counters.connections_open.fetch_add(1, Ordering::Relaxed);
        counters.connections_evicted.fetch_add(goes.into(), Ordering::Relaxed);
        Seat { place, counters: Arc::clone(counters) }
    }

    /// As [`Session::hold`].
    pub fn hold(&self, octets: usize) -> Option<Memory> {
        let pieces = u32::try_from(octets.div_ceil(PIECE)).ok()?;
        let permits = Arc::clone(&self.memory).try_acquire_many_owned(pieces).ok()?;
        Some(Memory { _permits: permits })
    }

    fn evict(&self, counters: &Counters) {
        let goes = self.places.evict();
        counters.connections_evicted.fetch_add(goes.into(), Ordering::Relaxed);
    }
}

impl Seat {
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.counters.connections_open.fetch_sub(1, Ordering::Relaxed);
    }
}
