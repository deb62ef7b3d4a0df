//! Failure domains: an answer has as many of them as it can, and within one everybody has their turn.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::slice::from_ref;

use proptest::prelude::*;
use tiovivo::cluster::member::Member;
use tiovivo::cluster::pool::{Membership, Order, Pool, PoolId, Spread};
use tiovivo::cluster::selection::{Cause, Selection, Share};
use tiovivo::snapshot::pool::PoolAnswer;
use tiovivo::zone::rtype;

use crate::cluster;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Octets of an A record.
const BLOCK: usize = 16;

/// Members with these domains, of which these serve.
fn answer(order: Order, domains: &[u32], serving: &[usize], max_answers: usize) -> PoolAnswer {
    let members = (0..domains.len()).map(|host| Member {
        weight: if order == Order::Weighted { host as u8 % 3 + 1 } else { 1 },
        ..cluster::child(host as u8)
    });
    let pool = Pool {
        membership: Membership::Everyone(members.collect()),
        order,
        max_answers,
        spread: Some(Spread { by: "rack-*".into(), domains: domains.to_vec() }),
        ..cluster::pool("web", &[2])
    };
    let selection = Selection {
        pool: PoolId(0),
        members: serving.to_vec(),
        shares: vec![Share::FULL; serving.len()],
        cause: Cause::Enough,
        v6: None,
    };
    PoolAnswer::new(&pool, from_ref(&pool), &selection, 30)
}

/// The members of one answer.
fn ask(answer: &PoolAnswer, turn: u64, client: IpAddr) -> Vec<usize> {
    let mut room = [0; 256 * BLOCK];
    let (_, len) = answer.write(rtype::A, turn, client, &mut room).unwrap();
    room[..len].chunks_exact(BLOCK).map(|record| usize::from(record[BLOCK - 1])).collect()
}

/// How many members of each domain.
fn count(domains: &[u32], members: &[usize]) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for member in members {
        *counts.entry(domains[*member]).or_default() += 1;
    }
    counts
}

/// Whatever part of the answer a client looks at, no domain is in it twice while another could be in
/// it once more.
fn check_even(domains: &[u32], serving: &[usize], answered: &[usize]) -> Result<(), TestCaseError> {
    let there = count(domains, serving);
    for len in 0..=answered.len() {
        let counts = count(domains, &answered[..len]);
        let of = |domain: &u32| counts.get(domain).copied().unwrap_or_default();
        let most = counts.values().copied().max().unwrap_or_default();
        let least =
            there.iter().filter(|(domain, all)| of(domain) < **all).map(|(d, _)| of(d)).min();
        prop_assert!(least.is_none_or(|least| most <= least + 1), "{answered:?} of {domains:?}");
        prop_assert_eq!(counts.len(), len.min(there.len()));
    }
    Ok(())
}

fn orders() -> impl Strategy<Value = Order> {
    prop::sample::select(&[Order::Rotate, Order::Weighted, Order::Sticky])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// 400 pools, 50 answers of each.
    #[test]
    fn no_domain_is_answered_twice_before_every_other_once(
        order in orders(),
        members in prop::collection::vec((0u32..9, any::<bool>()), 1..60),
        max in 1usize..40,
        first_turn in any::<u32>(),
    ) {
        let domains: Vec<u32> = members.iter().map(|(domain, _)| *domain).collect();
        let serving = members.iter().enumerate().filter(|(_, (_, serves))| *serves);
        let serving: Vec<usize> = serving.map(|(index, _)| index).collect();
        let answer = answer(order, &domains, &serving, max);
        let again = self::answer(order, &domains, &serving, max);
        for turn in u64::from(first_turn)..u64::from(first_turn) + 50 {
            let client = IpAddr::from([192, 0, turn as u8, 7]);
            let answered = ask(&answer, turn, client);
            let different: BTreeSet<&usize> = answered.iter().collect();
            prop_assert_eq!(answered.len(), max.min(serving.len()));
            prop_assert!(different.len() == answered.len(), "{:?}", answered);
            prop_assert!(different.iter().all(|member| serving.contains(member)));
            check_even(&domains, &serving, &answered)?;
            prop_assert_eq!(&answered, &ask(&again, turn, client), "equal inputs, equal octets");
            if order == Order::Sticky {
                let neighbour = IpAddr::from([192, 0, turn as u8, 200]);
                prop_assert_eq!(&answered, &ask(&answer, turn + 1000, neighbour));
            }
        }
    }
}

