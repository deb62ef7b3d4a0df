//! Mutations of what a node says: words of its protocols, and octets.

use fastrand::Rng;

use crate::mutate::{Material, octets_of, pick};

/// Which probe, and how the node speaks.
const HEAD: usize = 2;
const MAX_LEN: usize = 16 << 10;

pub fn mutate(material: &Material, rng: &mut Rng) -> Vec<u8> {
    let mut octets = pick(&material.seeds, rng).clone();
    let mut says = octets.split_off(HEAD.min(octets.len()));
    octets.resize(HEAD, 0);
    octets[1] = rng.u8(..);
    if rng.u8(0..16) == 0 {
        octets[0] = rng.u8(..);
    }
    for _ in 0..rng.usize(1..=4) {
        match rng.u8(0..4) {
            0 => {
                let at = rng.usize(0..=says.len());
                says.splice(at..at, pick(&material.dictionary, rng).iter().copied());
            }
            1 if !says.is_empty() => {
                let piece = says[rng.usize(0..says.len())..].to_vec();
                let times = rng.usize(1..64).min(MAX_LEN / piece.len());
                says.extend(piece.repeat(times));
            }
            _ => octets_of(&mut says, material, rng),
        }
    }
    says.truncate(MAX_LEN);
    octets.extend(says);
    octets
}
