//! Chooses the number of queries that the next system call can receive.
//!
//! Preparing buffers costs time for each message that could come, so the size follows the load. A
//! call for one query does not tell whether more are waiting. So after some of these calls the
//! worker tries a small batch. It tries less often the more often it finds one query only.

/// Maximum number of queries of a small batch.
pub const SMALL: usize = 8;
/// Maximum number of queries of a large batch.
pub const LARGE: usize = 64;
/// Calls for one query before a small batch is tried, after a call that brought several queries.
const SOON: u32 = 4;
/// Maximum number of calls for one query before a small batch is tried.
const RARELY: u32 = 32;
/// Consecutive batches of one query until calls for one query are used again.
const LINGER: u32 = 2;

/// How many queries a call can receive: one, [`SMALL`] or [`LARGE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSize {
    One,
    Small,
    Large,
}

/// Chooses the size of the next call by what the calls before brought.
#[derive(Debug)]
pub struct BatchSizer {
    size: BatchSize,
    /// Consecutive calls that brought at most one query.
    lone: u32,
    /// Number of such calls until a small batch is tried.
    patience: u32,
}

impl Default for BatchSizer {
    fn default() -> BatchSizer {
        BatchSizer { size: BatchSize::One, lone: 0, patience: SOON }
    }
}

impl BatchSizer {
    /// The size of the next call.
    #[inline]
    pub fn size(&self) -> BatchSize {
        self.size
    }

    /// Adjusts to a call that brought `received` queries.
    #[inline]
    pub fn adjust(&mut self, received: usize) {
        if received > 1 {
            self.size = match (self.size, received) {
                (BatchSize::Small, SMALL..) => BatchSize::Large,
                (BatchSize::Large, ..=SMALL) => BatchSize::Small,
                (same, _) => same,
            };
            (self.lone, self.patience) = (0, SOON);
            return;
        }
        self.lone += 1;
        match self.size {
            BatchSize::One if self.lone >= self.patience => {
                self.patience = (self.patience * 2).min(RARELY);
                (self.size, self.lone) = (BatchSize::Small, 0);
            }
            BatchSize::One => {}
            BatchSize::Small | BatchSize::Large if self.lone >= LINGER => {
                (self.size, self.lone) = (BatchSize::One, 0);
            }
            BatchSize::Small | BatchSize::Large => self.size = BatchSize::Small,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes after each of `calls` calls, while never more than one query waits.
    fn idle(sizer: &mut BatchSizer, calls: usize) -> Vec<BatchSize> {
        let sizes = (0..calls).map(|_| {
            sizer.adjust(1);
            sizer.size()
        });
        sizes.collect()
    }

    #[test]
    fn an_idle_server_takes_single_queries_and_looks_ever_more_rarely() {
        let mut sizer = BatchSizer::default();
        let looks =
            |sizes: &[BatchSize]| sizes.iter().filter(|size| **size != BatchSize::One).count();
        assert_eq!(looks(&idle(&mut sizer, 30)), 4);
        assert!(looks(&idle(&mut sizer, 340)) <= 22);
    }

    #[test]
    fn a_burst_after_silence_is_met_with_a_batch_before_long() {
        let mut sizer = BatchSizer::default();
        idle(&mut sizer, 1000);
        let singles = (0..).take_while(|_| {
            let size = sizer.size();
            sizer.adjust(if size == BatchSize::One { 1 } else { SMALL });
            size == BatchSize::One
        });
        assert!(singles.count() <= RARELY as usize);
        assert_eq!(sizer.size(), BatchSize::Large);
    }

    #[test]
    fn large_batches_stay_while_they_are_used() {
        let mut sizer = BatchSizer { size: BatchSize::Large, ..BatchSizer::default() };
        sizer.adjust(40);
        assert_eq!(sizer.size(), BatchSize::Large);
        sizer.adjust(5);
        assert_eq!(sizer.size(), BatchSize::Small);
        sizer.adjust(1);
        assert_eq!(sizer.size(), BatchSize::Small, "one lone query is no silence");
        sizer.adjust(1);
        assert_eq!(sizer.size(), BatchSize::One);
    }
}
