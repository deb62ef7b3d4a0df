//! Mutations that know what a query is: its header, its name, its OPT record.

use fastrand::Rng;

use crate::mutate::{Material, octets_of, pick};

const HEADER: usize = 12;
const TYPES: &[u16] = &[
    0, 1, 2, 5, 6, 12, 15, 16, 18, 28, 33, 35, 39, 41, 43, 46, 47, 48, 64, 65, 128, 249, 250, 251,
    252, 253, 254, 255, 256, 257, 65280, 65535,
];
const CLASSES: &[u16] = &[0, 1, 1, 1, 3, 4, 254, 255];
const SIZES: &[u16] = &[0, 1, 511, 512, 513, 700, 1231, 1232, 1233, 4096, 65535];
const LABELS: &[&[u8]] = &[b"*", b"x", b"www", b"b", b"ns1", b"\0", b"\xff", &[b'l'; 63]];

pub fn mutate(material: &Material, rng: &mut Rng) -> Vec<u8> {
    let seed = pick(&material.seeds, rng);
    let mut octets = seed.clone();
    for _ in 0..rng.usize(1..=4) {
        let Some(end) = name_end(&octets) else {
            octets_of(&mut octets, material, rng);
            continue;
        };
        match rng.u8(0..16) {
            0 => octets[rng.usize(2..HEADER)] = rng.u8(0..4),
            1 => octets[2] = rng.u8(0..2) << 7 | rng.u8(0..3) << 3 | rng.u8(0..8),
            2..5 => word(&mut octets, end, TYPES, rng),
            5 => word(&mut octets, end + 2, CLASSES, rng),
            6 => cases(&mut octets[HEADER..end], rng),
            7 | 8 => {
                let label = LABELS[rng.usize(0..LABELS.len())];
                let label = [&[label.len() as u8], label].concat();
                octets.splice(HEADER..HEADER, label);
            }
            9 => drop(
                octets
                    .drain(HEADER..HEADER + 1 + usize::from(octets[HEADER]).min(end - HEADER - 1)),
            ),
            10 | 11 => {
                let other = pick(&material.seeds, rng);
                if let Some(other_end) = name_end(other) {
                    octets.splice(HEADER..end, other[HEADER..other_end].iter().copied());
                }
            }
            12..15 => opt(&mut octets, end, rng),
            _ => octets_of(&mut octets, material, rng),
        }
    }
    octets
}

/// Where type and class of the question are, if the message goes so far.
fn name_end(octets: &[u8]) -> Option<usize> {
    let mut at = HEADER;
    loop {
        match *octets.get(at)? {
            0 if at + 5 <= octets.len() => return Some(at + 1),
            0 | 64.. => return None,
            label => at += 1 + usize::from(label),
        }
    }
}

fn word(octets: &mut [u8], at: usize, from: &[u16], rng: &mut Rng) {
    let word = if rng.u8(0..8) == 0 { rng.u16(..) } else { *pick(from, rng) };
    octets[at..at + 2].copy_from_slice(&word.to_be_bytes());
}

fn cases(name: &mut [u8], rng: &mut Rng) {
    for octet in name.iter_mut().filter(|octet| octet.is_ascii_alphabetic()) {
        if rng.bool() {
            *octet ^= 0x20;
        }
    }
}

/// Everything behind the question anew: OPT records, sensible and not, and sometimes another.
fn opt(octets: &mut Vec<u8>, name_end: usize, rng: &mut Rng) {
    octets.truncate(name_end + 4);
    let mut count = 0;
    if rng.u8(0..8) == 0 {
        octets.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\xc0\0\x02\x11");
        count += 1;
    }
    for _ in 0..[1, 1, 1, 1, 1, 0, 2][rng.usize(0..7)] {
        let version = if rng.u8(0..8) == 0 { rng.u8(..) } else { 0 };
        let flags = if rng.bool() { 0x80 } else { 0 };
        let mut options = vec![];
        for _ in 0..[0, 0, 1, 2][rng.usize(0..4)] {
            // Half of the time a length that a cookie has, or a keep-alive.
            let len = [rng.usize(0..42), [0, 8, 16, 24, 40][rng.usize(0..5)]][rng.usize(0..2)];
            let value: Vec<u8> = (0..len).map(|_| rng.u8(..)).collect();
            let code: u16 = [3, 10, 8, 10, 11, 12, 65001][rng.usize(0..7)];
            options.extend(code.to_be_bytes());
            options.extend((value.len() as u16).to_be_bytes());
            options.extend(value);
        }
        octets.extend([0, 0, 41]);
        octets.extend(pick(SIZES, rng).to_be_bytes());
        octets.extend([0, version, flags, 0]);
        octets.extend((options.len() as u16).to_be_bytes());
        octets.extend(options);
        count += 1;
    }
    octets[6..HEADER].copy_from_slice(&[0, 0, 0, 0, 0, count]);
    // Without its question it may be a query for a cookie alone (RFC 7873 §5.4).
    if rng.u8(0..8) == 0 {
        octets[5] = 0;
        octets.drain(HEADER..name_end + 4);
    }
}
