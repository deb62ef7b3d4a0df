//! What an answer costs above the socket: nanoseconds and allocations, by kind of question.
//!
//! ```text
//! cargo bench --bench answer
//! ```
//!
//! The names asked for go round, so that tables are read where they are not in the nearest cache.

use std::net::IpAddr;
use std::sync::Arc;

use divan::{AllocProfiler, Bencher, black_box};
use tiovivo::dns::reply::{Transport, UDP_LIMIT};
use tiovivo::dns::respond::{Client, Reply, respond};
use tiovivo::snapshot::Snapshot;
use tiovivo::snapshot::identity::Identity;
use tiovivo::snapshot::statics::Statics;
use tiovivo::zone::name::Name;
use tiovivo::zone::{read, rtype};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Questions that go round.
const ROUND: usize = 4096;

fn main() {
    divan::main();
}

/// A zone of that many names with eight addresses each, and nothing else of note.
fn snapshot(names: usize) -> Snapshot {
    let mut text = String::from(
        "$TTL 30\n@ SOA ns1 hostmaster 1 14400 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.53\n",
    );
    for name in 0..names {
        for address in 1..=8 {
            text.push_str(&format!("h{name} A 127.0.1.{address}\n"));
        }
    }
    let apex = Name::parse("midominio.com").unwrap();
    let (zone, _) = read::read(&apex, "zone", &mut |_| Ok(text.clone())).unwrap();
    let statics = Statics::build(&[zone], std::iter::empty(), Identity::default()).unwrap();
    Snapshot::build(&Arc::new(statics), &[], &[], None)
}

fn query(name: &str, rtype: u16) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend_from_slice(Name::parse(name).unwrap().as_wire());
    message.extend_from_slice(&rtype.to_be_bytes());
    message.extend_from_slice(&[0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    message
}

fn answer(bencher: Bencher<'_, '_>, names: usize, question: impl Fn(usize) -> Vec<u8>) {
    let snapshot = snapshot(names);
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

#[divan::bench(args = [100, 100_000])]
fn address(bencher: Bencher<'_, '_>, names: usize) {
    answer(bencher, names, |n| query(&format!("h{n}.midominio.com"), rtype::A));
}

#[divan::bench(args = [100, 100_000])]
fn no_data(bencher: Bencher<'_, '_>, names: usize) {
    answer(bencher, names, |n| query(&format!("h{n}.midominio.com"), rtype::AAAA));
}

#[divan::bench(args = [100, 100_000])]
fn no_such_name(bencher: Bencher<'_, '_>, names: usize) {
    answer(bencher, names, |n| query(&format!("x{n}.midominio.com"), rtype::A));
}

#[divan::bench(args = [100, 100_000])]
fn not_ours(bencher: Bencher<'_, '_>, names: usize) {
    answer(bencher, names, |n| query(&format!("h{n}.example.org"), rtype::A));
}
