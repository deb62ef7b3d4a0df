//! Everyone gets their share: over 1,000,000 answers of a pool of 8, from turns that are drawn as
//! the UDP workers draw them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::slice::from_ref;

use tiovivo::cluster::member::{AddressKind, Member, PublicAddresses, Reach};
use tiovivo::cluster::node::{Node, NodeName, Role};
use tiovivo::cluster::pool::{Membership, Order, Pool, PoolId};
use tiovivo::cluster::selection::{Cause, Selection, Share};
use tiovivo::snapshot::pool::PoolAnswer;
use tiovivo::zone::rtype;

use crate::cluster;

const MEMBERS: usize = 8;
const WEIGHTS: [u8; MEMBERS] = [1, 1, 1, 1, 2, 2, 4, 4];
/// Turns that a worker draws at once, and how many queries came then: `src/dns/udp/pace.rs`.
const DRAWN: [(u64, u64); 5] = [(1, 1), (8, 3), (64, 3), (64, 64), (8, 8)];
/// One of 7 degrees of freedom is above this once in 100,000 times.
const CHI_SQUARE: f64 = 35.0;

/// A pool of children with addresses of both families.
fn pool(order: Order, max_answers: usize, weights: [u8; MEMBERS]) -> (Pool, Selection) {
    let member = |(index, weight): (usize, u8)| {
        let host = index as u8;
        let node = Node {
            name: NodeName::new(&format!("server-{host}")),
            role: Role::Child,
            address: Some(Ipv4Addr::new(192, 0, 2, host)),
            address6: Some(Ipv6Addr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()])),
            private: None,
            tags: Default::default(),
            weight,
        };
        let addresses = PublicAddresses::of(&node, AddressKind::Public).unwrap().unwrap();
        let reach = Reach::of(&node);
        Member { node: node.name, role: node.role, addresses, reach, weight }
    };
    let members = weights.into_iter().enumerate().map(member).collect();
    let membership = Membership::Everyone(members);
    let pool = Pool { membership, order, max_answers, ..cluster::pool("web", &[2]) };
    let selection = Selection {
        pool: PoolId(0),
        members: (0..MEMBERS).collect(),
        shares: vec![Share::FULL; MEMBERS],
        cause: Cause::Enough,
        v6: None,
    };
    (pool, selection)
}

/// The turns of `count` queries that `workers` take in an order of chance.
fn turns(workers: usize, count: u64) -> impl Iterator<Item = u64> {
    let mut shared = 0;
    let mut random = fastrand::Rng::with_seed(7);
    let mut batches = vec![(0, 0); workers];
    (0..count).map(move |_| {
        let batch = &mut batches[random.usize(..workers)];
        if batch.1 == 0 {
            let (drawn, used) = DRAWN[random.usize(..DRAWN.len())];
            *batch = (shared, used);
            shared += drawn;
        }
        batch.0 += 1;
        batch.1 -= 1;
        batch.0
    })
}

/// How often each member was at each place of the A answers, and of the AAAA answers.
fn places(answer: &PoolAnswer, turns: impl Iterator<Item = u64>, paired: bool) -> [Places; 2] {
    let mut places = [[[0; MEMBERS]; MEMBERS]; 2];
    let client = IpAddr::from([192, 0, 2, 1]);
    let mut room = [0; 512];
    for (query, turn) in turns.enumerate() {
        let is_second = paired && query % 2 == 1;
        let (qtype, block) = if is_second { (rtype::AAAA, 28) } else { (rtype::A, 16) };
        let (_, len) = answer.write(qtype, turn, client, &mut room).unwrap();
        let places = &mut places[usize::from(is_second)];
        for (place, record) in places.iter_mut().zip(room[..len].chunks_exact(block)) {
            place[usize::from(record[block - 1])] += 1;
        }
    }
    places
}

type Places = [[u64; MEMBERS]; MEMBERS];

