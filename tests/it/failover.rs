//! Failover: one tier of a pool is answered, and with `stay` whoever took over is not replaced by who
//! recovers.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tiovivo::clock;
use tiovivo::cluster::hook::Scope;
use tiovivo::cluster::pool::{Order, Pool, WhenShort};
use tiovivo::cluster::tiers::Tiers;
use tiovivo::control::health_file::{self, SavedPool};
use tiovivo::control::overrides::request;

use crate::cluster::{kept, pool};
use crate::control::{OK, REFUSED, Run};

/// Two tiers of two and one of one.
fn tiers() -> Pool {
    let tiers = Tiers::of([2, 2, 1]);
    Pool { order: Order::Failover, tiers, ..pool("db", &[2, 3, 4, 5, 6]) }
}

fn stays(hosts: &[u8]) -> Pool {
    Pool { order: Order::Failover, stay: true, ..pool("db", hosts) }
}

impl Run {
    fn rise(&mut self, hosts: &[u8]) {
        for host in hosts {
            self.see(*host, &OK);
            self.see(*host, &OK);
        }
    }

    fn order(&mut self, order: &str, target: &str) {
        let body = json!({"order": order, "target": target, "author": "ana@ns1"});
        let overrides = self.state.decide(&request::read(&body).unwrap(), self.now).unwrap();
        self.state.set_overrides(overrides, self.now);
    }

    fn answering(&self) -> Vec<String> {
        self.pool().answering
    }
}

#[test]
fn the_first_tier_in_which_one_serves_is_answered_as_a_whole() {
    let mut run = Run::ready(vec![tiers()]);
    assert_eq!(run.answering(), ["server-2", "server-3"]);
    assert_eq!(run.pool().why, "tier 1 is answered: 2 of 2 serve");
    run.fall(&[2]);
    assert_eq!(run.answering(), ["server-3"]);
    run.fall(&[3, 5]);
    assert_eq!(run.answering(), ["server-4"]);
    assert_eq!(run.pool().why, "tier 2 is answered: 1 of 2 serve");
    run.fall(&[4]);
    assert_eq!(run.answering(), ["server-6"]);
    run.rise(&[3]);
    assert_eq!(run.answering(), ["server-3"], "without `stay` it takes back");
}

#[test]
fn a_tier_with_too_few_is_passed_over_and_none_is_short() {
    let pool = || Pool { min_serving: 2, tiers: Tiers::of([2, 3]), ..tiers() };
    let mut run = Run::ready(vec![pool()]);
    run.fall(&[2]);
    assert_eq!(run.answering(), ["server-4", "server-5", "server-6"]);
    run.fall(&[4, 5]);
    let why = "2 of 5 serve, at least 2 of a tier must: tier 1 is answered (when_short: all)";
    assert_eq!((run.pool().short, run.pool().why.as_str()), (true, why));
    assert_eq!(run.answering(), ["server-2", "server-3"]);
    run.order("drain", "server-2");
    run.order("drain", "server-3");
    assert_eq!(run.answering(), ["server-4", "server-5", "server-6"], "nobody ordered them out");

    let mut run = Run::ready(vec![Pool { when_short: WhenShort::LastKnown, ..pool() }]);
    run.fall(&[3]);
    run.fall(&[4, 5]);
    assert_eq!(run.answering(), ["server-5", "server-6"], "the last tier that had enough");
}

#[test]
fn who_recovers_does_not_take_back_from_who_stays() {
    let mut run = Run::ready(vec![stays(&[2, 3, 4])]);
    assert_eq!(run.pool().in_charge.unwrap(), ["server-2"]);
    run.state.take_log_lines();
    run.fall(&[2]);
    assert_eq!(run.answering(), ["server-3"]);
    let what = "server-3 takes charge from server-2, and stays";
    assert_eq!(run.changes().last().unwrap(), &format!(" {what}"));
    let news = run.state.take_log_lines();
    assert!(news.iter().any(|news| news.warning && news.text == format!("pool db: {what}")));
    let changes = run.state.take_changes();
    let change = changes.iter().find(|change| change.scope == Scope::Pool).unwrap();
    assert_eq!(
        (change.old.as_str(), change.new.as_str(), change.cause.as_str()),
        ("primary", "reserve", what)
    );

    run.rise(&[2]);
    assert_eq!(run.answering(), ["server-3"]);
    let why = "server-3 is answered: it stays in charge, though server-2 serves again";
    assert_eq!(run.pool().why, why);
    assert_eq!(run.member(0).why, "serving: 200 in 1.3 ms; in reserve, another is answered");

    run.fall(&[3]);
    assert_eq!(run.answering(), ["server-2"], "the first that serves follows who fell");
    run.rise(&[3]);
    assert_eq!(run.answering(), ["server-2"]);
}

