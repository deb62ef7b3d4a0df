//! What mutation begins with: the project's own test data, and what cargo-fuzz found beside it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::mutate::Material;

/// Seeds of coverage-guided runs; for messages, also the questions of the scenarios and of every
/// name of the target's world.
const OWN: &str = "tests/fuzz/seeds";

pub fn message() -> Material {
    Material { seeds: files(&[own("message")], |_| true), dictionary: vec![] }
}

pub fn node() -> Material {
    Material { seeds: files(&[own("node")], |_| true), dictionary: dictionary("node") }
}

pub fn zone() -> Material {
    let folders = [own("zone"), at("tests/zones"), at("tests/fuzz/world"), at("zones")];
    let seeds = files(&folders, |path| path.extension().is_none_or(|e| e != "yaml"));
    Material { seeds, dictionary: dictionary("zone") }
}

pub fn config() -> Material {
    let folders = [own("config"), at("tests/configs/broken"), at("tests/fuzz/world")];
    let mut seeds = files(&folders, |path| {
        path.extension().is_some_and(|e| e == "yaml") || path.starts_with(own("config"))
    });
    let example = fs::read_to_string(at("config.yaml")).expect("the example");
    // With a zone file of the target's own folder.
    seeds.push(example.replace("zones/midominio.com.zone", "zone").into());
    Material { seeds, dictionary: dictionary("config") }
}

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn own(target: &str) -> PathBuf {
    at(OWN).join(target)
}

/// In the order of their names, so that a seed of the random numbers says the whole run.
fn files(folders: &[PathBuf], is_wanted: impl Fn(&Path) -> bool) -> Vec<Vec<u8>> {
    let mut paths = vec![];
    let mut folders = folders.to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if is_wanted(&path) {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a seed")).collect()
}

/// The words of a dictionary of libFuzzer: one a line, in quotes, with `\\`, `\"` and `\xNN`.
fn dictionary(target: &str) -> Vec<Vec<u8>> {
    let path = at("tests/fuzz/dictionaries").join(format!("{target}.dict"));
    let text = fs::read_to_string(path).expect("a dictionary");
    let words = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    words.map(|line| unescape(line).unwrap_or_else(|| panic!("{target}.dict: {line}"))).collect()
}

fn unescape(line: &str) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
    let mut word = vec![];
    while let Some((octet, tail)) = rest.split_first() {
        rest = tail;
        if *octet != b'\\' {
            word.push(*octet);
            continue;
        }
        match *rest {
            [octet @ (b'\\' | b'"'), ref tail @ ..] => {
                word.push(octet);
                rest = tail;
            }
            [b'x', high, low, ref tail @ ..] => {
                let digit = |octet: u8| char::from(octet).to_digit(16);
                word.push((digit(high)? * 16 + digit(low)?) as u8);
                rest = tail;
            }
            _ => return None,
        }
    }
    Some(word)
}
