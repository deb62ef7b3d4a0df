//! From a name to its node: open addressing, built once, read by many.
//!
//! A slot keeps half of the hash beside the node, so a name that does not exist costs one cache
//! line and no look at any node. The table is at most half full. Keys are the zones' own names,
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
        let slots = (names * 2).next_power_of_two().max(8);
        Index { slots: vec![EMPTY; slots].into(), seed: fastrand::u64(..) | 1 }
    }

    /// `node` must be below 2^32 - 1.
    pub fn insert(&mut self, hash: u64, node: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.slots[at] = (hash >> 32 << 32) | u64::from(node);
    }

    /// The node with that hash for which `is` holds.
    #[inline]
    pub fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at & mask];
            if slot == EMPTY {
                return None;
            }
            if slot >> 32 == hash >> 32 && is(slot as u32) {
                return Some(slot as u32);
            }
            at += 1;
        }
    }

    /// Eight octets a step; folding the 128-bit product mixes both halves.
    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hash = self.seed ^ bytes.len() as u64;
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            hash = fold(hash ^ u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        fold(hash ^ u64::from_le_bytes(last))
    }
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
        }
        assert_eq!(find("host-5000"), None);
        assert_eq!(find(""), None);
    }
}
