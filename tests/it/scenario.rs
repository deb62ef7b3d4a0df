//! Runs every file of `tests/scenarios`: zones, events, questions, and the whole expected message.
//!
//! ```text
//! # what this is about, with the RFC
//! == config.yaml
//! == zones/midominio.com.zone
//! == down server-2 server-3
//! == up server-2
//! == ask www.midominio.com A [from=10.0.0.1] [tcp] [edns=1232] [version=1] [do] [nsid] [class=3]
//!     [cookie=2464c4abcf10c957] [keepalive] [keepalive=0064] [option=65001] [no-question]
//! the reply, in dig's form
//! ```
//!
//! `TIOVIVO_REWRITE=1` writes what is answered into the files: read the difference before you commit.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use tiovivo::cluster::standing::Standing;
use tiovivo::dns::exchange::Transport;
use tiovivo::dns_client::present;

use crate::world::{Ask, World};

/// A file without a configuration of its own gets this one.
const DEFAULT_CONFIG: &str = include_str!("../scenarios/default.yaml");

struct Section {
    head: String,
    body: String,
}

#[test]
fn every_scenario_answers_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "scenario"))
        .collect();
    files.sort();
    assert!(files.len() >= 10, "the scenarios were not found");
    let mut faults = vec![];
    let mut questions = 0;
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let (comment, mut sections) = split(&text);
        questions += play(&mut sections, file, &mut faults);
        if std::env::var_os("TIOVIVO_REWRITE").is_some() {
            fs::write(file, join(&comment, &sections)).unwrap();
        }
    }
    println!("{} scenarios, {questions} questions", files.len());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn split(text: &str) -> (String, Vec<Section>) {
    let mut comment = String::new();
    let mut sections: Vec<Section> = vec![];
    for line in text.lines() {
        match (line.strip_prefix("== "), sections.last_mut()) {
            (Some(head), _) => sections.push(Section { head: head.into(), body: String::new() }),
            (None, None) => comment.extend([line, "\n"]),
            (None, Some(section)) => section.body.extend([line, "\n"]),
        }
    }
    (comment, sections)
}

fn join(comment: &str, sections: &[Section]) -> String {
    let sections = sections.iter().map(|section| format!("== {}\n{}", section.head, section.body));
    comment.to_owned() + &sections.collect::<String>()
}

/// Plays one file; what was answered replaces what was expected. The number of questions.
fn play(sections: &mut [Section], file: &Path, faults: &mut Vec<String>) -> usize {
    let is_file =
        |section: &&Section| section.head.ends_with(".yaml") || section.head.contains('/');
    let mut files: Vec<(&str, &str)> =
        sections.iter().filter(is_file).map(|s| (s.head.as_str(), s.body.as_str())).collect();
    if !files.iter().any(|(path, _)| *path == "config.yaml") {
        files.push(("config.yaml", DEFAULT_CONFIG));
    }
    let mut world = World::load(&files);
    let mut questions = 0;
    for section in sections.iter_mut() {
        let mut words = section.head.split_whitespace();
        match words.next() {
            Some("down") => words.for_each(|node| world.set(node, Standing::Out)),
            Some("up") => words.for_each(|node| world.set(node, Standing::Serving)),
            Some("ask") => {
                questions += 1;
                let reply = world.ask(&question(words));
                let shown = reply.map_or("(dropped)\n".into(), |reply| {
                    present::message(&reply)
                        .unwrap_or_else(|| format!("not a message: {reply:x?}\n"))
                });
                if shown.trim() != section.body.trim() {
                    faults.push(format!(
                        "{}: {}\n--- expected\n{}+++ answered\n{shown}",
                        file.file_name().unwrap().to_string_lossy(),
                        section.head,
                        section.body
                    ));
                    section.body = format!("{shown}\n");
                }
            }
            _ => {}
        }
    }
    questions
}

type Edns = (u16, u8, bool, Vec<u8>);

fn with_option((size, version, dnssec_ok, mut options): Edns, code: u16, hex: &str) -> Edns {
    let value = HEXLOWER.decode(hex.as_bytes()).unwrap();
    options.extend_from_slice(&code.to_be_bytes());
    options.extend_from_slice(&(value.len() as u16).to_be_bytes());
    options.extend_from_slice(&value);
    (size, version, dnssec_ok, options)
}

fn question<'a>(mut words: impl Iterator<Item = &'a str>) -> Ask {
    let mut ask = Ask::new(words.next().unwrap(), words.next().unwrap());
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let edns = ask.edns.clone().unwrap_or((1232, 0, false, vec![]));
        match key {
            "edns" => ask.edns = Some((value.parse().unwrap(), edns.1, edns.2, edns.3)),
            "version" => ask.edns = Some((edns.0, value.parse().unwrap(), edns.2, edns.3)),
            "do" => ask.edns = Some((edns.0, edns.1, true, edns.3)),
            "nsid" => ask.edns = Some(with_option(edns, 3, "")),
            "cookie" => ask.edns = Some(with_option(edns, 10, value)),
            "keepalive" => ask.edns = Some(with_option(edns, 11, value)),
            "option" => ask.edns = Some(with_option(edns, value.parse().unwrap(), "beef")),
            "no-question" => ask.has_question = false,
            "from" => ask.from = value.parse().unwrap(),
            "tcp" => ask.transport = Transport::Stream,
            "class" => ask.class = value.parse().unwrap(),
            other => panic!("{other} is no option of a question"),
        }
    }
    ask
}
