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
//! | `round` | answers the queries of one call |
//! | `precedence` | has the core at once when a query comes |
//! | `peer` | addresses of clients, and ours that they asked |

mod batch;
mod outbox;
pub mod pace;
mod peer;
mod precedence;
mod round;
mod sendmmsg;
mod single;

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::socket::{Shutdown, SockaddrIn, SockaddrIn6, shutdown};
use nix::unistd::Pid;

use crate::counters::bump;
use crate::dns::responder::Responder;
use crate::dns::sockets::is_wildcard;
use crate::dns::udp::batch::Batch;
use crate::dns::udp::pace::{MANY, Pace, Room, SOME};
use crate::dns::udp::peer::{Address, Peer};
use crate::dns::udp::precedence::Precedence;
use crate::dns::udp::round::WorkerResponder;
use crate::log_limit::LogLimit;

const ERROR_PAUSE: Duration = Duration::from_millis(20);

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
    responder: Responder,
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
            SocketAddr::V4(_) => Serve::<SockaddrIn>::new(&fd, address, worker, responder).run(),
            SocketAddr::V6(_) => Serve::<SockaddrIn6>::new(&fd, address, worker, responder).run(),
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
    responder: WorkerResponder,
    wildcard: bool,
    pace: Pace,
    precedence: Precedence,
    batch: Batch<'s, P>,
}

impl<'s, P: Peer> Serve<'s, P> {
    /// In the thread that will run it.
    fn new(socket: &'s UdpSocket, address: SocketAddr, block: usize, responder: Responder) -> Self {
        let wildcard = is_wildcard(address);
        Serve {
            socket,
            responder: WorkerResponder::new(responder, block),
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
                bump(&self.responder.block().panics);
                self.batch = Batch::new(self.socket, self.wildcard);
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.responder.is_stopped()
    }

    fn serve(&mut self) {
        while !self.is_stopped() {
            let received = match self.pace.room() {
                Room::One if !self.wildcard => self.single(),
                Room::One => self.batch.serve::<1>(&mut self.responder),
                Room::Some => self.batch.serve::<SOME>(&mut self.responder),
                Room::Many => self.batch.serve::<MANY>(&mut self.responder),
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
        let mut round = self.responder.begin(1);
        let query = query.get(..len).unwrap_or_default();
        if let Some(len) = round.answer(query, from.address(), reply) {
            single::send(self.socket, &reply[..len], &from, round.block);
        }
        Ok(1)
    }
}
