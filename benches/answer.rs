//! What an answer costs above the socket: nanoseconds and allocations, by kind of question.
//!
//! ```text
//! cargo bench --bench answer
//! ```
//!
//! The names asked for go round, so that tables are read where they are not in the nearest cache.

use std::fmt::Write as _;
use std::net::IpAddr;

use divan::{AllocProfiler, Bencher, black_box};
use tiovivo::clock;
use tiovivo::config::load::load;
use tiovivo::control::served_config::ServedConfig;
use tiovivo::control::writer::Control;
use tiovivo::dns::exchange::{Client, Reply, Transport};
use tiovivo::dns::reply::UDP_LIMIT;
use tiovivo::dns::respond::respond;
use tiovivo::snapshot::publish::SnapshotReader;
use tiovivo::zone::name::Name;
use tiovivo::zone::rtype;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Questions that go round.
const ROUND: usize = 4096;
const NAMES: [usize; 2] = [100, 100_000];
/// 256 addresses do not fit into an answer, which is cut.
const CHILDREN: [usize; 4] = [1, 8, 64, 256];
const WEIGHTS: usize = 100;

fn main() {
    divan::Divan::from_args().sample_size(ROUND as u32).main();
}

/// A zone of that many names with eight addresses each, and pools whose nodes all serve.
fn reader(names: usize) -> SnapshotReader {
    let mut zone = String::from(
        "$TTL 30\n@ SOA ns1 hostmaster 1 14400 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.53\n\
         sub NS ns.sub\nns.sub A 192.0.2.60\n",
    );
    for name in 0..names {
        for address in 1..=8 {
            writeln!(zone, "h{name} A 127.2.0.{address}").unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(folder.path().join("zone"), zone).unwrap();
    std::fs::write(&file, configuration()).unwrap();
    let config = load(&file).unwrap_or_else(|faults| panic!("{faults:?}")).config;
    let served = ServedConfig::build(&config, &file, clock::now()).unwrap();
    Control::new(Box::new(served), folder.path().join("state")).1
}

fn configuration() -> String {
    let mut text = String::from(
        "server: { listen: ['127.0.0.1:0'] }\nzones: [{ apex: midominio.com, file: zone }]\npools:\n",
    );
    let mut pool = |name: String, count: usize, more: &str| {
        let nodes: Vec<String> = (0..count).map(|node| format!("n{node}")).collect();
        let (nodes, check) = (nodes.join(", "), "check: { tcp: { port: 1 } }");
        writeln!(
            text,
            "  {name}: {{ names: [{name}.midominio.com], members: [{nodes}], {more}, {check} }}"
        )
        .unwrap();
    };
    for count in CHILDREN {
        pool(format!("all{count}"), count, "max_answers: 256");
        pool(format!("some{count}"), count, "max_answers: 8");
        pool(format!("weighted{count}"), count, "max_answers: 256, order: weighted");
    }
    text.push_str("nodes:\n");
    for node in 0..256 {
        let weight = node % WEIGHTS + 1;
        writeln!(text, "  n{node}: {{ role: child, address: 127.1.0.{node}, weight: {weight} }}")
            .unwrap();
    }
    text
}

fn query(name: &str, rtype: u16) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend_from_slice(Name::parse(name).unwrap().as_wire());
    message.extend_from_slice(&rtype.to_be_bytes());
    message.extend_from_slice(&[0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    message
}

fn answer(bencher: Bencher<'_, '_>, names: usize, question: impl Fn(usize) -> Vec<u8>) {
    let reader = reader(names);
    let snapshot = reader.load();
    let questions: Vec<Vec<u8>> = (0..ROUND).map(|n| question(n * 7919 % names)).collect();
    let address = IpAddr::from([127, 0, 0, 1]);
    let client = Client { address, transport: Transport::Datagram, idle: None, now: 0 };
    let mut out = [0; UDP_LIMIT];
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 1;
        let question = black_box(&questions[turn % ROUND]);
        let reply = respond(&snapshot, question, &client, turn as u64, &mut out);
        assert!(matches!(black_box(reply), Reply::Send { .. }));
    });
}

/// Eight addresses from the zone file.
#[divan::bench(args = NAMES)]
fn address(bencher: Bencher<'_, '_>, names: usize) {
    answer(bencher, names, |n| query(&format!("h{n}.midominio.com"), rtype::A));
}

#[divan::bench(args = NAMES)]
fn no_data(bencher: Bencher<'_, '_>, names: usize) {
    answer(bencher, names, |n| query(&format!("h{n}.midominio.com"), rtype::AAAA));
}

#[divan::bench(args = NAMES)]
fn no_such_name(bencher: Bencher<'_, '_>, names: usize) {
    answer(bencher, names, |n| query(&format!("x{n}.midominio.com"), rtype::A));
}

#[divan::bench(args = NAMES)]
fn referral(bencher: Bencher<'_, '_>, names: usize) {
    answer(bencher, names, |n| query(&format!("x{n}.sub.midominio.com"), rtype::A));
}

#[divan::bench(args = NAMES)]
fn not_ours(bencher: Bencher<'_, '_>, names: usize) {
    answer(bencher, names, |n| query(&format!("h{n}.example.org"), rtype::A));
}

/// All nodes of a pool, as far as they fit.
#[divan::bench(args = CHILDREN)]
fn pool(bencher: Bencher<'_, '_>, children: usize) {
    answer(bencher, 100, |_| query(&format!("all{children}.midominio.com"), rtype::A));
}

/// A random choice of at most eight.
#[divan::bench(args = CHILDREN)]
fn subset(bencher: Bencher<'_, '_>, children: usize) {
    answer(bencher, 100, |_| query(&format!("some{children}.midominio.com"), rtype::A));
}

#[divan::bench(args = CHILDREN)]
fn weighted(bencher: Bencher<'_, '_>, children: usize) {
    answer(bencher, 100, |_| query(&format!("weighted{children}.midominio.com"), rtype::A));
}