/// The greatest distance from the fair share, and χ².
fn distance(counts: &[u64; MEMBERS], weights: [u8; MEMBERS]) -> (f64, f64) {
    let total = counts.iter().sum::<u64>() as f64;
    let whole = weights.iter().map(|weight| f64::from(*weight)).sum::<f64>();
    let off = counts.iter().zip(weights).map(|(count, weight)| {
        let fair = total * f64::from(weight) / whole;
        ((*count as f64 - fair).abs() / fair, (*count as f64 - fair).powi(2) / fair)
    });
    off.fold((0.0, 0.0), |(most, sum), (off, square)| (off.max(most), sum + square))
}

/// `answers` of each family that is asked for. `slack`: what the first place may be off.
fn check(answers: u64, slack: f64) {
    let even = [1; MEMBERS];
    let kinds = [
        ("all, rotated", Order::Rotate, MEMBERS, even),
        ("3 of 8, rotated", Order::Rotate, 3, even),
        ("all, weighted", Order::Weighted, MEMBERS, WEIGHTS),
        ("3 of 8, weighted", Order::Weighted, 3, WEIGHTS),
    ];
    println!("{:18}{:9}{:6}{:>10}{:>8}{:>12}", "", "workers", "type", "first off", "χ²", "max χ²");
    for (name, order, max, weights) in kinds {
        let (pool, selection) = pool(order, max, weights);
        let answer = PoolAnswer::new(&pool, from_ref(&pool), &selection, 30);
        for (workers, paired) in [(1, false), (2, false), (1, true), (2, true)] {
            let families = if paired { 2 } else { 1 };
            let places = places(&answer, turns(workers, answers * families), paired);
            let rtypes = [("A", &places[0]), ("AAAA", &places[1])];
            for (rtype, places) in rtypes.into_iter().take(families as usize) {
                let (off, square) = distance(&places[0], weights);
                // Behind the first place the shares of weights are no simple numbers.
                let others = if weights == even { &places[..max] } else { &places[..1] };
                let worst = others.iter().map(|place| distance(place, weights).1);
                let worst = worst.fold(0.0, f64::max);
                let off_percent = off * 100.0;
                println!(
                    "{name:18}{workers:<9}{rtype:6}{off_percent:>9.3}%{square:>8.2}{worst:>12.2}"
                );
                assert!(off <= slack, "{name}, {workers} workers, {rtype}: {places:?}");
                assert!(worst <= CHI_SQUARE, "{name}, {workers} workers, {rtype}: {places:?}");
            }
        }
    }
}

#[test]
fn everyone_is_first_equally_often_and_at_every_place() {
    check(20_000, 0.04);
}

#[test]
#[ignore = "24 million answers: cargo test --test it -- --ignored --nocapture fairness"]
fn everyone_is_first_within_one_percent_of_their_share() {
    check(1_000_000, 0.01);
}

#[test]
fn a_client_network_keeps_its_order_and_two_servers_give_the_same() {
    let (pool, selection) = pool(Order::Sticky, 3, [1; MEMBERS]);
    let here = PoolAnswer::new(&pool, from_ref(&pool), &selection, 30);
    let there = PoolAnswer::new(&pool, from_ref(&pool), &selection, 30);
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..2_000 {
        let mut client = random.u32(..).to_be_bytes();
        let mut ask = |server: &PoolAnswer, qtype, host| {
            client[3] = host;
            let mut room = [0; 512];
            let turn = random.u64(..);
            let (_, len) = server.write(qtype, turn, IpAddr::from(client), &mut room).unwrap();
            room[..len].to_vec()
        };
        let a = ask(&here, rtype::A, 1);
        assert_eq!(a, ask(&there, rtype::A, 254));
        // A and AAAA name the same members.
        let hosts = |records: &[u8], block: usize| -> Vec<u8> {
            records.chunks_exact(block).map(|record| record[block - 1]).collect()
        };
        assert_eq!(hosts(&a, 16), hosts(&ask(&there, rtype::AAAA, 9), 28));
    }
}
