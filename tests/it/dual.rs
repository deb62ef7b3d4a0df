//! Members with addresses of both families: each family is in or out by its own verdict.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tiovivo::checks::checked::Probe;
use tiovivo::checks::push::checked::PushProbe;
use tiovivo::cluster::check::{Check, CheckedFamily, Thresholds};
use tiovivo::cluster::checks::{Checks, NamedCheck};
use tiovivo::cluster::families::{Families, Family};
use tiovivo::cluster::member::{AddressKind, Member, PublicAddresses, Reach};
use tiovivo::cluster::node::{Node, NodeName, Role};
use tiovivo::cluster::pool::{Membership, Order, Pool, PoolId, WhenShort};
use tiovivo::cluster::steadiness::{Damping, Steadiness};
use tiovivo::cluster::tiers::Tiers;
use tiovivo::control::change_feed::Change;
use tiovivo::control::health_file::{self, SavedPool};
use tiovivo::control::status::{FamilyStatus, Status};
use tiovivo::control::writer::Control;
use tiovivo::health::probe::answer::Verdict;
use tiovivo::health::probe::failure::Failure;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::cluster::{check, kept, loaded, pool};
use crate::control::{OK, REFUSED, Run};

const SOON: Duration = Duration::from_secs(20);
const NO_NETWORK: Verdict = Err(Failure::NoNetwork);

fn member(name: &str, v4: Option<Ipv4Addr>, v6: Option<Ipv6Addr>) -> Member<PublicAddresses> {
    let node = Node {
        name: NodeName::new(name),
        role: Role::Child,
        address: v4,
        address6: v6,
        private: None,
        tags: Default::default(),
        weight: 1,
    };
    let addresses = PublicAddresses::of(&node, AddressKind::Public).unwrap().unwrap();
    let reach = Reach::of(&node);
    Member { node: node.name, role: node.role, addresses, reach, weight: 1 }
}

/// A run knows its targets by the last octet: that of IPv4, and 10 more of IPv6.
fn both(host: u8) -> Member<PublicAddresses> {
    let v6 = Ipv6Addr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host) + 10]);
    member(&format!("server-{host}"), Some([127, 0, 0, host].into()), Some(v6))
}

pub fn dual(hosts: &[u8]) -> Pool {
    let members = hosts.iter().copied().map(both).collect();
    Pool { membership: Membership::Everyone(members), ..pool("web", &[2]) }
}

/// Who is answered with IPv4, and with IPv6.
fn answered(run: &Run) -> [Vec<usize>; 2] {
    let selection = &run.state.answers()[0].selection;
    Family::ALL.map(|family| selection.of(family).members.clone())
}

fn changes(run: &mut Run) -> Vec<(String, Option<&'static str>, &'static str)> {
    let changes = run.state.take_changes().into_iter();
    changes
        .filter_map(|Change { node, family, new, .. }| Some((node?, family, new.as_str())))
        .collect()
}

