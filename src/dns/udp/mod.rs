//! Runs the UDP workers: threads of their own, which receive a batch of queries per system call.
//!
//! A worker sleeps until a query comes, loads the snapshot if there is a new one, answers, and
//! sends the reply. No query takes a lock or allocates.
//!
//! | file | does |
//! |---|---|
//! | [`batch_size`] | chooses the number of queries that the next call can receive |
//! | `single` | receives and answers one query by two system calls, while the load is low |
//! | `batch` | receives and answers up to 64 queries by two calls |
//! | `outbox` | sends the replies of a batch, those to one peer in one message |
//! | `sendmmsg` | the system call of `outbox` |
//! | `round` | answers the queries of one call |
//! | `precedence` | makes the kernel run a worker as soon as a query comes |
//! | `peer` | addresses of clients, and the local address of each query |

mod batch;
pub mod batch_size;
mod outbox;
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
use crate::dns::udp::batch_size::{BatchSize, BatchSizer, LARGE, SMALL};
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

/// A flag that is cleared when the thread ends, also by a panic.
struct RunningFlag(Arc<AtomicBool>);

impl Drop for RunningFlag {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Starts a thread that serves `socket` until [`Worker::stop`]. `worker` is the index of its
/// counters. With `core`, the thread runs on that core only.
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
    let its = RunningFlag(Arc::clone(&runs));
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
    /// Whether the worker's thread runs, for the supervisor.
    pub fn runs(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.runs)
    }

    /// Ends the wait for queries. Linux reports that there is no connection to shut down, but wakes
    /// the waiting thread. The socket stays shut down, so the wake-up cannot be missed.
    pub fn stop(&self) {
        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Read);
    }

    /// Waits until the thread has ended.
    pub fn join(self) {
        // A panic of the worker is logged already.
        let _ = self.thread.join();
    }
}

/// Keeps this thread on one core. Best effort: without permission, it runs anywhere.
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
    sizer: BatchSizer,
    precedence: Precedence,
    batch: Batch<'s, P>,
}

impl<'s, P: Peer> Serve<'s, P> {
    /// Must be called in the thread that will run it.
    fn new(socket: &'s UdpSocket, address: SocketAddr, block: usize, responder: Responder) -> Self {
        let wildcard = is_wildcard(address);
        Serve {
            socket,
            responder: WorkerResponder::new(responder, block),
            wildcard,
            sizer: BatchSizer::default(),
            precedence: Precedence::take(),
            batch: Batch::new(socket, wildcard),
        }
    }

    /// Serves until all workers have to end. A panic, which is a bug of this program, loses the
    /// batch but not the thread.
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
            let received = match self.sizer.size() {
                BatchSize::One if !self.wildcard => self.single(),
                BatchSize::One => self.batch.serve::<1>(&mut self.responder),
                BatchSize::Small => self.batch.serve::<SMALL>(&mut self.responder),
                BatchSize::Large => self.batch.serve::<LARGE>(&mut self.responder),
            };
            match received {
                Ok(received) => {
                    self.sizer.adjust(received);
                    self.precedence.adjust(self.sizer.size());
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
