//! What a member says of its capacity, made into its part of the first places.
//!
//! What is said is smoothed: each word moves the value by a quarter of what is missing, so that of
//! a change nine tenths are in after nine words, 45 s with `every: 5s`; the first word after a
//! start, or since the member was out, counts whole. The part follows only when the value is off
//! by more than a tenth of the part, so that a load which sways makes no snapshots. No clock, no
//! chance: the same words give the same part on every server.
//!
//! | said | counts as |
//! |---|---|
//! | 0 to 100 | that, but never less than 1 % is taken: health takes a node out, not load |
//! | nothing | 100, so that a node which no longer says anything has all of its part again |
//! | anything else | nothing; it is counted and shown |

use crate::cluster::selection::Share;
use crate::health::probe::Capacity;

/// Of one percent.
const UNITS: u32 = 1024;
const FULL: u32 = 100 * UNITS;
/// A word moves the value by this part of what is missing.
const PACE: u32 = 4;
/// The part follows when the value is off by more than this part of it.
const BAND: u32 = 10;
/// Nearer than this to 100 % is all of it.
const NEARLY_FULL: u32 = 99 * UNITS;

#[derive(Debug, Clone)]
pub struct Load {
    /// Smoothed, in [`UNITS`]; `None` before the first word.
    value: Option<u32>,
    share: Share,
    /// The newest word, in percent.
    pub said: Option<u8>,
    /// Words that were none.
    pub ignored: u64,
}

impl Default for Load {
    fn default() -> Load {
        Load { value: None, share: Share::FULL, said: None, ignored: 0 }
    }
}

impl Load {
    pub fn share(&self) -> Share {
        self.share
    }

    /// Takes a word. Whether the part is another one.
    pub fn hear(&mut self, capacity: Capacity) -> bool {
        let said = match capacity {
            Capacity::Percent(percent) => Some(percent.min(100)),
            Capacity::Silent => None,
            Capacity::Garbage => {
                self.ignored += 1;
                return false;
            }
        };
        self.said = said;
        let target = said.map_or(FULL, |percent| u32::from(percent) * UNITS);
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

    /// The member is out: what it said is over.
    pub fn forget(&mut self) {
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
            load.hear(Capacity::Percent(word));
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
            assert!(!load.hear(Capacity::Percent(if round % 2 == 0 { 46 } else { 54 })));
        }
        assert_eq!(load.share().get(), 50);
    }

    #[test]
    fn silence_gives_all_of_it_back_and_garbage_is_counted() {
        let mut load = heard([20]);
        assert!(!load.hear(Capacity::Garbage));
        assert_eq!((load.share().get(), load.said, load.ignored), (20, Some(20), 1));
        let changes = (0..100).filter(|_| load.hear(Capacity::Silent)).count();
        assert_eq!((load.share(), load.said), (Share::FULL, None));
        assert!(changes <= 17, "{changes} snapshots");
        load.forget();
        load.hear(Capacity::Percent(30));
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