#[test]
fn the_operator_gives_it_back_by_a_drain() {
    let mut run = Run::ready(vec![stays(&[2, 3])]);
    run.fall(&[2]);
    run.rise(&[2]);
    run.order("force-up", "server-2");
    assert_eq!(run.answering(), ["server-3"], "who is up is not in charge for it");
    run.order("drain", "server-3");
    assert_eq!(run.answering(), ["server-2"]);
    run.order("release", "server-3");
    run.order("release", "server-2");
    assert_eq!(run.answering(), ["server-2"]);
    let back = "server-2 takes charge from server-3, and stays".to_owned();
    assert!(run.state.journal.recent.iter().any(|change| change.what == back));
}

#[test]
fn who_is_in_charge_outlives_total_failure_reload_and_restart() {
    let mut run = Run::ready(vec![stays(&[2, 3])]);
    run.fall(&[2]);
    run.fall(&[3]);
    assert!(run.pool().short);
    assert_eq!(run.answering(), ["server-3"], "the last that served is the best guess");
    run.rise(&[3, 2]);
    assert_eq!(run.answering(), ["server-3"]);

    // Another place in the list, and others around it.
    run.reload(vec![stays(&[9, 2, 3])]);
    assert_eq!(run.answering(), ["server-3"]);
    run.rise(&[9]);
    assert_eq!(run.answering(), ["server-3"]);
    let mut again = Run::new(vec![stays(&[2, 3])], &kept(&run.state));
    assert_eq!(again.answering(), ["server-3"], "before the first probe");
    again.rise(&[2, 3]);
    assert_eq!(again.answering(), ["server-3"]);
    assert_eq!(again.changes(), [""; 0], "nothing happened");

    // It left the pool, or `stay` did: then it is as if it were new.
    run.reload(vec![stays(&[9, 2])]);
    assert_eq!(run.answering(), ["server-9"]);
    again.reload(vec![Pool { stay: false, ..stays(&[2, 3]) }]);
    assert_eq!(again.answering(), ["server-2"]);
    again.reload(vec![stays(&[2, 3])]);
    assert_eq!(again.answering(), ["server-2"]);
}

#[test]
fn a_tier_stays_while_it_has_enough() {
    let mut run = Run::ready(vec![Pool { stay: true, ..tiers() }]);
    run.fall(&[2, 3]);
    run.rise(&[2, 3]);
    assert_eq!(run.answering(), ["server-4", "server-5"]);
    let why = "tier 2 is answered: it stays in charge, though tier 1 serves again";
    assert_eq!(run.pool().why, why);
    assert_eq!(run.pool().in_charge.unwrap(), ["server-4", "server-5"]);
    run.see(4, &REFUSED);
    run.fall(&[4]);
    assert_eq!(run.answering(), ["server-5"]);
    run.fall(&[5]);
    assert_eq!(run.answering(), ["server-2", "server-3"]);
}

fn write(folder: &std::path::Path, version: u32, age: SignedDuration, in_charge: &str) {
    let written = Timestamp::now() - age;
    let content = format!(
        r#"{{"version":{version},"written":"{written}","pools":[{{"name":"db","last_enough":[],
        {in_charge}"members":[{{"node":"server-2","serving":true,"since":"2026-03-01T10:02:11Z"}}
        ]}}]}}"#
    );
    fs::write(folder.join(health_file::FILE), content).unwrap();
}

/// An hour away makes standings stale, and changes nothing of who has the newest data.
#[test]
fn who_is_in_charge_has_no_age_and_the_file_before_it_still_loads() {
    let folder = tempfile::tempdir().unwrap();
    let recall = |version, age, in_charge| -> Vec<SavedPool> {
        write(folder.path(), version, age, in_charge);
        health_file::read(folder.path(), clock::now())
    };
    let (young, old) = (SignedDuration::from_mins(1), SignedDuration::from_hours(1));
    let three = r#""in_charge":["server-3"],"#;
    assert_eq!(recall(1, young, "")[0].members.len(), 1);
    assert_eq!(recall(1, old, ""), []);
    assert_eq!(recall(2, young, three)[0].members.len(), 1);
    for (age, members) in [(old, 0), (-old, 1)] {
        let kept = recall(2, age, three);
        assert_eq!(
            (kept[0].members.len(), kept[0].in_charge.as_slice()),
            (members, &["server-3".into()][..])
        );
        let run = Run::new(vec![stays(&[2, 3])], &kept);
        assert_eq!(run.answering(), ["server-3"]);
    }
}
