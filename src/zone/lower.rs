//! Folds names to lower case for look-ups.

use crate::zone::name::MAX_NAME;

/// A wire-form name in lower case, in a reusable buffer.
#[derive(Debug)]
pub struct LowerName {
    bytes: [u8; MAX_NAME + 1],
    len: usize,
}

impl Default for LowerName {
    fn default() -> LowerName {
        LowerName { bytes: [0; MAX_NAME + 1], len: 0 }
    }
}

impl LowerName {
    /// The name that was set last; empty before.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Folds `name` into the buffer. `None` when it is too long; the buffer is then empty. Length
    /// octets are below `A`, so the whole name can be folded: eight octets at a time, and finally
    /// the last eight, which may overlap.
    #[inline]
    pub fn set(&mut self, name: &[u8]) -> Option<()> {
        self.len = 0;
        let to = self.bytes.get_mut(..name.len())?;
        match (name.last_chunk::<8>(), to.last_chunk_mut::<8>()) {
            (Some(last), Some(to_last)) => {
                *to_last = fold(*last);
                for (from, to) in name.as_chunks().0.iter().zip(to.as_chunks_mut().0) {
                    *to = fold(*from);
                }
            }
            _ => {
                for (from, to) in name.iter().zip(to) {
                    *to = from.to_ascii_lowercase();
                }
            }
        }
        self.len = name.len();
        Some(())
    }
}

/// Folds the ASCII letters of eight octets at once. One sum has the high bit in octets from `A` on,
/// the other in octets behind `Z`: this bit differs for capital letters only.
#[inline]
fn fold(octets: [u8; 8]) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(octets);
    let low = word & (0x7f * ONES);
    let from_a = low + (0x80 - b'A' as u64) * ONES;
    let beyond_z = low + (0x7f - b'Z' as u64) * ONES;
    let letters = !word & (from_a ^ beyond_z) & (0x80 * ONES);
    (word | letters >> 2).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_folded_and_nothing_else() {
        let all: Vec<u8> = (0..=255).collect();
        for len in 0..=255 {
            for from in [0, 255 - len] {
                let mut name = LowerName::default();
                name.set(&all[from..from + len]).unwrap();
                assert_eq!(name.as_slice(), all[from..from + len].to_ascii_lowercase());
            }
        }
        let mut name = LowerName::default();
        assert_eq!(name.set(&[b'A'; 257]), None);
        assert_eq!(name.as_slice(), b"");
    }
}