#[test]
fn a_member_whose_ipv6_is_dead_stays_in_a_and_leaves_aaaa() {
    let mut run = Run::ready(vec![dual(&[2, 3])]);
    assert_eq!(answered(&run), [vec![0, 1], vec![0, 1]]);
    assert_eq!(run.member(0).why, "serving: 200 in 1.3 ms");
    run.state.take_changes();

    run.fall(&[12]);
    assert_eq!(answered(&run), [vec![0, 1], vec![1]]);
    let told = "server-2 out of the IPv6 answers of web: connection refused (3/3)";
    assert_eq!(run.changes(), [told]);
    assert_eq!(changes(&mut run), [("server-2".into(), Some("v6"), "out")]);

    let (pool, member) = (run.pool(), run.member(0));
    assert_eq!(pool.why, "IPv4: all 2 serve; IPv6: 1 of 2 serve");
    assert_eq!((pool.serving, pool.short), (2, false));
    let families = pool.answering_families.unwrap();
    assert_eq!((families.v4.len(), families.v6), (2, vec!["server-3".to_owned()]));
    assert_eq!(
        member.why,
        "IPv4: serving: 200 in 1.3 ms; IPv6: out since 10:02:07 UTC: connection refused"
    );
    assert_eq!((member.in_answers, member.check.state), (true, "up"));
    assert_eq!((member.check.probes, member.check.failures), (5, 3));
    assert_eq!(member.check.last_error.as_deref(), Some("IPv6: connection refused"));
    assert_eq!(
        member.check.probe,
        "TCP connection to 127.0.0.2:80; TCP connection to [2001:db8::c]:80"
    );
    let [v4, v6] = &member.families[..] else { panic!("{:?}", member.families) };
    let of = |of: &FamilyStatus| (of.family, of.serving, of.in_answers, of.check.state);
    assert_eq!(of(v4), ("v4", true, true, "up"));
    assert_eq!(of(v6), ("v6", false, false, "down"));
    assert_eq!((v4.address.as_str(), v6.address.as_str()), ("127.0.0.2", "2001:db8::c"));

    run.see(12, &OK);
    run.see(12, &OK);
    assert_eq!(answered(&run), [vec![0, 1], vec![0, 1]]);
    assert_eq!(changes(&mut run), [("server-2".into(), Some("v6"), "serving")]);
}

#[test]
fn a_member_is_out_when_it_is_out_in_all_of_its_families() {
    let mut run = Run::ready(vec![dual(&[2, 3])]);
    run.state.take_changes();
    run.fall(&[12]);
    run.fall(&[2]);
    assert_eq!(answered(&run), [vec![1], vec![1]]);
    assert_eq!(
        changes(&mut run),
        [("server-2".into(), Some("v6"), "out"), ("server-2".into(), None, "out")]
    );
    assert_eq!((run.pool().serving, run.member(0).check.state), (1, "down"));
    assert!(run.changes()[1].contains("out of the IPv4 answers of web"));

    for host in [2, 2, 12, 12] {
        run.see(host, &OK);
    }
    assert_eq!(
        changes(&mut run),
        [("server-2".into(), None, "serving"), ("server-2".into(), Some("v6"), "serving")]
    );
}

#[test]
fn the_first_round_tells_of_both_families_in_one_sentence() {
    let mut run = Run::new(vec![dual(&[2, 3])], &[]);
    for host in [2, 12] {
        run.see(host, &REFUSED);
    }
    for host in [3, 13] {
        run.see(host, &OK);
    }
    assert_eq!(run.changes(), ["server-2 out of the answers of web: connection refused"]);
    assert_eq!(changes(&mut run), [("server-2".into(), None, "out")]);
}

#[test]
fn no_family_is_empty_by_accident() {
    for (rule, v6) in [(WhenShort::All, vec![0, 1]), (WhenShort::None, vec![])] {
        let mut run = Run::ready(vec![Pool { when_short: rule, ..dual(&[2, 3]) }]);
        run.fall(&[12]);
        run.fall(&[13]);
        assert_eq!(answered(&run), [vec![0, 1], v6], "{rule:?}");
        assert!(run.pool().why.starts_with("IPv4: all 2 serve; IPv6: 0 of 2 serve, at least 1"));
    }
    // The last set of each family.
    let last_known = Pool { when_short: WhenShort::LastKnown, ..dual(&[2, 3]) };
    let mut run = Run::ready(vec![last_known]);
    run.fall(&[12]);
    run.fall(&[13]);
    assert_eq!(answered(&run), [vec![0, 1], vec![1]]);
    // Who is content with an empty AAAA says so.
    let families = Some(Families { v4: 1, v6: 0 });
    let mut run = Run::ready(vec![Pool { families, ..dual(&[2, 3]) }]);
    run.fall(&[12]);
    run.fall(&[13]);
    assert_eq!((answered(&run), run.pool().short), ([vec![0, 1], vec![]], false));
}

