//! Logs on standard error: one line a change of standing, none a query.
//!
//! Standard error may be a pipe that nobody reads, or a file on a full disk. So whoever logs only
//! appends to a bounded queue, and one thread alone writes and may wait:
//!
//! | the queue | a line is |
//! |---|---|
//! | has room | appended |
//! | is full | dropped and counted; the place says how many, as soon as there is room |
//!
//! Everything that a server says goes this way, also its panics.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::env;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write, stderr};
use std::os::fd::AsFd;
use std::panic;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::counters::LOG_LINES_DROPPED;

const DEFAULT: &str = "info";
/// Crates that tell of each client that breaks a rule. Lines of our own do, one a minute with a
/// count (`log_limit`), so these are heard of when they are named, or all is from `debug` on.
const QUIET: &str = "h2=error,hickory_net=error,hickory_proto=error,hickory_server=error,\
    hyper=error,quinn=error,quinn_proto=error,quinn_udp=error,rustls=error";
const VARIABLE: &str = "TIOVIVO_LOG";

/// Octets that wait to be written.
const MAX_WAITING: usize = 1 << 20;
/// How long the end of a command waits for what is not written yet.
const FLUSH: Duration = Duration::from_millis(300);
/// Standard error may be set not to block, by whoever shares it.
const FULL_PAUSE: Duration = Duration::from_millis(50);

static QUEUE: Queue = Queue::new(MAX_WAITING);

/// `TIOVIVO_LOG` overrides the default filter: a level, or levels of targets. Under systemd the
/// journal has the time already.
pub fn init() {
    init_with(DEFAULT);
}

/// For a command whose own lines say what happens: only warnings.
pub fn init_quiet() {
    init_with("warn");
}

/// Standard error, without waiting for it once a server logs.
pub fn say(text: &str) {
    if QUEUE.lock().has_writer {
        QUEUE.push(text.as_bytes());
    } else {
        // When nobody can read it, nobody can be told so either.
        let _ = stderr().lock().write_all(text.as_bytes());
    }
}

/// Waits a bounded time until everything is written.
pub fn flush() {
    QUEUE.flush(FLUSH);
}

fn init_with(default: &str) {
    let (filter, fault) = filter(env::var(VARIABLE).ok().as_deref(), default);
    start_writer();
    let lines =
        fmt::layer().with_writer(Lines).with_target(false).with_ansi(stderr().is_terminal());
    let lines = match env::var_os("JOURNAL_STREAM") {
        Some(_) => lines.without_time().boxed(),
        None => lines.boxed(),
    };
    // A second call, in tests, changes nothing.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    if let Some(fault) = fault {
        tracing::warn!(
            "{VARIABLE} is ignored: {fault}; write a level such as debug, or levels of targets \
             such as info,tiovivo::control=debug"
        );
    }
}

/// Without a thread or a descriptor of its own everything is written as before, and may wait.
fn start_writer() {
    if QUEUE.lock().has_writer {
        return;
    }
    // A descriptor of its own: whoever else writes to standard error is not kept waiting for the
    // lock of the library.
    let Ok(to) = stderr().as_fd().try_clone_to_owned() else { return };
    let write = move || QUEUE.write_to(&mut File::from(to));
    if thread::Builder::new().name("log".into()).spawn(write).is_err() {
        return;
    }
    QUEUE.lock().has_writer = true;
    panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("unnamed");
        let trace = Backtrace::capture();
        let mut text = format!("thread {name}: {panic}\n");
        if trace.status() == BacktraceStatus::Captured {
            text += &format!("{trace}\n");
        }
        QUEUE.push(text.as_bytes());
    }));
}

/// What waits to be written.
#[derive(Debug)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Something waits, or all is written.
    changed: Condvar,
    most: usize,
}

#[derive(Debug)]
struct Waiting {
    has_writer: bool,
    octets: Vec<u8>,
    /// The writer has some in hand.
    is_writing: bool,
    /// Lines that were dropped behind them.
    dropped: u64,
}

impl Queue {
    const fn new(most: usize) -> Queue {
        let waiting = Waiting { has_writer: false, octets: vec![], is_writing: false, dropped: 0 };
        Queue { waiting: Mutex::new(waiting), changed: Condvar::new(), most }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, lines: &[u8]) {
        let mut waiting = self.lock();
        // Behind a line that was dropped none is kept, so that the place of the gap can be shown.
        if waiting.dropped > 0 || waiting.octets.len() + lines.len() > self.most {
            let count = number(lines);
            waiting.dropped += count;
            LOG_LINES_DROPPED.add(count);
        } else {
            waiting.octets.extend_from_slice(lines);
        }
        drop(waiting);
        self.changed.notify_all();
    }

    /// Never returns.
    fn write_to(&self, to: &mut impl Write) {
        loop {
            let octets = self.take();
            if write_all(to, &octets).is_err() {
                LOG_LINES_DROPPED.add(number(&octets));
            }
            self.lock().is_writing = false;
            self.changed.notify_all();
        }
    }

