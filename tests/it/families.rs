//! Address families that are counted apart: one that falls short alone is filled up alone.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use proptest::prelude::*;
use tiovivo::cluster::check::{Check, CheckedFamily};
use tiovivo::cluster::checks::Checks;
use tiovivo::cluster::families::{Families, Family};
use tiovivo::cluster::member::{AddressKind, Member, PublicAddresses, Reach};
use tiovivo::cluster::node::{Node, NodeName, Role};
use tiovivo::cluster::pool::{Membership, Pool, PoolId, WhenShort};
use tiovivo::cluster::standing::Standing;

use crate::cluster::{check, kept, pool};
use crate::control::{OK, Run};
use crate::guard::addresses;
use crate::world::{Ask, World};

/// Host 2 has IPv4, 3 and 4 have both, 5 has IPv6.
fn member(host: u8) -> Member<PublicAddresses> {
    let node = Node {
        name: NodeName::new(&format!("server-{host}")),
        role: Role::Child,
        address: (host < 5).then(|| [127, 0, 0, host].into()),
        address6: (host > 2).then(|| Ipv6Addr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()])),
        private: None,
        tags: Default::default(),
        weight: 1,
    };
    let addresses = PublicAddresses::of(&node, AddressKind::Public).unwrap().unwrap();
    let reach = Reach::of(&node);
    Member { node: node.name, role: node.role, addresses, reach, weight: 1 }
}

fn counted(v4: usize, v6: usize, when_short: WhenShort) -> Pool {
    let membership = Membership::Everyone([2, 3, 4, 5].map(member).into());
    let families = Some(Families { v4, v6 });
    // One verdict of a member, whatever families it has.
    let checks = Checks::one(Check { family: CheckedFamily::Only(Family::V4), ..check(80) });
    let min_serving = v4.max(v6);
    Pool { membership, families, min_serving, when_short, checks, ..pool("web", &[2]) }
}

/// Who is answered with IPv4, and with IPv6.
fn answered(run: &Run) -> [Vec<usize>; 2] {
    let selection = &run.state.answers()[0].selection;
    [selection.members.clone(), selection.v6.as_ref().unwrap().members.clone()]
}

#[test]
fn a_family_that_is_short_is_filled_up_and_the_other_is_not() {
    let mut run = Run::ready(vec![counted(2, 2, WhenShort::All)]);
    assert_eq!(answered(&run), [vec![0, 1, 2], vec![1, 2, 3]]);
    assert_eq!(run.pool().why, "IPv4: all 3 serve; IPv6: all 3 serve");
    run.state.take_log_lines();
    run.fall(&[4, 5]);
    assert_eq!(answered(&run), [vec![0, 1], vec![1, 2, 3]]);
    let why = "IPv4: 2 of 3 serve; IPv6: 1 of 3 serve, at least 2 must: all members are answered \
        (when_short: all)";
    let pool = run.pool();
    assert_eq!((pool.short, pool.why.as_str()), (true, why));
    assert_eq!(pool.answering, ["server-2", "server-3", "server-4", "server-5"]);
    assert!(
        run.state
            .take_log_lines()
            .iter()
            .any(|n| n.warning && n.text == format!("pool web: {why}"))
    );

    // The other family follows: told, but no second change of the pool.
    run.state.take_changes();
    run.fall(&[2]);
    assert_eq!(answered(&run), [vec![0, 1, 2], vec![1, 2, 3]]);
    assert!(
        run.state.take_log_lines().iter().any(|n| n.warning && n.text.contains("IPv4: 1 of 3"))
    );
    assert!(run.state.take_changes().iter().all(|change| change.node.is_some()));
}

#[test]
fn each_family_remembers_its_own_last_set() {
    let last_known = || counted(2, 2, WhenShort::LastKnown);
    let mut run = Run::ready(vec![last_known()]);
    run.fall(&[5]);
    run.fall(&[4]);
    // Two serve with IPv4 all the while, one with IPv6.
    assert_eq!(answered(&run), [vec![0, 1], vec![1, 2]]);
    run.see(4, &OK);
    run.fall(&[3]);
    assert_eq!(answered(&run), [vec![0, 1], vec![1, 2]], "the last two of each family");
    let again = Run::new(vec![last_known()], &kept(&run.state));
    assert_eq!(answered(&again), [vec![0, 1], vec![1, 2]], "also over a restart");
    run.reload(vec![last_known()]);
    assert_eq!(answered(&run), [vec![0, 1], vec![1, 2]]);
}