/// One alone has IPv6: it is needed there only while it is there at all.
#[test]
fn a_family_that_few_have_is_not_short_for_that() {
    let mut members = vec![both(2)];
    members.extend(
        [3, 4].map(|host| member(&format!("server-{host}"), Some([127, 0, 0, host].into()), None)),
    );
    let membership = Membership::Everyone(members);
    let pool =
        Pool { membership, min_serving: 2, when_short: WhenShort::None, ..pool("web", &[2]) };
    let mut run = Run::ready(vec![pool]);
    assert_eq!((answered(&run), run.pool().short), ([vec![0, 1, 2], vec![0]], false));
    run.fall(&[2]);
    assert_eq!((answered(&run), run.pool().short), ([vec![1, 2], vec![0]], false));
    run.fall(&[12]);
    assert_eq!((answered(&run), run.pool().short), ([vec![1, 2], vec![]], false), "as it is dead");
    run.fall(&[3]);
    assert_eq!((answered(&run), run.pool().short), ([vec![], vec![]], true));
    assert_eq!(run.member(1).families.len(), 0, "a member with one family has one verdict");
    assert!(run.changes()[2].contains("server-3 out of the answers of web"));
}

/// Only a member that lives is a last resort of its family.
#[test]
fn a_node_that_is_dead_or_drained_is_not_answered_for_the_sake_of_a_family() {
    let membership =
        Membership::Everyone(vec![both(2), member("server-3", Some([127, 0, 0, 3].into()), None)]);
    let mut run = Run::ready(vec![Pool { membership, ..pool("web", &[2]) }]);
    run.fall(&[12]);
    assert_eq!(answered(&run), [vec![0, 1], vec![0]], "nobody else has IPv6, and it lives");
    run.fall(&[2]);
    assert_eq!(answered(&run), [vec![1], vec![]]);
    run.fall(&[3]);
    assert_eq!(answered(&run), [vec![0, 1], vec![0]], "all are dead: when_short: all");
}

#[test]
fn a_fallback_stands_in_for_the_families_that_it_has() {
    let web = Pool { when_short: WhenShort::Pool(PoolId(1)), ..dual(&[2, 3]) };
    let mut run = Run::ready(vec![web, pool("spare", &[9])]);
    run.fall(&[2, 3]);
    run.fall(&[12, 13]);
    let selection = &run.state.answers()[0].selection;
    assert_eq!((selection.pool, &selection.members), (PoolId(1), &vec![0]));
    let v6 = selection.of(Family::V6);
    assert_eq!((v6.pool, &v6.members), (PoolId(0), &vec![0, 1]), "spare has no IPv6");
    assert!(run.pool().why.ends_with("as pool spare has no such address (when_short)"));
}

#[test]
fn each_family_fails_over_by_itself_and_stays() {
    let failover = Pool { order: Order::Failover, stay: true, ..dual(&[2, 3]) };
    let mut run = Run::ready(vec![failover.clone()]);
    assert_eq!(answered(&run), [vec![0], vec![0]]);
    run.fall(&[12]);
    assert_eq!(answered(&run), [vec![0], vec![1]]);
    let told = "server-3 takes charge of the IPv6 answers from server-2, and stays";
    assert!(run.changes().iter().any(|change| change.contains(told)), "{:?}", run.changes());
    assert_eq!(run.pool().in_charge.unwrap(), ["server-2", "server-3"]);
    for _ in 0..2 {
        run.see(12, &OK);
    }
    assert_eq!(answered(&run), [vec![0], vec![1]], "it stays");
    let again = Run::new(vec![failover.clone()], &kept(&run.state));
    assert_eq!(answered(&again), [vec![0], vec![1]], "also over a restart");
    run.reload(vec![failover]);
    assert_eq!(answered(&run), [vec![0], vec![1]], "and over a reload");
}

