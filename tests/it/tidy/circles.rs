//! Files name each other in one direction: whoever reads one file needs only the files below it.
//!
//! A file names another by a path: `crate::…`, `super::…`, `self::…`, or the name of a module that
//! it declares. Declaring a module (`mod child;`) alone is not naming it. Tests inside of files do
//! not count.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::{Source, fail, sources};

type Path = Vec<String>;

#[test]
fn files_name_each_other_in_one_direction() {
    let sources = sources();
    let files: BTreeMap<Path, &str> =
        sources.iter().map(|source| (module_path(&source.path), source.path.as_str())).collect();
    let arrows: BTreeMap<&str, BTreeSet<&str>> = sources
        .iter()
        .filter(|source| source.path != "main.rs")
        .map(|source| (source.path.as_str(), named_files(source, &files)))
        .collect();
    let circles = circles(&arrows);
    fail(&circles.iter().map(|circle| describe(circle, &arrows)).collect::<Vec<String>>());
}

fn describe(circle: &BTreeSet<&str>, arrows: &BTreeMap<&str, BTreeSet<&str>>) -> String {
    let lines = circle.iter().map(|file| {
        let inside: Vec<&str> = arrows[file].intersection(circle).copied().collect();
        format!("  src/{file} names {}", inside.join(", "))
    });
    let lines: Vec<String> = lines.collect();
    format!("{} files name each other in a circle:\n{}", circle.len(), lines.join("\n"))
}

/// `zone`, `name` of `zone/name.rs`; `zone` of `zone/mod.rs`; nothing of `lib.rs`.
fn module_path(file: &str) -> Path {
    let path = file.trim_end_matches(".rs");
    let path = path.trim_end_matches("/mod");
    match path {
        "lib" | "main" => vec![],
        path => path.split('/').map(str::to_owned).collect(),
    }
}

/// The files that a file names, beside itself.
fn named_files<'s>(source: &Source, files: &BTreeMap<Path, &'s str>) -> BTreeSet<&'s str> {
    let own = module_path(&source.path);
    let text = code(source);
    let children: BTreeSet<&str> = text.lines().filter_map(declared).collect();
    let mut named = BTreeSet::new();
    for path in paths(&text) {
        let Some(mut absolute) = absolute(&path, &own, &children) else { continue };
        while !absolute.is_empty() && !files.contains_key(&absolute) {
            absolute.pop();
        }
        if !absolute.is_empty() && absolute != own {
            named.insert(files[&absolute]);
        }
    }
    named
}

/// The text without comments and without its tests.
fn code(source: &Source) -> String {
    let tests = ["#[cfg(test)]\nmod ", "#[cfg(test)]\npub mod "];
    let end = tests.iter().filter_map(|tests| source.text.find(tests)).min();
    let lines = source.text[..end.unwrap_or(source.text.len())].lines();
    lines.map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The `child` of `pub mod child;`.
fn declared(line: &str) -> Option<&str> {
    let (visibility, rest) = line.trim().split_once("mod ")?;
    let name = rest.strip_suffix(';')?;
    (visibility.is_empty() || visibility.starts_with("pub")).then_some(name)
}

/// All paths of two and more segments; those of `use` trees in full.
fn paths(text: &str) -> Vec<Path> {
    let mut paths = vec![];
    let mut rest = text;
    while let Some(at) = rest.find("::") {
        let start = rest[..at].rfind(|c: char| !is_word(c)).map_or(0, |at| at + 1);
        let first = rest[start..at].to_owned();
        rest = read_tree(&rest[at..], vec![first], &mut paths);
    }
    paths
}

/// Reads `::a::{b, c::d}` behind `prefix`; returns what follows.
fn read_tree<'t>(mut rest: &'t str, mut prefix: Path, paths: &mut Vec<Path>) -> &'t str {
    while let Some(tail) = rest.strip_prefix("::") {
        if let Some(tail) = tail.strip_prefix('{') {
            return read_branches(tail, &prefix, paths);
        }
        let end = tail.find(|c: char| !is_word(c)).unwrap_or(tail.len());
        if end == 0 {
            rest = tail;
            break;
        }
        prefix.push(tail[..end].to_owned());
        rest = &tail[end..];
    }
    paths.push(prefix);
    rest
}

fn read_branches<'t>(mut rest: &'t str, prefix: &Path, paths: &mut Vec<Path>) -> &'t str {
    loop {
        rest = rest.trim_start_matches([',', ' ', '\n']);
        if let Some(tail) = rest.strip_prefix('}') {
            return tail;
        }
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        if end == 0 {
            return rest;
        }
        let mut branch = prefix.clone();
        branch.push(rest[..end].to_owned());
        rest = read_tree(&rest[end..], branch, paths);
        if let Some(tail) = rest.trim_start().strip_prefix("as ") {
            rest = tail.trim_start_matches(is_word);
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// From the root of the crate; `None` for a path into another crate or of a type.
fn absolute(path: &Path, own: &Path, children: &BTreeSet<&str>) -> Option<Path> {
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([own, &path[1..]].concat()),
        "super" => {
            let levels = path.iter().take_while(|part| *part == "super").count();
            let above = own.get(..own.len().checked_sub(levels)?)?;
            Some([above, &path[levels..]].concat())
        }
        child if children.contains(child) => Some([own.as_slice(), path].concat()),
        _ => None,
    }
}

/// Sets of files each of which leads to every other one.
fn circles<'s>(arrows: &BTreeMap<&'s str, BTreeSet<&'s str>>) -> BTreeSet<BTreeSet<&'s str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().map(|file| (*file, reached_from(file, arrows))).collect();
    let circle = |file: &&'s str| -> BTreeSet<&'s str> {
        let back = |other: &&&'s str| reached.get(**other).is_some_and(|set| set.contains(file));
        reached[file].iter().filter(back).copied().collect()
    };
    arrows.keys().map(circle).filter(|circle| circle.len() > 1).collect()
}

fn reached_from<'s>(
    file: &'s str,
    arrows: &BTreeMap<&'s str, BTreeSet<&'s str>>,
) -> BTreeSet<&'s str> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![file];
    while let Some(next) = waiting.pop() {
        for named in arrows.get(next).into_iter().flatten() {
            if reached.insert(*named) {
                waiting.push(named);
            }
        }
    }
    reached
}

#[test]
fn paths_are_read_out_of_every_form() {
    let text = "use crate::a::{self, B, c::{d, E as F}};\nlet x = super::f::g(crate::h::I::J);\n";
    let paths: Vec<String> = paths(text).iter().map(|path| path.join("::")).collect();
    assert_eq!(
        paths,
        [
            "crate::a::self",
            "crate::a::B",
            "crate::a::c::d",
            "crate::a::c::E",
            "super::f::g",
            "crate::h::I::J"
        ]
    );
}

#[test]
fn a_circle_is_found_and_a_chain_is_none() {
    let arrows = BTreeMap::from([
        ("a", BTreeSet::from(["b"])),
        ("b", BTreeSet::from(["c"])),
        ("c", BTreeSet::from(["a", "d"])),
        ("d", BTreeSet::from(["e"])),
        ("e", BTreeSet::new()),
    ]);
    assert_eq!(circles(&arrows), BTreeSet::from([BTreeSet::from(["a", "b", "c"])]));
}
