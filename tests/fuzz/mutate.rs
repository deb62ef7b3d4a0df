//! Mutations that know nothing of what they change, and those of text.

use fastrand::Rng;

pub struct Material {
    pub seeds: Vec<Vec<u8>>,
    pub dictionary: Vec<Vec<u8>>,
}

/// Longest input; what is longer tells nothing new for its time.
const MAX_LEN: usize = 16 << 10;
/// Most changes of one seed.
const MAX_CHANGES: usize = 6;
/// Octets that stand at the edge of something.
const EDGES: &[u8] = &[0, 1, 12, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff, b'.', b'\\', b'"', b'('];
const NUMBERS: &[&str] =
    &["0", "1", "63", "64", "255", "256", "65535", "65536", "2147483648", "4294967296", "-1", ""];

/// A seed with a few changes, some of them of words and lines.
pub fn text(material: &Material, rng: &mut Rng) -> Vec<u8> {
    let mut octets = pick(&material.seeds, rng).clone();
    for _ in 0..rng.usize(1..=MAX_CHANGES) {
        match rng.u8(0..10) {
            0..3 => octets_of(&mut octets, material, rng),
            3..6 if !material.dictionary.is_empty() => {
                let range = word(&octets, rng);
                let start = if rng.bool() { range.start } else { range.end };
                octets.splice(start..range.end, pick(&material.dictionary, rng).iter().copied());
            }
            6 | 7 => lines(&mut octets, material, rng),
            _ => number(&mut octets, rng),
        }
    }
    octets.truncate(MAX_LEN);
    octets
}

/// One change that takes the input for a row of octets.
pub fn octets_of(octets: &mut Vec<u8>, material: &Material, rng: &mut Rng) {
    let range = range(octets.len(), rng);
    match rng.u8(0..8) {
        0 | 1 if !octets.is_empty() => {
            let at = rng.usize(0..octets.len());
            octets[at] ^= 1 << rng.u8(0..8);
        }
        2 if !octets.is_empty() => {
            let at = rng.usize(0..octets.len());
            octets[at] = EDGES[rng.usize(0..EDGES.len())];
        }
        3 => drop(octets.drain(range)),
        4 => {
            let copy = octets[range].to_vec();
            let at = rng.usize(0..=octets.len());
            octets.splice(at..at, copy);
        }
        5 => {
            let made: Vec<u8> = (0..rng.usize(1..9)).map(|_| rng.u8(..)).collect();
            octets.splice(range.start..range.start, made);
        }
        6 => octets.truncate(range.end),
        _ => {
            let other = pick(&material.seeds, rng);
            let cut = rng.usize(0..=other.len());
            octets.truncate(range.start);
            octets.extend(&other[cut..]);
        }
    }
}

/// A line of another seed comes in, one goes, or two change places.
fn lines(octets: &mut Vec<u8>, material: &Material, rng: &mut Rng) {
    let split = |octets: &[u8]| -> Vec<Vec<u8>> {
        octets.split_inclusive(|octet| *octet == b'\n').map(<[u8]>::to_vec).collect()
    };
    let mut ours = split(octets);
    if rng.u8(0..3) == 0 {
        let others = split(pick::<Vec<u8>>(&material.seeds, rng));
        let line = others.get(rng.usize(0..=others.len())).cloned().unwrap_or_default();
        ours.insert(rng.usize(0..=ours.len()), line);
    } else if !ours.is_empty() {
        let (at, other) = (rng.usize(0..ours.len()), rng.usize(0..ours.len()));
        if rng.bool() { ours.swap(at, other) } else { drop(ours.remove(at)) }
    }
    *octets = ours.concat();
}

/// Another number for one that is there.
fn number(octets: &mut Vec<u8>, rng: &mut Rng) {
    let from = rng.usize(0..=octets.len());
    let near = octets[from..].iter().position(u8::is_ascii_digit).map(|at| at + from);
    let Some(start) = near else { return };
    let len = octets[start..].iter().take_while(|octet| octet.is_ascii_digit()).count();
    let number = NUMBERS[rng.usize(0..NUMBERS.len())];
    octets.splice(start..start + len, number.bytes());
}

pub fn pick<'a, T>(from: &'a [T], rng: &mut Rng) -> &'a T {
    &from[rng.usize(0..from.len())]
}

/// A short piece, as often at the end as anywhere.
fn range(len: usize, rng: &mut Rng) -> std::ops::Range<usize> {
    let start = rng.usize(0..=len);
    start..rng.usize(start..=len.min(start + 32))
}

/// A run of octets without blanks, at or behind some place.
fn word(octets: &[u8], rng: &mut Rng) -> std::ops::Range<usize> {
    let from = rng.usize(0..=octets.len());
    let is_word = |octet: &u8| !octet.is_ascii_whitespace();
    let start = from + octets[from..].iter().position(is_word).unwrap_or(0);
    let len = octets[start..].iter().take_while(|octet| is_word(octet)).count();
    start..start + len
}
