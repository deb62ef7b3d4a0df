//! The log on standard error: one line for each change of standing, none for a query.
//!
//! Standard error may be a pipe without a reader, or a file on a full disk. So a log call only
//! appends to a bounded queue, and one thread writes and may wait:
//!
//! | the queue | a line is |
//! |---|---|
//! | has room | appended |
//! | is full | dropped and counted; a line in its place gives the number as soon as there is room |
//!
//! All output of a server to standard error goes through the queue, also that of panics.

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
/// Crates that log each client that breaks a rule. Our own lines report that once a minute with a
/// count (`log_limit`), so these crates are logged only when the filter names them or is `debug`.
const QUIET: &str = "h2=error,hickory_net=error,hickory_proto=error,hickory_server=error,\
    hyper=error,quinn=error,quinn_proto=error,quinn_udp=error,rustls=error";
const VARIABLE: &str = "TIOVIVO_LOG";

/// Most octets in the queue.
const MAX_WAITING: usize = 1 << 20;
/// Longest wait at the end of a command until the queue is written.
const FLUSH: Duration = Duration::from_millis(300);
/// Pause before the next try when standard error is full: another process that shares it may have
/// made it non-blocking.
const FULL_PAUSE: Duration = Duration::from_millis(50);

static QUEUE: LogQueue = LogQueue::new(MAX_WAITING);

/// Starts logging. `TIOVIVO_LOG` replaces the default filter by a level, or by levels of targets.
/// Under systemd lines have no time, because the journal adds it.
pub fn init() {
    init_with(DEFAULT);
}

/// Starts logging of warnings only, for a command whose own lines report what happens.
pub fn init_quiet() {
    init_with("warn");
}

/// Writes to standard error; once the writer thread runs, without waiting.
pub fn say(text: &str) {
    if QUEUE.lock().has_writer {
        QUEUE.push(text.as_bytes());
    } else {
        // There is no other place to report the error to.
        let _ = stderr().lock().write_all(text.as_bytes());
    }
}

/// Waits at most `FLUSH` until the queue is written.
pub fn flush() {
    QUEUE.flush(FLUSH);
}

fn init_with(default: &str) {
    let (filter, fault) = filter(env::var(VARIABLE).ok().as_deref(), default);
    start_writer();
    let lines =
        fmt::layer().with_writer(LogWriter).with_target(false).with_ansi(stderr().is_terminal());
    let lines = match env::var_os("JOURNAL_STREAM") {
        Some(_) => lines.without_time().boxed(),
        None => lines.boxed(),
    };
    // A second call fails and changes nothing; tests make one.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    if let Some(fault) = fault {
        tracing::warn!(
            "{VARIABLE} is ignored: {fault}; write a level such as debug, or levels of targets \
             such as info,tiovivo::control=debug"
        );
    }
}

/// Starts the writer thread. If there is no thread or descriptor for it, log calls continue to
/// write by themselves, and may wait.
fn start_writer() {
    if QUEUE.lock().has_writer {
        return;
    }
    // A descriptor of its own: a writer that hangs does not hold the library's lock of standard
    // error.
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

/// Lines that wait for the writer thread.
#[derive(Debug)]
struct LogQueue {
    waiting: Mutex<QueueState>,
    /// Signals that lines were added, or that all are written.
    changed: Condvar,
    /// Most octets that wait.
    most: usize,
}

#[derive(Debug)]
struct QueueState {
    has_writer: bool,
    octets: Vec<u8>,
    /// Whether the writer thread is writing lines that it took.
    is_writing: bool,
    /// Number of lines that were dropped after the lines in `octets`.
    dropped: u64,
}

impl LogQueue {
    const fn new(most: usize) -> LogQueue {
        let waiting =
            QueueState { has_writer: false, octets: vec![], is_writing: false, dropped: 0 };
        LogQueue { waiting: Mutex::new(waiting), changed: Condvar::new(), most }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, lines: &[u8]) {
        let mut waiting = self.lock();
        // After a dropped line all lines are dropped until the queue is taken, so there is one gap.
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

    /// Writes the lines of the queue to `to`, for ever.
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

    /// Waits for lines, and takes all of them.
    fn take(&self) -> Vec<u8> {
        let idle = |waiting: &mut QueueState| waiting.octets.is_empty() && waiting.dropped == 0;
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
        let busy = |waiting: &mut QueueState| {
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

/// Appends what `tracing` writes to the queue; `tracing` makes one write for each event.
#[derive(Debug, Clone, Copy)]
struct LogWriter;

impl MakeWriter<'_> for LogWriter {
    type Writer = LogWriter;

    fn make_writer(&self) -> LogWriter {
        LogWriter
    }
}

impl Write for LogWriter {
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

/// The filter to use, and the fault of the requested filter if that cannot be used.
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

    /// Blocks each write until its channel receives or closes.
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
        static QUEUE: LogQueue = LogQueue::new(10);
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