/// Two tiers of two, of which two must serve; the first has one with IPv6.
#[test]
fn a_tier_suffices_in_a_family_with_those_that_it_has_of_it() {
    let four = |host: u8| member(&format!("server-{host}"), Some([127, 0, 0, host].into()), None);
    let membership = Membership::Everyone(vec![both(2), four(3), both(4), both(5)]);
    let tiers = Tiers::of([2, 2]);
    let order = Order::Failover;
    let pool = Pool { membership, tiers, order, min_serving: 2, ..pool("web", &[2]) };
    let mut run = Run::ready(vec![pool]);
    assert_eq!(answered(&run), [vec![0, 1], vec![0]]);
    run.fall(&[3]);
    assert_eq!(answered(&run), [vec![2, 3], vec![0]]);
    run.fall(&[12]);
    assert_eq!(answered(&run), [vec![2, 3], vec![2, 3]]);
}

const STEADY: Steadiness = Steadiness {
    damping: Some(Damping {
        falls: 2,
        within: Duration::from_secs(600),
        hold: Duration::from_secs(60),
        most: Duration::from_secs(60),
    }),
    slow_start: Some(Duration::from_secs(30)),
    common_cause: Some(Duration::from_secs(60)),
};

#[test]
fn damping_and_slow_start_are_of_the_family_that_fell() {
    let mut run = Run::ready(vec![Pool { steadiness: STEADY, ..dual(&[2, 3, 4]) }]);
    for _ in 0..2 {
        run.fall(&[12]);
        run.see(12, &OK);
        run.see(12, &OK);
    }
    assert_eq!(answered(&run), [vec![0, 1, 2], vec![1, 2]]);
    let member = run.member(0);
    let [v4, v6] = &member.families[..] else { panic!("{member:?}") };
    assert_eq!((v4.falls, v6.falls), (0, 2));
    assert!(v4.held_until.is_none() && v6.held_until.is_some() && member.held_until.is_none());
    assert!(run.changes().iter().any(|c| c.contains("is well again over IPv6")));

    let again = Run::new(vec![Pool { steadiness: STEADY, ..dual(&[2, 3, 4]) }], &kept(&run.state));
    assert!(again.member(0).families[1].held_until.is_some(), "over a restart");
    assert!(again.member(0).families[0].held_until.is_none());

    run.now += SignedDuration::from_secs(120);
    run.state.advance(run.now);
    assert_eq!(answered(&run), [vec![0, 1, 2], vec![0, 1, 2]]);
    let shares = Family::ALL.map(|family| {
        let selection = run.state.answers()[0].selection.of(family);
        selection.shares.iter().map(|share| share.get()).collect::<Vec<u8>>()
    });
    assert_eq!(shares, [vec![100; 3], vec![10, 100, 100]]);
}

#[test]
fn most_of_one_family_that_fail_at_once_are_kept_and_the_other_goes_on() {
    let mut run = Run::ready(vec![Pool { steadiness: STEADY, ..dual(&[2, 3, 4]) }]);
    run.fall(&[2]);
    run.fall(&[12, 13, 14]);
    assert_eq!(answered(&run), [vec![1, 2], vec![0, 1, 2]]);
    let pool = run.pool();
    assert!(pool.why.contains("; IPv6: most members fail at once"), "{}", pool.why);
    assert!(pool.kept.is_some());
    let hurried = run.state.take_probe_changes().at_once;
    assert!(hurried.len() >= 3, "{hurried:?}");
}

