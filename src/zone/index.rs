//! A hash table from names to numbers, with open addressing. The caller keeps the names.
//!
//! A slot has half of the hash beside the number. So looking up a missing name costs one cache line
//! and no comparison of names, and growing the table needs no comparison either. The table is at
//! most three quarters full. Keys are names of zones, not of queries, so no client can make them
//! collide; the seed is random all the same.

const EMPTY: u64 = u64::MAX;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash table, which does not have the names themselves.
#[derive(Debug, Clone)]
pub struct Index {
    /// The high half is the high half of the hash, the low half is the number.
    slots: Box<[u64]>,
    len: usize,
    seed: u64,
}

impl Default for Index {
    fn default() -> Index {
        Index::with_capacity(0)
    }
}

impl Index {
    /// Creates a table that does not grow before it has this many names.
    pub fn with_capacity(names: usize) -> Index {
        Index { slots: empty(names), len: 0, seed: fastrand::u64(..) | 1 }
    }

    /// Adds `number`, which must be below 2^32 - 1, under the hash of its name.
    pub fn insert(&mut self, hash: u64, number: u32) {
        if self.slots.len() < slots_for(self.len + 1) {
            self.make_room_for(2 * self.len + 1);
        }
        self.len += 1;
        self.put((hash >> 32 << 32) | u64::from(number));
    }

    /// Shrinks the table to the smallest size for its names.
    pub fn shrink_to_fit(&mut self) {
        if self.slots.len() > slots_for(self.len) {
            self.make_room_for(self.len);
        }
    }

    fn make_room_for(&mut self, names: usize) {
        let old = std::mem::replace(&mut self.slots, empty(names));
        old.into_iter().filter(|slot| *slot != EMPTY).for_each(|slot| self.put(slot));
    }

    fn put(&mut self, slot: u64) {
        let mut at = self.home(slot);
        while self.slots[at] != EMPTY {
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
        self.slots[at] = slot;
    }

    /// The number with this hash for which `is` returns true.
    #[inline(always)]
    pub fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let (before, from) = self.slots.split_at_checked(self.home(hash))?;
        for slot in from.iter().chain(before) {
            if *slot == EMPTY {
                return None;
            }
            if (slot ^ hash) >> 32 == 0 && is(*slot as u32) {
                return Some(*slot as u32);
            }
        }
        None
    }

    /// The first slot of the search for a hash.
    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        ((hash >> 32) as usize * self.slots.len()) >> 32
    }

    /// The hash of a name in any letter case. The bit that distinguishes lower from upper case is
    /// set in every octet, by one instruction for eight octets. Other octets that this makes equal
    /// are distinguished when the names are compared.
    #[inline(always)]
    pub fn hash(&self, name: &[u8]) -> u64 {
        self.hash_over(name, 0x2020_2020_2020_2020)
    }

    /// The exact hash: different octets nearly always have different hashes.
    pub fn exact_hash(&self, bytes: &[u8]) -> u64 {
        self.hash_over(bytes, 0)
    }

    /// Hashes eight octets at a time, then the last eight, which may overlap. Folding the 128-bit
    /// product mixes both halves. The bits of `set` are set in the input.
    #[inline(always)]
    fn hash_over(&self, bytes: &[u8], set: u64) -> u64 {
        let mut hash = self.seed ^ bytes.len() as u64;
        let Some(last) = bytes.last_chunk::<8>() else { return fold(hash ^ (short(bytes) | set)) };
        for octets in bytes.as_chunks::<8>().0 {
            hash = fold(hash ^ (u64::from_le_bytes(*octets) | set));
        }
        fold(hash ^ (u64::from_le_bytes(*last) | set))
    }
}

fn slots_for(names: usize) -> usize {
    names + names / 3 + 8
}

fn empty(names: usize) -> Box<[u64]> {
    vec![EMPTY; slots_for(names)].into()
}

/// Fewer than eight octets as a number.
fn short(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[inline]
fn fold(word: u64) -> u64 {
    let product = u128::from(word) * u128::from(MULTIPLIER);
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let names: Vec<String> = (0..5000).map(|n| format!("host-{n}")).collect();
        let mut index = Index::default();
        for (node, name) in names.iter().enumerate() {
            index.insert(index.hash(name.as_bytes()), node as u32);
        }
        let roomy = index.slots.len();
        index.shrink_to_fit();
        assert!(index.slots.len() < roomy);
        let find = |name: &str| {
            index.find(index.hash(name.as_bytes()), |node| names[node as usize] == name)
        };
        for (node, name) in names.iter().enumerate() {
            assert_eq!(find(name), Some(node as u32));
            let shouted = name.to_ascii_uppercase();
            assert_eq!(index.hash(shouted.as_bytes()), index.hash(name.as_bytes()));
            assert_ne!(index.exact_hash(shouted.as_bytes()), index.exact_hash(name.as_bytes()));
        }
        assert_eq!(find("host-5000"), None);
        assert_eq!(find(""), None);
    }
}
