//! UDP workers: threads of their own, a batch of queries a system call.
//!
//! A worker sleeps until a query comes, looks whether there is a new snapshot, answers and hands
//! the reply back. Per query there is no lock and no allocation.
//!
//! | file | what |
//! |---|---|
//! | [`pace`] | how many queries the next call makes room for |
//! | `single` | one query by two plain system calls: the way of a server that is not pressed |
//! | `batch` | up to 64 queries by two calls |
//! | `outbox` | their replies, those to one peer in one message |
//! | `sendmmsg` | the system call for that |
//! | `precedence` | has the core at once when a query comes |
//! | `peer` | addresses of clients, and ours that they asked |

mod batch;
mod outbox;
pub mod pace;
mod peer;
mod precedence;
mod sendmmsg;
mod single;

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::socket::{Shutdown, SockaddrIn, SockaddrIn6, shutdown};
use nix::unistd::Pid;

use crate::counters::{Block, Counters, bump};
use crate::dns::clock::Clock;
use crate::dns::exchange::{Client, Reply, Transport};
use crate::dns::reply::UDP_LIMIT;
use crate::dns::respond::respond;
use crate::dns::sockets::is_wildcard;
use crate::dns::tally::tally;
use crate::dns::udp::batch::Batch;
use crate::dns::udp::pace::{MANY, Pace, Room, SOME};
use crate::dns::udp::peer::{Address, Peer, is_looping};
use crate::dns::udp::precedence::Precedence;
use crate::log_limit::LogLimit;
use crate::snapshot::Snapshot;
use crate::snapshot::publish::{Local, Reader};

/// Octets of a query that are read. Longer ones are cut, and malformed then. An odd number of cache
/// lines, as [`REPLY_ROOM`]: the beginnings of a batch would otherwise share a few sets of the
/// cache, and push each other out.
const QUERY_ROOM: usize = 31 * 64;
const REPLY_ROOM: usize = 21 * 64;
const _: () = assert!(REPLY_ROOM >= UDP_LIMIT);
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// What the workers of a server share.
#[derive(Debug, Clone)]
pub struct Shared {
    pub reader: Reader,
    pub counters: Arc<Counters>,
    /// The next turn of the rotation; all transports draw from it.
    pub turn: Arc<AtomicU64>,
    pub stop: Arc<AtomicBool>,
    pub clock: Clock,
}

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    socket: Arc<UdpSocket>,
    thread: JoinHandle<()>,
    runs: Arc<AtomicBool>,
}

/// Says at its end that the thread runs no more, also after a panic.
struct Runs(Arc<AtomicBool>);

impl Drop for Runs {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Starts a thread that serves `socket` until [`Worker::stop`]; `worker` is its block of the
/// counters. `core` keeps it on one core.
pub fn start(
    socket: UdpSocket,
    address: SocketAddr,
    worker: usize,
    core: Option<usize>,
    shared: Shared,
) -> std::io::Result<Worker> {
    let socket = Arc::new(socket);
    let fd = Arc::clone(&socket);
    let runs = Arc::new(AtomicBool::new(true));
    let its = Runs(Arc::clone(&runs));
    let serve = move || {
        let _its = its;
        if let Some(core) = core {
            keep_on(core);
        }
        match address {
            SocketAddr::V4(_) => Serve::<SockaddrIn>::new(&fd, address, worker, shared).run(),
            SocketAddr::V6(_) => Serve::<SockaddrIn6>::new(&fd, address, worker, shared).run(),
        }
    };
    let thread = std::thread::Builder::new().name(format!("udp-{worker}")).spawn(serve)?;
    Ok(Worker { socket, thread, runs })
}

impl Worker {
    /// Whether its thread runs, for those who look after it.
    pub fn runs(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.runs)
    }

    /// Ends the wait for queries. Linux says that there is no connection to shut down, and wakes
    /// whoever waits all the same; a socket that is shut down stays so, so none can miss it.
    pub fn stop(&self) {
        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Read);
    }

    pub fn join(self) {
        // A worker that panicked has been told of already.
        let _ = self.thread.join();
    }
}

/// Best effort: a core that this process may not use changes nothing.
fn keep_on(core: usize) {
    let mut cores = CpuSet::new();
    if let Err(error) = cores.set(core).and_then(|()| sched_setaffinity(Pid::from_raw(0), &cores)) {
        tracing::warn!("a UDP worker cannot be kept on core {core}: {error}");
    }
}