/// As before: what IPv4 says counts for both while this machine has no IPv6.
#[test]
fn a_family_that_this_machine_cannot_reach_follows_the_other_one() {
    let mut run = Run::new(vec![dual(&[2, 3])], &[]);
    for host in [12, 13] {
        run.see(host, &NO_NETWORK);
    }
    for host in [2, 3] {
        run.see(host, &OK);
    }
    assert_eq!(answered(&run), [vec![0, 1], vec![0, 1]]);
    assert_eq!((run.pool().short, run.pool().ttl), (false, 30));
    run.fall(&[2]);
    run.see(12, &NO_NETWORK);
    assert_eq!(answered(&run), [vec![1], vec![1]]);
    assert_eq!(run.pool().serving, 1);
    let why = &run.member(0).families[1].why;
    assert_eq!(why, "this machine has no IPv6 route to it: IPv4 decides");
    let error = run.member(0).families[1].check.last_error.clone();
    assert_eq!(error.as_deref(), Some("this machine has no IPv6 route to it"));

    // It has IPv6 now.
    run.see(12, &OK);
    assert_eq!(answered(&run), [vec![1], vec![0, 1]]);
    run.see(13, &REFUSED);
    assert_eq!(answered(&run), [vec![1], vec![0]]);
}

#[test]
fn a_member_with_ipv6_alone_is_judged_from_everywhere() {
    let six = |host: u8| {
        let v6 = Ipv6Addr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)]);
        member(&format!("server-{host}"), None, Some(v6))
    };
    let membership = Membership::Everyone(vec![six(2), six(3)]);
    let mut run = Run::ready(vec![Pool { membership, ..pool("web", &[2]) }]);
    for _ in 0..3 {
        run.see(2, &NO_NETWORK);
    }
    assert_eq!(answered(&run), [vec![1], vec![1]]);
    assert_eq!(run.member(0).why, "out since 10:02:05 UTC: this machine has no IPv6 route to it");
}

#[test]
fn one_family_may_speak_for_both() {
    for family in Family::ALL {
        let checks = Checks::one(Check { family: CheckedFamily::Only(family), ..check(80) });
        let mut run = Run::ready(vec![Pool { checks, ..dual(&[2, 3]) }]);
        run.fall(&[if family == Family::V4 { 2 } else { 12 }]);
        assert_eq!(answered(&run), [vec![1], vec![1]]);
        assert!(run.member(0).families.is_empty() && run.pool().answering_families.is_none());
    }
}

fn reports() -> Check {
    let probe = Probe::Push(PushProbe { expires: Duration::from_secs(60), load: false });
    Check { probe, ..check(80) }
}

#[test]
fn what_is_said_of_the_whole_node_counts_in_both_families() {
    let named = |name: &str, check| NamedCheck { name: name.into(), check };
    // The run takes the last one of an octet: not the reports.
    let list = vec![named("push", reports()), named("http", check(80)), named("agent", check(443))];
    let of_443 = 50;
    let checks = Checks::new(list, 3).unwrap();
    let private = Pool { checks, ..dual(&[2, 3]) };
    let mut run = Run::new(vec![private], &[]);
    // http and agent over IPv4 and IPv6, and one target of the reports.
    let members = &run.state.pools[0].members;
    assert_eq!(members[0].targets().count(), 6);
    let mut targets: Vec<_> = members[0].targets().collect();
    targets.sort();
    targets.dedup();
    assert_eq!(targets.len(), 5);
    let push = members[0].first_targets().next().unwrap();
    for host in [2, 3, 12, 13] {
        run.see(host, &OK);
        run.see(host + of_443, &OK);
    }
    let report = |run: &mut Run, verdict: Verdict| {
        run.now += SignedDuration::from_secs(1);
        let observation = tiovivo::health::Observation { target: push, verdict };
        run.state.observe(&observation, run.now);
        run.state.commit(run.now);
    };
    for _ in 0..3 {
        report(&mut run, REFUSED);
    }
    assert_eq!(answered(&run), [vec![1], vec![1]]);
    let member = run.member(0);
    let probes: Vec<u64> = member.checks.iter().map(|of| of.check.probes).collect();
    assert_eq!((probes, member.check.probes), (vec![3, 2, 2], 7));
    for _ in 0..2 {
        report(&mut run, OK);
    }
    run.fall(&[12]);
    assert_eq!(answered(&run), [vec![0, 1], vec![1]]);
}

