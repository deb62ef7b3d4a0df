//! A worker that wakes has the core at once, whoever runs there.
//!
//! The kernel lets whoever runs finish its slice, some milliseconds, before a thread that wakes.
//! Not before one with real time, so a worker has that while it is not pressed, where the process
//! may: as root, or with a limit of real-time priority (`RLIMIT_RTPRIO`) of 1. It answers in a few
//! microseconds and sleeps again.
//!
//! One that is pressed would keep all others from their core, the probes too. So a worker that uses
//! more than half of a core gives real time up until it uses less. Then, and where it may not have
//! it, its slices are short: the kernel (Linux 6.12 and later) prefers those to longer ones, but
//! not over a thread that had less than its share lately.

use std::io;
use std::time::Duration;

use nix::libc::{SCHED_OTHER, SCHED_RR, SYS_sched_setattr, syscall};
use rustix::process::getpriority_process;
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds; the kernel takes no shorter one.
const SHORTEST: u64 = 100_000;
/// The lowest priority with real time is above all threads without.
const LOWEST: u32 = 1;
/// Calls for queries between two looks at the clocks.
const LOOK_EVERY: u32 = 64;

/// Of the thread that made it, which alone may use it.
#[derive(Debug)]
pub struct Precedence {
    class: Class,
    /// Until the next look.
    calls: u32,
    looked: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    RealTime,
    /// Short slices, until it uses less.
    Pressed,
    /// Short slices: it may not have more.
    Ordinary,
}

impl Precedence {
    /// The highest that the kernel gives the calling thread.
    pub fn take() -> Precedence {
        Precedence { class: highest(), calls: LOOK_EVERY, looked: Moment::now() }
    }

    /// After each call for queries.
    #[inline]
    pub fn follow(&mut self) {
        self.calls -= 1;
        if self.calls == 0 {
            self.look(Moment::now());
        }
    }

    #[cold]
    fn look(&mut self, now: Moment) {
        self.class = match (self.class, now.is_pressed_since(&self.looked)) {
            (Class::RealTime, true) => {
                shorten();
                Class::Pressed
            }
            (Class::Pressed, false) => highest(),
            (same, _) => same,
        };
        (self.calls, self.looked) = (LOOK_EVERY, now);
    }
}

fn highest() -> Class {
    match real_time() {
        Ok(()) => Class::RealTime,
        Err(error) => {
            tracing::debug!("an answering thread has no real time: {error}");
            shorten();
            Class::Ordinary
        }
    }
}

/// By the clock of the thread's own time on a core, and by the one of all time.
#[derive(Debug)]
struct Moment {
    own: Duration,
    all: Duration,
}

impl Moment {
    fn now() -> Moment {
        let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
        Moment { own: read(ClockId::ThreadCPUTime), all: read(ClockId::Monotonic) }
    }

    /// More than half of a core.
    fn is_pressed_since(&self, last: &Moment) -> bool {
        let all = self.all.saturating_sub(last.all);
        self.own.saturating_sub(last.own) * 2 > all
    }
}

fn real_time() -> io::Result<()> {
    ask(SCHED_RR, 0, LOWEST, 0)
}

/// Best effort: an answer may only be later without.
fn shorten() {
    // The call sets the nice value, too.
    let asked = getpriority_process(None)
        .map_err(io::Error::from)
        .and_then(|nice| ask(SCHED_OTHER, nice, 0, SHORTEST));
    if let Err(error) = asked {
        tracing::debug!("an answering thread keeps its slices: {error}");
    }
}

/// `struct sched_attr` of the kernel, in its first version.
#[repr(C)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    /// Of a thread without real time: its slice. Older kernels do not look at it.
    runtime: u64,
    deadline: u64,
    period: u64,
}

#[expect(unsafe_code, reason = "neither the C library nor a crate wraps this call")]
fn ask(policy: i32, nice: i32, priority: u32, runtime: u64) -> io::Result<()> {
    let attributes = Attributes {
        size: size_of::<Attributes>() as u32,
        policy: policy as u32,
        flags: 0,
        nice,
        priority,
        runtime,
        deadline: 0,
        period: 0,
    };
    // SAFETY: the kernel reads `size` octets of `attributes`, which outlives the call, and keeps
    // nothing of it.
    let result = unsafe { syscall(SYS_sched_setattr, 0, &raw const attributes, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the kernel says it (proc(5), field 41 of `stat`).
    fn has_real_time() -> bool {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').nth(41 - 3) == Some(&SCHED_RR.to_string())
    }

    fn in_a_thread(test: impl FnOnce() + Send + 'static) {
        std::thread::spawn(test).join().unwrap();
    }

    /// Without privilege, and over any kernel that tests run on.
    #[test]
    fn the_kernel_takes_short_slices() {
        in_a_thread(|| {
            let nice = getpriority_process(None).unwrap();
            ask(SCHED_OTHER, nice, 0, SHORTEST).unwrap();
            assert!(!has_real_time());
        });
    }

    #[test]
    fn real_time_is_given_up_with_more_than_half_of_a_core_and_taken_again_with_less() {
        in_a_thread(|| {
            let mut precedence = Precedence::take();
            let may = has_real_time();
            assert_eq!(may, precedence.class == Class::RealTime);
            let mut look = |own, all| {
                let (own, all) = (Duration::from_micros(own), Duration::from_micros(all));
                precedence.looked = Moment { own: Duration::ZERO, all: Duration::ZERO };
                precedence.look(Moment { own, all });
                has_real_time()
            };
            assert_eq!(look(50, 100), may);
            assert!(!look(51, 100));
            assert!(!look(99, 100));
            assert_eq!(look(50, 100), may);
        });
    }

    #[test]
    fn a_thread_that_sleeps_is_not_pressed() {
        in_a_thread(|| {
            let last = Moment::now();
            std::thread::sleep(Duration::from_millis(20));
            assert!(!Moment::now().is_pressed_since(&last));
        });
    }
}