    /// All that waits, as soon as something does.
    fn take(&self) -> Vec<u8> {
        let idle = |waiting: &mut Waiting| waiting.octets.is_empty() && waiting.dropped == 0;
        let waiting = self.changed.wait_while(self.lock(), idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        let mut octets = std::mem::take(&mut waiting.octets);
        match std::mem::take(&mut waiting.dropped) {
            0 => {}
            1 => octets.extend_from_slice(b"tiovivo: 1 line was dropped here\n"),
            count => {
                octets.extend_from_slice(
                    format!("tiovivo: {count} lines were dropped here\n").as_bytes(),
                );
            }
        }
        octets
    }

    fn flush(&self, limit: Duration) {
        let busy = |waiting: &mut Waiting| {
            waiting.has_writer
                && (waiting.is_writing || !waiting.octets.is_empty() || waiting.dropped > 0)
        };
        let _ = self.changed.wait_timeout_while(self.lock(), limit, busy);
    }
}

fn number(lines: &[u8]) -> u64 {
    lines.iter().filter(|octet| **octet == b'\n').count().max(1) as u64
}

fn write_all(to: &mut impl Write, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        match to.write(octets) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => octets = &octets[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(FULL_PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One event of `tracing` is one write.
#[derive(Debug, Clone, Copy)]
struct Lines;

impl MakeWriter<'_> for Lines {
    type Writer = Lines;

    fn make_writer(&self) -> Lines {
        Lines
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let has_writer = QUEUE.lock().has_writer;
        match has_writer {
            true => QUEUE.push(line),
            false => stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The filter that counts, and what is wrong with the one that was asked for.
fn filter(asked: Option<&str>, default: &str) -> (Targets, Option<ParseError>) {
    let quietly = |asked: &str| format!("{QUIET},{asked}").parse::<Targets>();
    match asked.map(|asked| (asked, asked.parse::<Targets>())) {
        Some((_, Ok(filter))) if filter.default_level() > Some(LevelFilter::INFO) => (filter, None),
        Some((asked, Ok(filter))) => (quietly(asked).unwrap_or(filter), None),
        Some((_, Err(fault))) => (quietly(default).unwrap_or_default(), Some(fault)),
        None => (quietly(default).unwrap_or_default(), None),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn tells(asked: Option<&str>, target: &str, level: Level) -> bool {
        filter(asked, DEFAULT).0.would_enable(target, &level)
    }

    #[test]
    fn queries_are_not_told_of_unless_somebody_asks() {
        assert!(tells(None, "tiovivo::control", Level::INFO));
        assert!(!tells(None, "hickory_server", Level::INFO));
        assert!(tells(Some("debug"), "hickory_server", Level::DEBUG));
        for asked in [None, Some("info"), Some("warn,tiovivo::dns=debug")] {
            assert!(!tells(asked, "h2", Level::WARN));
            assert!(!tells(asked, "rustls", Level::WARN));
            assert!(tells(asked, "tiovivo::dns", Level::WARN));
        }
        assert!(tells(Some("info,h2=debug"), "h2", Level::DEBUG));
        assert!(!tells(Some("warn,tiovivo::dns=debug"), "tiovivo::control", Level::INFO));
        assert!(tells(Some("warn,tiovivo::dns=debug"), "tiovivo::dns", Level::DEBUG));
    }

    #[test]
    fn a_filter_that_is_none_is_told_and_the_usual_one_counts() {
        let (filter, fault) = filter(Some("tiovivo=loud"), DEFAULT);
        assert!(fault.is_some() && filter.would_enable("tiovivo", &Level::INFO));
    }

    /// Takes what it is given once `open` is received from, or closed.
    struct Gate(std::sync::mpsc::Receiver<()>, std::sync::Arc<Mutex<Vec<u8>>>);

    impl Write for Gate {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stopped_costs_lines_and_no_time_and_the_gap_is_told() {
        static QUEUE: Queue = Queue::new(10);
        QUEUE.lock().has_writer = true;
        let (open, gate) = std::sync::mpsc::sync_channel(0);
        let written = std::sync::Arc::new(Mutex::new(vec![]));
        let mut to = Gate(gate, written.clone());
        thread::spawn(move || QUEUE.write_to(&mut to));
        QUEUE.push(b"one\n");
        while !QUEUE.lock().is_writing {
            thread::yield_now();
        }
        let before = LOG_LINES_DROPPED.get();
        for line in ["two\n", "three\n", "four\n", "4\n"] {
            QUEUE.push(line.as_bytes());
        }
        assert!(LOG_LINES_DROPPED.get() >= before + 2);
        QUEUE.flush(Duration::from_millis(10));
        assert!(QUEUE.lock().is_writing, "a flush has a bound");
        drop(open);
        QUEUE.flush(Duration::from_secs(30));
        QUEUE.push(b"five\n");
        QUEUE.flush(Duration::from_secs(30));
        let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(written, "one\ntwo\nthree\ntiovivo: 2 lines were dropped here\nfive\n");
    }
}
