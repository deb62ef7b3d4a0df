//! Four runtimes, so that nobody whom strangers can keep busy shares a thread with what decides.
//!
//! | runtime | what runs there | who can keep it busy |
//! |---|---|---|
//! | `decide` | probes, the writer, state files, hooks, reloads | the operator's own nodes |
//! | `operate` | page, API, metrics, `/livez` | whoever reaches the dashboard |
//! | `stream` | DNS over TCP | everybody |
//! | `encrypt` | DNS over TLS, HTTPS and QUIC | everybody |
//!
//! A request over HTTPS costs some twenty times what one over TCP does, and resolvers come by TCP
//! when an answer over UDP was cut: those who keep encryption busy do not keep them waiting.
//!
//! Each has threads of its own, those for blocking work too. What the kernel makes of them when
//! cores are short is in `priority`.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::cli::priority;
use crate::health::probe::start;

/// A probe that reckons (a handshake) does not hold up the writer.
const DECIDE_THREADS: usize = 2;
/// A large page does not hold up `/livez`.
const OPERATE_THREADS: usize = 2;
const STREAM_THREADS: usize = 2;
const ENCRYPT_THREADS: usize = 2;
/// Threads for what blocks: files, names of receivers of hooks; and starts of programs, which may
/// hang and leave the others theirs.
const DECIDE_BLOCKING: usize = 64 + start::AT_ONCE;
/// Nothing blocks there; tokio wants one.
const OTHERS_BLOCKING: usize = 1;
/// For blocking work that is still under way when everything else has ended.
const END_LIMIT: Duration = Duration::from_millis(500);

/// All of them, until the process ends.
#[derive(Debug)]
pub struct Runtimes {
    decide: Runtime,
    operate: Runtime,
    stream: Runtime,
    encrypt: Runtime,
}

/// Where to start what does not decide.
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

    /// Runs `program` on the calling thread, and what it starts in the runtime that decides; then
    /// ends all of them.
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
        // Whoever was to be waited for has been.
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
