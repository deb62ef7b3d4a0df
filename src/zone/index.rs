//! From a name to its node: open addressing, built once, read by many.
//!
//! A slot keeps half of the hash beside the node, so a name that does not exist costs one cache
//! line and no look at any node. The table is two thirds full. Keys are the zones' own names,
//! not what clients ask, so nobody outside can make them collide; the seed is random all the same.

const EMPTY: u64 = u64::MAX;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug)]
pub struct Index {
    /// High half: high half of the hash; low half: the node.
    slots: Box<[u64]>,
    seed: u64,
}

impl Index {
    pub fn with_capacity(names: usize) -> Index {
        let slots = names + names / 2 + 8;
        Index { slots: vec![EMPTY; slots].into(), seed: fastrand::u64(..) | 1 }
    }

    /// `node` must be below 2^32 - 1.
    pub fn insert(&mut self, hash: u64, node: u32) {
        let mut at = self.home(hash);
        while self.slots[at] != EMPTY {
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
        self.slots[at] = (hash >> 32 << 32) | u64::from(node);
    }

    /// The node with that hash for which `is` holds.
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

    /// Where the search for a hash begins: its low half, spread over the slots.
    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        ((hash & 0xffff_ffff) as usize * self.slots.len()) >> 32
    }

    /// Of a name in any letter case. The bit that tells small letters from capital ones is set in
    /// every octet, which costs one instruction for eight; the few other octets that are then
    /// alike are told apart by looking at the name.
    #[inline(always)]
    pub fn hash(&self, name: &[u8]) -> u64 {
        self.hash_over(name, 0x2020_2020_2020_2020)
    }

    /// As one would think of it: octets that differ nearly always differ here.
    pub fn exact_hash(&self, bytes: &[u8]) -> u64 {
        self.hash_over(bytes, 0)
    }

    /// Eight octets a step, then the last eight, which may overlap; folding the 128-bit product
    /// mixes both halves. The bits of `set` count as set.
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
        let mut index = Index::with_capacity(names.len());
        for (node, name) in names.iter().enumerate() {
            index.insert(index.hash(name.as_bytes()), node as u32);
        }
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