struct Serve<'s, P> {
    socket: &'s UdpSocket,
    desk: Desk,
    wildcard: bool,
    pace: Pace,
    precedence: Precedence,
    batch: Batch<'s, P>,
}

impl<'s, P: Peer> Serve<'s, P> {
    /// In the thread that will run it.
    fn new(socket: &'s UdpSocket, address: SocketAddr, block: usize, shared: Shared) -> Self {
        let wildcard = is_wildcard(address);
        Serve {
            socket,
            desk: Desk { snapshot: shared.reader.local(), shared, block },
            wildcard,
            pace: Pace::default(),
            precedence: Precedence::take(),
            batch: Batch::new(socket, wildcard),
        }
    }

    /// A panic would be a bug of ours; it costs the batch, not the thread.
    fn run(mut self) {
        while !self.is_stopped() {
            if catch_unwind(AssertUnwindSafe(|| self.serve())).is_err() {
                bump(&self.desk.block().panics);
                self.batch = Batch::new(self.socket, self.wildcard);
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.desk.shared.stop.load(Ordering::Relaxed)
    }

    fn serve(&mut self) {
        while !self.is_stopped() {
            let received = match self.pace.room() {
                Room::One if !self.wildcard => self.single(),
                Room::One => self.batch.serve::<1>(&mut self.desk),
                Room::Some => self.batch.serve::<SOME>(&mut self.desk),
                Room::Many => self.batch.serve::<MANY>(&mut self.desk),
            };
            match received {
                Ok(received) => {
                    self.pace.follow(received);
                    self.precedence.follow(self.pace.room());
                }
                Err(error) => {
                    static FAILED: LogLimit = LogLimit::new();
                    if let Some(count) = FAILED.due() {
                        tracing::warn!(
                            "receiving queries: {error} ({count} since the last such line)"
                        );
                    }
                    std::thread::sleep(ERROR_PAUSE);
                }
            }
        }
    }

    #[inline]
    fn single(&mut self) -> Result<usize, Errno> {
        let (query, reply) = self.batch.rooms();
        let received = single::receive::<P::Address>(self.socket, query);
        let received = received.map_err(|error| Errno::from_raw(error.raw_os_error()))?;
        let Some((len, from)) = received else { return Ok(0) };
        let mut round = self.desk.begin(1);
        let query = query.get(..len).unwrap_or_default();
        if let Some(len) = round.answer(query, from.address(), reply) {
            single::send(self.socket, &reply[..len], &from, round.block);
        }
        Ok(1)
    }
}

/// What one worker answers from.
struct Desk {
    shared: Shared,
    snapshot: Local,
    /// Its own among the counters.
    block: usize,
}

impl Desk {
    fn block(&self) -> &Block {
        &self.shared.counters.udp[self.block]
    }

    /// Looks what is new, and draws the turns of `room` queries.
    #[inline(always)]
    fn begin(&mut self, room: u64) -> Round<'_> {
        Round {
            snapshot: self.snapshot.load(),
            block: &self.shared.counters.udp[self.block],
            turn: self.shared.turn.fetch_add(room, Ordering::Relaxed),
            now: self.shared.clock.seconds(),
        }
    }
}

/// What holds for all queries of a call.
struct Round<'r> {
    snapshot: &'r Snapshot,
    block: &'r Block,
    /// The turn before the next one.
    turn: u64,
    /// Unix seconds.
    now: u32,
}

impl Round<'_> {
    /// As [`Round::answer`], where it is called from more than one place.
    #[inline(never)]
    fn answer_one(&mut self, query: &[u8], from: SocketAddr, room: &mut [u8]) -> Option<usize> {
        self.answer(query, from, room)
    }

    /// The reply, written to `room`: its length.
    #[inline(always)]
    fn answer(&mut self, query: &[u8], from: SocketAddr, room: &mut [u8]) -> Option<usize> {
        if is_looping(from.port()) {
            bump(&self.block.dropped);
            return None;
        }
        self.turn = self.turn.wrapping_add(1);
        let transport = Transport::Datagram;
        let client = Client { address: from.ip(), transport, idle: None, now: self.now };
        let reply = respond(self.snapshot, query, &client, self.turn, room);
        if !cfg!(feature = "uncounted") {
            tally(self.block, &reply, room);
        }
        match reply {
            Reply::Send { len, .. } => Some(len),
            Reply::Drop => None,
        }
    }
}
