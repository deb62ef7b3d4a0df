//! Limits log lines that strangers can cause: each kind to one line a minute, with a count.
//!
//! Anyone who can reach a port can cause such a line as often as they like. A [`LogLimit`] lets the
//! first line through, counts the events of the next minute, and gives the count to the next line.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time between two lines of one kind.
pub const INTERVAL: Duration = Duration::from_secs(60);

/// One kind of line. A `static` beside the code that writes it.
#[derive(Debug, Default)]
pub struct LogLimit {
    /// Occurrences since the last line.
    count: AtomicU64,
    /// The earliest time of the next line, in milliseconds since the first event of any kind.
    next: AtomicU64,
}

impl LogLimit {
    pub const fn new() -> LogLimit {
        LogLimit { count: AtomicU64::new(0), next: AtomicU64::new(0) }
    }

    /// Counts one occurrence. Returns the number of occurrences since the last line, including this
    /// one, when a line is due.
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
