//! Members that return: their part of the first places rises.

use std::time::Duration;

use serde_json::json;
use tiovivo::clock::Moment;
use tiovivo::cluster::pool::{Order, Pool};
use tiovivo::cluster::steadiness::Steadiness;
use tiovivo::control::overrides::request;

use crate::cluster::pool;
use crate::steadiness::{OK, REFUSED, Run};

fn slow(hosts: &[u8]) -> Pool {
    let slow_start = Some(Duration::from_secs(30));
    let steadiness = Steadiness { slow_start, ..Steadiness::default() };
    Pool { steadiness, ..pool("web", hosts) }
}

/// Percent of each answered member, as the snapshot has it.
fn shares(run: &Run) -> Vec<u8> {
    run.state.answers()[0].selection.shares.iter().map(|share| share.get()).collect()
}

#[test]
fn a_member_that_returns_takes_a_rising_part() {
    let mut run = Run::new(slow(&[2, 3, 4]), &[]);
    assert_eq!((shares(&run), run.state.due()), (vec![100; 3], None), "all are new");
    run.flap(0);
    assert_eq!(shares(&run), [10, 100, 100]);
    assert_eq!(run.member(0).share, 10);
    assert_eq!(
        run.member(0).why,
        "serving: 200 in 1.3 ms; starts slowly: 10 % of its part, all of it from 10:00:30 UTC"
    );
    let (mut steps, start) = (vec![], run.now);
    while let Some(due) = run.state.due() {
        run.now = due;
        run.state.advance(due);
        steps.push((due.duration_since(start).as_secs(), shares(&run)[0]));
    }
    assert_eq!(steps, [(6, 28), (12, 46), (18, 64), (24, 82), (30, 100)]);
    assert_eq!(run.member(0).why, "serving: 200 in 1.3 ms");
}

/// Whenever they return, they step together.
#[test]
fn many_that_return_make_no_more_snapshots_than_one() {
    let hosts: Vec<u8> = (1..=60).collect();
    let mut run = Run::new(slow(&hosts), &[]);
    (0..50).for_each(|member| run.see(member, &REFUSED, 3));
    let mut dues = vec![];
    for member in 0..50 {
        run.see(member, &OK, 2);
        run.now += jiff::SignedDuration::from_millis(50);
    }
    while let Some(due) = run.state.due() {
        run.now = due;
        run.state.advance(due);
        dues.push(due);
    }
    let seconds = dues.iter().map(|due| due.wall().strftime("%M:%S").to_string());
    assert!(seconds.eq(["00:06", "00:12", "00:18", "00:24", "00:30"]), "{dues:?}");
}

#[test]
fn nobody_is_spared_while_the_pool_is_short() {
    let mut run = Run::new(Pool { min_serving: 2, ..slow(&[2, 3]) }, &[]);
    run.see(0, &REFUSED, 3);
    run.see(1, &REFUSED, 3);
    run.see(0, &OK, 2);
    assert!(run.pool().short);
    assert_eq!(shares(&run), [100, 100]);
    run.wait(15);
    run.see(1, &OK, 2);
    assert_eq!(shares(&run), [46, 10]);
}

#[test]
fn failover_knows_no_parts() {
    let mut run = Run::new(Pool { order: Order::Failover, ..slow(&[2, 3]) }, &[]);
    run.flap(0);
    assert_eq!((shares(&run), run.state.due()), (vec![100], None));
}

#[test]
fn an_order_that_lets_it_serve_again_is_a_return_too() {
    let mut run = Run::new(slow(&[2, 3]), &[]);
    let mut order = |order| {
        let body = json!({"order": order, "target": "server-2", "author": "ana"});
        let overrides = run.state.decide(&request::read(&body).unwrap(), run.now).unwrap();
        run.state.set_overrides(overrides, run.now);
        (shares(&run), run.state.due())
    };
    let drained: Moment = "2026-03-01T10:01:00Z".parse().unwrap();
    assert_eq!(order("drain"), (vec![100], Some(drained)));
    let step: Moment = "2026-03-01T10:00:06Z".parse().unwrap();
    assert_eq!(order("release"), (vec![10, 100], Some(step)));
}
