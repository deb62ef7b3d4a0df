//! Members that fall again and again: how they are held out, and when they are not.

use std::time::Duration;

use tiovivo::cluster::pool::Pool;
use tiovivo::cluster::steadiness::{Damping, Steadiness};

use crate::cluster::{kept, loaded, pool};
use crate::steadiness::{OK, REFUSED, Run};

/// The second fall within a minute holds.
const RULE: Damping = Damping {
    falls: 2,
    within: Duration::from_secs(60),
    hold: Duration::from_secs(10),
    most: Duration::from_secs(30),
};

fn damped(hosts: &[u8]) -> Pool {
    let steadiness = Steadiness { damping: Some(RULE), ..Steadiness::default() };
    Pool { steadiness, ..pool("web", hosts) }
}

#[test]
fn a_member_that_falls_often_is_held_out_although_it_is_well() {
    let mut run = Run::new(damped(&[2, 3]), &[]);
    run.flap(0);
    assert_eq!((run.pool().serving, run.member(0).falls), (2, 1));
    run.wait(5);
    run.told();
    run.flap(0);
    let member = run.member(0);
    assert_eq!((run.pool().answering, member.falls), (vec!["server-3".to_owned()], 2));
    assert_eq!(member.held_until.as_deref(), Some("2026-03-01T10:00:15.000Z"));
    assert_eq!(
        member.why,
        "held out until 10:00:15 UTC: 2 falls within 1 min; its check passes: 200 in 1.3 ms"
    );
    let held = "server-2 out: connection refused (3/3); held out until 10:00:15 UTC: 2 falls within \
                1 min";
    assert_eq!(run.told(), [held], "that it is well again is not felt");
    assert_eq!(run.state.due(), Some("2026-03-01T10:00:15Z".parse().unwrap()));
    run.wait(10);
    assert_eq!(run.told(), ["server-2 serving: the hold is over; 200 (2/2)"]);
    assert_eq!((run.pool().serving, run.state.due()), (2, None));
    run.flap(0);
    assert_eq!(run.member(0).held_until.as_deref(), Some("2026-03-01T10:00:35.000Z"));
    run.wait(61);
    assert_eq!((run.member(0).falls, run.pool().serving), (0, 2));
}

#[test]
fn falls_that_nobody_feels_do_not_count() {
    let mut run = Run::new(damped(&[2, 3]), &[]);
    run.flap(0);
    run.flap(0);
    run.flap(0);
    run.see(0, &REFUSED, 3);
    assert_eq!(run.member(0).falls, 2);
    let why = run.member(0).why;
    assert!(why.starts_with("out since 10:00:00 UTC: connection refused; held out until"), "{why}");
    run.told();
    run.wait(10);
    assert_eq!(run.told(), [""; 0], "it is down");
    run.see(0, &OK, 2);
    assert_eq!(run.told(), ["server-2 serving: 200 (2/2)"]);
}

#[test]
fn no_pool_is_short_because_of_it() {
    let mut run = Run::new(Pool { min_serving: 2, ..damped(&[2, 3, 4]) }, &[]);
    for member in [0, 1] {
        run.flap(member);
        run.wait(1);
    }
    run.flap(0);
    run.wait(1);
    assert_eq!(run.pool().answering, ["server-3", "server-4"]);
    run.told();
    run.flap(1);
    assert!(!run.pool().short);
    assert_eq!(run.pool().answering, ["server-2", "server-4"], "the older hold is over");
    let told = run.told();
    let back = "server-2 serving: too few serve to hold it out any longer; 200 (2/2)";
    assert!(told.iter().any(|told| told == back), "{told:?}");
    run.see(2, &REFUSED, 3);
    assert_eq!(run.pool().answering, ["server-2", "server-3"]);
}

#[test]
fn reload_and_restart_remember_it() {
    let mut run = Run::new(damped(&[2, 3]), &[]);
    run.flap(0);
    run.flap(0);
    let held = run.member(0).held_until;
    run.state.reload(loaded(vec![damped(&[2, 3, 4])]), run.now);
    assert_eq!((run.member(0).falls, run.member(0).held_until), (2, held.clone()));
    let again = Run::new(damped(&[2, 3]), &kept(&run.state));
    assert_eq!((again.member(0).falls, again.member(0).held_until), (2, held));
    assert_eq!(again.pool().answering, ["server-3"]);
    run.told();
    run.state.reload(loaded(vec![pool("web", &[2, 3, 4])]), run.now);
    assert_eq!((run.member(0).falls, run.member(0).held_until), (0, None), "damping is off");
    assert_eq!(run.told(), ["server-2 serving: the hold is over; 200 (2/2)"]);
}
