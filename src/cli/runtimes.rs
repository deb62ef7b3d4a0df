//! Builds four runtimes, so that work that strangers can cause shares no thread with the work that
//! decides.
//!
//! | runtime | tasks | kept busy by |
//! |---|---|---|
//! | `decide` | probes, the writer, state files, hooks, reloads | the operator's own nodes |
//! | `operate` | page, API, metrics, `/livez` | clients of the dashboard |
//! | `stream` | DNS over TCP | any client |
//! | `encrypt` | DNS over TLS, HTTPS and QUIC | any client |
//!
//! A request over HTTPS costs some twenty times as much as one over TCP. Resolvers use TCP after a
//! truncated answer, so TCP must not wait for encryption.
//!
//! Each runtime has threads of its own, for blocking work too. `priority` decides how they share
//! the cores.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::cli::priority;
use crate::health::probe::start;

/// Two, so that a probe that computes (a handshake) does not delay the writer.
const DECIDE_THREADS: usize = 2;
/// Two, so that a large page does not delay `/livez`.
const OPERATE_THREADS: usize = 2;
const STREAM_THREADS: usize = 2;
const ENCRYPT_THREADS: usize = 2;
/// Threads for blocking work: files, name look-ups of hooks, and starts of programs. Starts may
/// hang, so they have threads beyond the 64 for other work.
const DECIDE_BLOCKING: usize = 64 + start::AT_ONCE;
/// No work blocks in the other runtimes, but tokio requires a thread for it.
const OTHERS_BLOCKING: usize = 1;
/// Longest wait at the end for blocking work that is still under way.
const END_LIMIT: Duration = Duration::from_millis(500);

/// All runtimes.
#[derive(Debug)]
pub struct Runtimes {
    decide: Runtime,
    operate: Runtime,
    stream: Runtime,
    encrypt: Runtime,
}

/// The runtimes for tasks that do not decide.
#[derive(Debug, Clone)]
pub struct Beside {
    pub operate: Handle,
    pub stream: Handle,
    pub encrypt: Handle,
}

impl Runtimes {
    pub fn new() -> io::Result<Runtimes> {
        let operate = (OPERATE_THREADS, OTHERS_BLOCKING);
        let stream = (STREAM_THREADS, OTHERS_BLOCKING);
        let encrypt = (ENCRYPT_THREADS, OTHERS_BLOCKING);
        Ok(Runtimes {
            decide: build("decide", (DECIDE_THREADS, DECIDE_BLOCKING), priority::DECIDE)?,
            operate: build("operate", operate, priority::OPERATE)?,
            stream: build("stream", stream, priority::STREAM)?,
            encrypt: build("encrypt", encrypt, priority::ENCRYPT)?,
        })
    }

    /// Runs `program` on the calling thread within the runtime that decides; then ends all
    /// runtimes.
    pub fn run<F, T>(self, program: impl FnOnce(Beside) -> F) -> T
    where
        F: Future<Output = T>,
    {
        let beside = Beside {
            operate: self.operate.handle().clone(),
            stream: self.stream.handle().clone(),
            encrypt: self.encrypt.handle().clone(),
        };
        let done = self.decide.block_on(program(beside));
        // `program` has waited for all tasks that matter.
        self.stream.shutdown_background();
        self.encrypt.shutdown_background();
        self.operate.shutdown_background();
        self.decide.shutdown_timeout(END_LIMIT);
        done
    }
}

fn build(
    name: &'static str,
    (threads, blocking): (usize, usize),
    nicer: i32,
) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(blocking)
        .thread_name(name)
        .on_thread_start(move || priority::lower(nicer))
        .enable_all()
        .build()
}