#[test]
fn another_pool_stands_in_for_one_family() {
    let web = counted(1, 2, WhenShort::Pool(PoolId(1)));
    let membership = Membership::Everyone(vec![member(9)]);
    let mut run = Run::ready(vec![web, Pool { membership, ..pool("spare", &[9]) }]);
    run.fall(&[4, 5]);
    let selection = &run.state.answers()[0].selection;
    assert_eq!((selection.pool, &selection.members), (PoolId(0), &vec![0, 1]));
    let v6 = selection.v6.as_ref().unwrap();
    assert_eq!((v6.pool, &v6.members), (PoolId(1), &vec![0]));
    assert!(run.pool().why.ends_with("pool spare stands in (when_short)"), "{}", run.pool().why);

    // A pool of the other kind gets both of what it answers.
    let plain = Pool { when_short: WhenShort::Pool(PoolId(1)), ..pool("web", &[9]) };
    let mut run = Run::ready(vec![plain, counted(1, 3, WhenShort::None)]);
    run.fall(&[9, 5]);
    assert_eq!(answered(&run), [vec![0, 1, 2], vec![]]);
    assert!(run.pool().why.starts_with("0 of 1 serve"), "{}", run.pool().why);
}

const ZONE: &str = "$TTL 1h\n@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.53\n";

fn world(rule: &str, v4: usize, v6: usize) -> World {
    let config = format!(
        "zones: [{{ apex: midominio.com, file: zone }}]\n\
         pools:\n\
         \x20 web:\n\
         \x20   names: [midominio.com]\n\
         \x20   members: {{ role: child }}\n\
         \x20   min_serving: {{ v4: {v4}, v6: {v6} }}\n\
         \x20   when_short: {rule}\n\
         \x20   https: true\n\
         \x20   check: {{ tcp: {{ port: 80 }} }}\n\
         nodes:\n\
         \x20 mother: {{ role: mother, address: 192.0.2.17, address6: '2001:db8::17' }}\n\
         \x20 a: {{ role: child, address: 192.0.2.1 }}\n\
         \x20 b: {{ role: child, address: 192.0.2.2, address6: '2001:db8::2' }}\n\
         \x20 c: {{ role: child, address: 192.0.2.3, address6: '2001:db8::3' }}\n\
         \x20 d: {{ role: child, address6: '2001:db8::4' }}\n"
    );
    World::load(&[("config.yaml", &config), ("zone", ZONE)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// 40 runs of 64 changes, three questions each.
    #[test]
    fn a_family_with_enough_is_those_that_serve_whatever_the_other_one_is(
        rule in prop::sample::select(&["all", "last_known", "none"]),
        (v4, v6) in (1usize..=3, 1usize..=3),
        changes in prop::collection::vec((0usize..4, any::<bool>()), 64),
    ) {
        let mut world = world(rule, v4, v6);
        let mut up = [true; 4];
        for (member, serves) in changes {
            up[member] = serves;
            let standing = if serves { Standing::Serving } else { Standing::Out };
            world.set(["a", "b", "c", "d"][member], standing);
            let turn = world.turn;
            let mut hints = vec![];
            for (rtype, least, first) in [("A", v4, 0), ("AAAA", v6, 1)] {
                world.turn = turn;
                let answered = addresses(&world.ask(&Ask::new("midominio.com", rtype)).unwrap());
                let serving = (first..first + 3).filter(|member| up[*member]);
                let address = |member: usize| -> IpAddr {
                    let host = member + 1;
                    match rtype {
                        "A" => IpAddr::from([192, 0, 2, host as u8]),
                        _ => format!("2001:db8::{host}").parse().unwrap(),
                    }
                };
                let serving: BTreeSet<IpAddr> = serving.map(address).collect();
                let set: BTreeSet<IpAddr> = answered.iter().copied().collect();
                match (serving.len() >= least, rule) {
                    (true, _) => prop_assert_eq!(&set, &serving),
                    (false, "none") => prop_assert!(set.is_empty()),
                    (false, "all") => prop_assert_eq!(set.len(), 3),
                    (false, _) => prop_assert!(set.len() >= least),
                }
                prop_assert!(!set.iter().any(|address| address.to_string().ends_with("17")));
                hints.extend(answered);
            }
            world.turn = turn;
            let https = world.ask(&Ask::new("midominio.com", "HTTPS")).unwrap();
            prop_assert_eq!(addresses(&https), hints);
        }
    }
}
