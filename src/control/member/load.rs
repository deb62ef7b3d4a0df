//! Load: computes the share of a member in the answers from the capacity that it reports.
//!
//! Reports are smoothed: each one moves the value by a quarter of the difference, so after nine
//! reports (45 s with `every: 5s`) the value has followed nine tenths of a change. The first report
//! after a start, or since the member was out, counts in full. The share is set to the value only
//! when the two differ by more than a tenth, so a load that fluctuates causes no snapshots. There
//! is no clock and no randomness: the same reports give the same share on every server.
//!
//! | reported | counts as |
//! |---|---|
//! | 0 to 100 | itself, but the share is at least 1 %: health takes a node out, load does not |
//! | nothing | 100, so a node that stops reporting has its full share again |
//! | anything else | is ignored; it is counted and shown |

use crate::cluster::selection::Share;
use crate::health::probe::answer::Capacity;

/// Units of the value in one percent.
const UNITS: u32 = 1024;
const FULL: u32 = 100 * UNITS;
/// A report moves the value by the difference divided by this number.
const PACE: u32 = 4;
/// The share is set to the value when they differ by more than the share divided by this number.
const BAND: u32 = 10;
/// From this value on, the share is full.
const NEARLY_FULL: u32 = 99 * UNITS;

/// The load of one target.
#[derive(Debug, Clone)]
pub struct Load {
    /// The smoothed capacity, in 1/[`UNITS`] of a percent; `None` before the first report and while
    /// the member is out.
    value: Option<u32>,
    share: Share,
    /// The latest report, in percent; `None` when the node reports nothing.
    pub reported: Option<u8>,
    /// Reports that were no percentage.
    pub ignored: u64,
}

impl Default for Load {
    fn default() -> Load {
        Load { value: None, share: Share::FULL, reported: None, ignored: 0 }
    }
}

impl Load {
    pub fn share(&self) -> Share {
        self.share
    }

    /// Counts one report. Returns whether the share changed.
    pub fn observe(&mut self, capacity: Capacity) -> bool {
        let reported = match capacity {
            Capacity::Percent(percent) => Some(percent.min(100)),
            Capacity::Silent => None,
            Capacity::Garbage => {
                self.ignored += 1;
                return false;
            }
        };
        self.reported = reported;
        let target = reported.map_or(FULL, |percent| u32::from(percent) * UNITS);
        let value = match self.value {
            None => target,
            Some(value) if target >= value => value + (target - value).div_ceil(PACE),
            Some(value) => value - (value - target).div_ceil(PACE),
        };
        let is_first = self.value.replace(value).is_none();
        let now = u32::from(self.share.get()) * UNITS;
        let is_off = now.abs_diff(value) > (now / BAND).max(UNITS);
        let before = self.share;
        if value >= NEARLY_FULL {
            self.share = Share::FULL;
        } else if is_off || is_first {
            self.share = Share::percent(((value + UNITS / 2) / UNITS) as u8);
        }
        self.share != before
    }

    /// Starts again with the next report, because the member is out.
    pub fn reset(&mut self) {
        self.value = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(words: impl IntoIterator<Item = u8>) -> Load {
        let mut load = Load::default();
        for word in words {
            load.observe(Capacity::Percent(word));
        }
        load
    }

    #[test]
    fn the_first_word_counts_whole_and_the_others_by_a_quarter() {
        assert_eq!(heard([25]).share().get(), 25);
        assert_eq!(heard([100, 0]).share().get(), 75);
        let after = |words| heard([100].into_iter().chain(std::iter::repeat_n(0, words)));
        assert!(after(8).value.unwrap() > FULL / 10);
        assert!(after(9).value.unwrap() < FULL / 10, "nine tenths of the change");
        assert_eq!(after(100).share().get(), 1, "never nothing");
    }

    #[test]
    fn a_load_that_sways_changes_nothing() {
        let mut load = heard([50]);
        for round in 0..1000 {
            assert!(!load.observe(Capacity::Percent(if round % 2 == 0 { 46 } else { 54 })));
        }
        assert_eq!(load.share().get(), 50);
    }

    #[test]
    fn silence_gives_all_of_it_back_and_garbage_is_counted() {
        let mut load = heard([20]);
        assert!(!load.observe(Capacity::Garbage));
        assert_eq!((load.share().get(), load.reported, load.ignored), (20, Some(20), 1));
        let changes = (0..100).filter(|_| load.observe(Capacity::Silent)).count();
        assert_eq!((load.share(), load.reported), (Share::FULL, None));
        assert!(changes <= 17, "{changes} snapshots");
        load.reset();
        load.observe(Capacity::Percent(30));
        assert_eq!(load.share().get(), 30, "the first word after a failure");
    }

    proptest! {
        #[test]
        fn what_is_said_long_enough_is_taken_but_for_a_tenth(
            before in prop::collection::vec(0u8..=100, 0..20),
            last in 0u8..=100,
        ) {
            let load = heard(before.into_iter().chain(std::iter::repeat_n(last, 200)));
            let (share, last) = (i32::from(load.share().get()), i32::from(last.max(1)));
            prop_assert!((share - last).abs() <= share / 10 + 1, "{share} of {last}");
            prop_assert!(last < 100 || share == 100);
        }

        #[test]
        fn a_part_that_follows_one_word_stays_between_what_was_said(
            words in prop::collection::vec(0u8..=100, 1..50),
        ) {
            let (least, most) = (words.iter().min().unwrap(), words.iter().max().unwrap());
            let share = heard(words.clone()).share().get();
            let most = if *most >= 99 { 100 } else { *most };
            prop_assert!(share >= (*least).max(1).min(most.max(1)) && share <= most.max(1));
        }
    }
}
