//! Lines of the log that strangers can cause: one a minute, with a count.
//!
//! Whoever can reach a port can repeat what causes a line as often as they like. So such a line
//! goes through a [`LogLimit`]: the first comes at once, those of the next minute are only counted,
//! and the next line says how many there were.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two lines of one kind.
pub const INTERVAL: Duration = Duration::from_secs(60);

/// One kind of line. A `static` beside the code that writes it.
#[derive(Debug, Default)]
pub struct LogLimit {
    /// Occurrences since the last line.
    count: AtomicU64,
    /// The earliest time of the next line, in milliseconds since the first of all.
    next: AtomicU64,
}

impl LogLimit {
    pub const fn new() -> LogLimit {
        LogLimit { count: AtomicU64::new(0), next: AtomicU64::new(0) }
    }

    /// Counts one occurrence. When a line is due: how many there were since the last line, this one
    /// included.
    pub fn due(&self) -> Option<u64> {
        static START: OnceLock<Instant> = OnceLock::new();
        self.due_after(START.get_or_init(Instant::now).elapsed())
    }

    fn due_after(&self, now: Duration) -> Option<u64> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let now = millis(now);
        let next = self.next.load(Ordering::Relaxed);
        let is_due = now >= next
            && self
                .next
                .compare_exchange(
                    next,
                    now + millis(INTERVAL),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok();
        is_due.then(|| self.count.swap(0, Ordering::Relaxed))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_comes_at_once_and_then_one_a_minute_with_a_count() {
        let limit = LogLimit::new();
        let at = |seconds| limit.due_after(Duration::from_secs(seconds));
        assert_eq!(at(5), Some(1));
        for _ in 0..1318 {
            assert_eq!(at(6), None);
        }
        assert_eq!(at(64), None);
        assert_eq!(at(65), Some(1320));
        assert_eq!(at(66), None);
        assert_eq!(at(1000), Some(2));
    }
}
