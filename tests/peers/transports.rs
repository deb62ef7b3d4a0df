//! The repository's own zones, asked for by kdig over every transport: each name and type gets the
//! same answer, and the one that NSD gives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tiovivo::zone::name::Name;

use crate::server::{Peer, Server, ZoneFile, program};

/// How kdig is told the transport.
const TRANSPORTS: &[&[&str]] = &[
    &["+notcp"],
    &["+tcp"],
    &["+tcp", "+keepopen"],
    &["+tls"],
    &["+https"],
    &["+https-get"],
    &["+quic"],
];

#[test]
fn every_transport_gives_the_same_answer() {
    let zones: Vec<ZoneFile> = own_zones().iter().map(|path| read(path)).collect();
    let questions = questions(&zones);
    let (ours, ports) = Server::start_encrypted(&zones);
    let peer = Server::start(Peer::Nsd, &zones);
    let expected = ask(peer.address, &["+notcp"], &questions);
    assert_eq!(expected.len(), questions.len(), "NSD left something out");
    for transport in TRANSPORTS {
        let port = match transport[0] {
            "+tls" => ports.tls,
            "+https" | "+https-get" => ports.https,
            "+quic" => ports.quic,
            _ => ours.address.port(),
        };
        let answers = ask(SocketAddr::new(ours.address.ip(), port), transport, &questions);
        for (question, answer) in &expected {
            assert_eq!(answers.get(question), Some(answer), "{question} by kdig {transport:?}");
        }
        println!("kdig {transport:?}: {} names and types answered as NSD does", answers.len());
    }
}

fn own_zones() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("zones");
    let entries = fs::read_dir(folder).expect("the repository's zones");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "zone")).collect();
    assert!(!paths.is_empty(), "no zones to ask for");
    paths
}

/// The zone as ldns reads it: one line a record, names in full.
fn read(path: &Path) -> ZoneFile {
    let output = Command::new(program("ldns-read-zone")).arg(path).output().expect("it runs");
    assert!(output.status.success(), "{path:?}: {}", String::from_utf8_lossy(&output.stderr));
    let apex = path.file_stem().and_then(|stem| stem.to_str()).expect("the apex");
    let text = String::from_utf8(output.stdout).expect("presentation form");
    ZoneFile { apex: Name::parse(apex).expect("a name"), text }
}

/// Every name with every type of its zone, and a name that does not exist.
fn questions(zones: &[ZoneFile]) -> BTreeSet<String> {
    let mut questions = BTreeSet::new();
    for zone in zones {
        let records = zone.text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let records: Vec<Vec<&str>> = records.filter(|words| words.len() > 4).collect();
        let types: BTreeSet<&str> = records.iter().map(|words| words[3]).collect();
        let missing = format!("missing.{}", zone.apex);
        for owner in records.iter().map(|words| words[0]).chain([missing.as_str()]) {
            questions.extend(types.iter().map(|kind| format!("{owner} {kind}")));
        }
    }
    questions
}

/// The answers by question: status, flags and records, which are sorted, since sets go round.
pub fn ask(
    server: SocketAddr,
    how: &[&str],
    questions: &BTreeSet<String>,
) -> BTreeMap<String, String> {
    let mut command = Command::new(program("kdig"));
    let port = server.port().to_string();
    command.arg(format!("@{}", server.ip())).args(["-p", &port, "+norec", "+noall"]);
    command.args(["+header", "+question", "+answer", "+authority"]).args(how);
    for question in questions {
        command.args(question.split(' '));
    }
    let output = command.output().expect("kdig runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut answers = BTreeMap::new();
    for reply in text.split(";; ->>HEADER<<-").skip(1) {
        let header = reply.lines().next().and_then(|line| line.split("; id:").next());
        let flags = reply.lines().nth(1).and_then(|line| line.split(';').nth(2));
        let is_question = |line: &&str| line.starts_with(";;") && line.contains("\tIN\t");
        let question = reply.lines().find(is_question).unwrap_or_default();
        let words: Vec<&str> = question.trim_start_matches(";;").split_whitespace().collect();
        let [owner, _, kind] = words[..] else { panic!("kdig says:\n{reply}") };
        let records = reply.lines().filter(|line| line.contains("\tIN\t"));
        let mut records: Vec<String> = records.map(collapsed).collect();
        records.sort();
        let answer = format!("{header:?}{flags:?}\n{}", records.join("\n"));
        answers.insert(format!("{owner} {kind}"), answer);
    }
    answers
}

fn collapsed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
