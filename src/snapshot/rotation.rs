//! Chooses the first member of each answer.
//!
//! Every query gets a turn: the next value of one counter of the process. The golden ratio spreads
//! the turns over a circle (a Weyl sequence). Any run of turns, and every k-th turn for any k,
//! falls on all places equally often. So A and AAAA questions that always come in pairs do not each
//! get half of the members first, and pools need no counters of their own.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The place of this turn among `count`; 0 when `count` is 0.
#[inline]
pub fn place(turn: u64, count: usize) -> usize {
    let spread = turn.wrapping_mul(GOLDEN) >> 32;
    ((spread * count as u64) >> 32) as usize
}

/// The numbers of one turn. The first number is the turn's place on the circle, so first choices
/// are as even over the turns as [`place`]. The others are random (SplitMix64): they must depend
/// neither on the first nor on neighbouring turns.
#[derive(Debug)]
pub struct Draw {
    next: u64,
    seed: u64,
}

impl Draw {
    #[inline]
    pub fn new(turn: u64) -> Draw {
        let next = turn.wrapping_mul(GOLDEN);
        Draw { next, seed: mix(next) }
    }

    /// The next number, evenly distributed below `bound`; 0 when `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        let word = self.next;
        self.seed = self.seed.wrapping_add(GOLDEN);
        self.next = mix(self.seed);
        (((word >> 32) * u64::from(bound)) >> 32) as u32
    }
}

/// Mixes `word`: each bit of the input changes half of the bits of the output.
#[inline]
pub fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First places over `turns`, every `step`-th of which is ours.
    fn shares(count: usize, step: u64, turns: u64) -> Vec<u64> {
        let mut shares = vec![0; count];
        for turn in (0..turns).step_by(step as usize) {
            shares[place(turn, count)] += 1;
        }
        shares
    }

    #[test]
    fn every_place_is_visited_equally_often_also_in_pairs() {
        for count in [1, 2, 3, 4, 7, 8, 64] {
            for step in [1, 2, 3, 5] {
                let shares = shares(count, step, 100_000 * step);
                let fair = 100_000.0 / count as f64;
                for share in shares {
                    let off = (share as f64 - fair).abs() / fair;
                    assert!(off < 0.01, "{count} places, step {step}: {share} of {fair}");
                }
            }
        }
    }

    #[test]
    fn the_next_turn_is_another_place() {
        for count in 3..=64 {
            for turn in 0..1000 {
                assert_ne!(place(turn, count), place(turn + 1, count), "{count} at {turn}");
            }
        }
    }

    #[test]
    fn draws_are_even() {
        let mut seen = [0; 5];
        for turn in 0..50_000 {
            seen[Draw::new(turn).below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|n| (9_500..10_500).contains(n)), "{seen:?}");
    }
}