/// How often each member is in an answer, and how often it is first.
fn turns(answer: &PoolAnswer, members: usize, turns: u64) -> [Vec<f64>; 2] {
    let (mut all, mut first) = (vec![0.0; members], vec![0.0; members]);
    for turn in 0..turns {
        let answered = ask(answer, turn, CLIENT);
        first[answered[0]] += 1.0;
        answered.iter().for_each(|member| all[*member] += 1.0);
    }
    [all, first]
}

#[test]
fn within_a_domain_everybody_appears_equally_often_and_all_are_first_equally_often() {
    const TURNS: u64 = 60_000;
    // Racks of 3, 1, 2 and 4.
    let domains = [0, 1, 3, 0, 2, 3, 0, 2, 3, 3];
    let all: Vec<usize> = (0..domains.len()).collect();
    for max in [1, 2, 3, 4, 5, 7, 10] {
        let [often, first] =
            turns(&answer(Order::Rotate, &domains, &all, max), domains.len(), TURNS);
        let fair = TURNS as f64 / domains.len() as f64;
        assert!(first.iter().all(|n| (n - fair).abs() < 0.01 * fair), "{max}: {first:?}");
        for domain in 0..4 {
            let members: Vec<f64> = all
                .iter()
                .filter(|member| domains[**member] == domain)
                .map(|member| often[*member])
                .collect();
            let mean = members.iter().sum::<f64>() / members.len() as f64;
            assert!(members.iter().all(|n| (n - mean).abs() < 0.03 * mean), "{max}: {members:?}");
        }
    }
}

/// With as many answers as domains each domain is in every answer, whatever its size.
#[test]
fn a_small_domain_is_in_every_answer_and_first_no_more_often() {
    let domains = [0, 0, 0, 1];
    let [often, first] = turns(&answer(Order::Rotate, &domains, &[0, 1, 2, 3], 2), 4, 12_000);
    assert_eq!(often[3], 12_000.0);
    assert!(often[..3].iter().all(|n| (n - 4_000.0).abs() < 150.0), "{often:?}");
    assert!(first.iter().all(|n| (n - 3_000.0).abs() < 30.0), "{first:?}");
}

#[test]
fn a_weight_decides_who_is_first_also_over_domains() {
    let domains = [0, 0, 0, 1, 1, 2];
    let all: Vec<usize> = (0..6).collect();
    let [_, first] = turns(&answer(Order::Weighted, &domains, &all, 3), 6, 24_000);
    for (member, n) in first.iter().enumerate() {
        let fair = 24_000.0 * (member % 3 + 1) as f64 / 12.0;
        assert!((n - fair).abs() < 0.01 * fair, "{member}: {n} of {fair}");
    }
}

/// When a member leaves, only the networks that had it first get another first one.
#[test]
fn a_sticky_spread_pool_moves_only_the_networks_of_who_left() {
    let domains = [0, 0, 1, 1, 2, 2];
    let before = answer(Order::Sticky, &domains, &[0, 1, 2, 3, 4, 5], 3);
    let after = answer(Order::Sticky, &domains, &[0, 1, 2, 4, 5], 3);
    for network in 0..4_000u16 {
        let [high, low] = network.to_be_bytes();
        let client = IpAddr::from([192, high, low, 1]);
        let (old, new) = (ask(&before, 0, client)[0], ask(&after, 0, client)[0]);
        assert!(old == new || old == 3, "{client}: {old} {new}");
    }
}