#[test]
fn verdicts_outlive_a_restart_and_a_reload() {
    let mut run = Run::ready(vec![dual(&[2, 3])]);
    run.fall(&[12]);
    let again = Run::new(vec![dual(&[2, 3])], &kept(&run.state));
    assert_eq!(answered(&again), [vec![0, 1], vec![1]]);
    assert_eq!(run.reload(vec![dual(&[2, 3])]), 0, "nothing is probed anew");
    assert_eq!(answered(&run), [vec![0, 1], vec![1]]);

    // From one verdict to two, and back.
    let one = || {
        let checks = Checks::one(Check { family: CheckedFamily::Only(Family::V4), ..check(80) });
        Pool { checks, ..dual(&[2, 3]) }
    };
    let mut run = Run::ready(vec![one()]);
    run.fall(&[2]);
    assert_eq!(run.reload(vec![dual(&[2, 3])]), 4);
    assert_eq!(answered(&run), [vec![1], vec![1]], "until they are probed");
    for host in [2, 12, 12] {
        run.see(host, &OK);
    }
    assert_eq!(answered(&run), [vec![1], vec![0, 1]]);
    assert_eq!(run.reload(vec![one()]), 2);
    assert_eq!(answered(&run), [vec![1], vec![1]]);
}

#[test]
fn a_file_of_an_older_version_says_nothing_of_ipv6() {
    let folder = tempfile::tempdir().unwrap();
    let written = Timestamp::now();
    let content = format!(
        r#"{{"version":2,"written":"{written}","pools":[{{"name":"web","last_enough":["server-3"],
        "last_enough6":null,"in_charge":[],
        "members":[{{"node":"server-2","serving":false,"since":"{written}"}}]}}]}}"#
    );
    std::fs::write(folder.path().join(health_file::FILE), content).unwrap();
    let kept: Vec<SavedPool> = health_file::read(folder.path(), tiovivo::clock::now());
    let run = Run::new(vec![dual(&[2, 3])], &kept);
    assert_eq!(answered(&run), [vec![1], vec![0, 1]]);
}

/// A real node: 127.0.0.x and ::1, of which one port is closed.
#[tokio::test]
async fn a_real_node_is_answered_in_the_family_that_listens() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let quick = Check {
        every: Duration::from_millis(300),
        timeout: Duration::from_millis(290),
        thresholds: Thresholds { fall: 2, rise: 2, forgive: 10 },
        ..check(port)
    };
    let node = member("server-2", Some([127, 0, 0, 2].into()), Some(Ipv6Addr::LOCALHOST));
    let pool = Pool {
        membership: Membership::Everyone(vec![node]),
        checks: Checks::one(quick),
        when_short: WhenShort::None,
        ..pool("web", &[2])
    };
    let (control, reader) = Control::new(loaded(vec![pool]), folder.path().into());
    let mut handle = control.start();
    let counts = || [1, 28].map(|rtype| reader.load().pool(0).unwrap().count(rtype));
    let until = async |handle: &mut tiovivo::control::writer::ControlHandle, wanted: [bool; 2]| {
        let is = |status: &Status| {
            let families = &status.pools[0].members[0].families;
            families.iter().map(|of| of.in_answers).eq(wanted) && status.ready
        };
        timeout(SOON, handle.status.wait_for(|status| is(status))).await.expect("in time").unwrap();
    };
    until(&mut handle, [true, false]).await;
    assert_eq!(counts(), [1, 0]);
    // The other way round.
    let six = TcpListener::bind((IpAddr::from(Ipv6Addr::LOCALHOST), port)).await.unwrap();
    until(&mut handle, [true, true]).await;
    drop(listener);
    until(&mut handle, [false, true]).await;
    assert_eq!(counts(), [0, 1]);
    drop(six);
    until(&mut handle, [false, false]).await;
    handle.stop().await;
}
