//! Makes the kernel run a worker as soon as it wakes.
//!
//! The kernel lets the running thread finish its time slice of some milliseconds before a thread
//! that wakes, unless the waking thread has real-time priority. So a worker has that priority while
//! its load is low, if the process may: as root, or with a limit of real-time priority
//! (`RLIMIT_RTPRIO`) of 1. It answers in a few microseconds and sleeps again.
//!
//! Under high load a worker with real-time priority would keep all other threads from its core, the
//! probes included, so it gives the priority up until the load is low again. Meanwhile, and where
//! the process may not have the priority, its time slices are short: the kernel (Linux 6.12 and
//! later) prefers threads with shorter slices, except over a thread that had less than its share
//! lately.

use std::io;

use nix::libc::{SCHED_OTHER, SCHED_RR, SYS_sched_setattr, syscall};
use rustix::process::getpriority_process;

use crate::dns::udp::batch_size::BatchSize;

/// The shortest time slice that the kernel accepts, in nanoseconds.
const SHORTEST: u64 = 100_000;
/// The lowest real-time priority. It is above all threads without real-time priority.
const LOWEST: u32 = 1;
/// Calls without a large batch until the load counts as low again: each change of priority costs a
/// system call.
const AFTER_A_RUSH: u32 = 64;

/// The scheduling of one thread. Only the thread that created the value may use it.
#[derive(Debug)]
pub enum Precedence {
    RealTime,
    /// The load is high. The number is that of calls until the thread asks for real-time priority
    /// again.
    Pressed(u32),
    ShortSlices,
}

impl Precedence {
    /// Gives the calling thread the highest precedence that the kernel grants.
    pub fn take() -> Precedence {
        match real_time() {
            Ok(()) => Precedence::RealTime,
            Err(error) => {
                tracing::debug!("an answering thread has no real time: {error}");
                shorten();
                Precedence::ShortSlices
            }
        }
    }

    /// Adjusts to the size of the next call.
    #[inline]
    pub fn adjust(&mut self, size: BatchSize) {
        match self {
            Precedence::RealTime if size == BatchSize::Large => {
                shorten();
                *self = Precedence::Pressed(AFTER_A_RUSH);
            }
            Precedence::Pressed(calls) if size == BatchSize::Large => *calls = AFTER_A_RUSH,
            Precedence::Pressed(0) => *self = Precedence::take(),
            Precedence::Pressed(calls) => *calls -= 1,
            Precedence::RealTime | Precedence::ShortSlices => {}
        }
    }
}

fn real_time() -> io::Result<()> {
    ask(SCHED_RR, 0, LOWEST, 0)
}

/// Asks for short time slices. Best effort: without them, answers are only later.
fn shorten() {
    // The call also sets the nice value.
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
    /// The time slice of a thread without real-time priority. Older kernels ignore it.
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

    /// Whether the kernel reports real-time priority (proc(5), field 41 of `stat`).
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
    fn a_thread_has_what_it_says() {
        in_a_thread(|| {
            let precedence = Precedence::take();
            assert_eq!(has_real_time(), matches!(precedence, Precedence::RealTime));
        });
    }

    #[test]
    fn real_time_is_given_up_in_a_rush_and_taken_again_when_it_is_over() {
        in_a_thread(|| {
            let mut precedence = Precedence::take();
            let may = has_real_time();
            precedence.adjust(BatchSize::Small);
            assert_eq!(has_real_time(), may);
            for _ in 0..2 {
                precedence.adjust(BatchSize::Large);
                assert!(!has_real_time());
                for _ in 0..AFTER_A_RUSH {
                    precedence.adjust(BatchSize::One);
                }
                assert!(!has_real_time());
            }
            precedence.adjust(BatchSize::One);
            assert_eq!(has_real_time(), may);
        });
    }
}
