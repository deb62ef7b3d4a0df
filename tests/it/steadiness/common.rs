//! Most members fail at once: the machine that probes is suspected first.

use std::net::IpAddr;
use std::time::Duration;

use tiovivo::checks::checked::Probe;
use tiovivo::checks::tcp::checked::TcpProbe;
use tiovivo::clock::Moment;
use tiovivo::cluster::pool::Pool;
use tiovivo::cluster::steadiness::{ReferenceTarget, Steadiness};
use tiovivo::control::probes::ProbeChanges;
use tiovivo::control::served_config::ServedConfig;
use tiovivo::control::state::ControlState;
use tiovivo::health::probe::answer::Verdict;
use tiovivo::health::probe::failure::Failure;
use tiovivo::health::{Observation, TargetId};

use crate::cluster::{loaded, pool};
use crate::steadiness::{OK, REFUSED, Run};

/// As long as the members and the control targets have for their answers.
const PATIENCE: Duration = Duration::from_millis(2250);

fn wary(hosts: &[u8]) -> Pool {
    let common_cause = Some(Duration::from_secs(300));
    let steadiness = Steadiness { common_cause, ..Steadiness::default() };
    Pool { steadiness, ..pool("web", hosts) }
}

fn control(address: IpAddr) -> ReferenceTarget {
    ReferenceTarget { address, probe: Probe::Tcp(TcpProbe { port: 443 }) }
}

impl Run {
    /// One with control targets.
    fn with_controls(pool: Pool, count: u8) -> Run {
        let controls = (1..=count).map(|n| control(IpAddr::from([203, 0, 113, n])));
        let loaded =
            Box::new(ServedConfig { references: controls.collect(), ..*loaded(vec![pool]) });
        let now: Moment = "2026-03-01T10:00:00Z".parse().unwrap();
        let (state, plan) = ControlState::new(loaded, &[], now);
        let targets = plan.start.iter().map(|target| target.id).collect();
        let mut run = Run { state, targets, now };
        (0..run.targets.len()).for_each(|member| run.see(member, &OK, 1));
        run
    }

    /// One after the other, so many times.
    fn fail(&mut self, members: &[usize], times: u32) {
        for _ in 0..times {
            members.iter().for_each(|member| self.see(*member, &REFUSED, 1));
        }
    }

    fn after(&mut self, time: Duration) {
        self.now = self.now + time;
        self.state.advance(self.now);
        self.state.commit(self.now);
    }

    fn hear(&mut self, controls: &[TargetId], verdict: &Verdict) {
        for &target in controls {
            self.state.observe(&Observation { target, verdict: verdict.clone() }, self.now);
            self.state.commit(self.now);
        }
    }

    /// Members that are to be asked at once, control targets that start, and that stop.
    fn errands(&mut self) -> (Vec<TargetId>, Vec<TargetId>, Vec<TargetId>) {
        let ProbeChanges { start, stop, at_once } = self.state.take_probe_changes();
        (at_once, start.into_iter().map(|target| target.id).collect(), stop)
    }

    fn told_of_the_pool(&mut self) -> Vec<String> {
        let changes = self.state.take_changes().into_iter().filter(|change| change.node.is_none());
        changes.map(|change| format!("{}: {}", change.new.as_str(), change.cause)).collect()
    }
}

#[test]
fn one_death_is_no_common_cause() {
    for hosts in [&[2, 3][..], &[2, 3, 4]] {
        let mut run = Run::new(wary(hosts), &[]);
        run.fail(&[0], 3);
        assert_eq!(run.pool().serving, hosts.len() - 1);
        assert_eq!(run.pool().kept, None);
        assert_eq!(run.errands(), (vec![], vec![], vec![]));
    }
}

#[test]
fn without_control_targets_those_that_fail_again_are_believed() {
    let mut run = Run::new(wary(&[2, 3, 4]), &[]);
    run.fail(&[0, 1], 3);
    let pool = run.pool();
    assert_eq!((pool.serving, pool.kept.as_deref()), (3, Some("2026-03-01T10:00:00.000Z")));
    assert_eq!(
        pool.why,
        "all 3 serve; most members fail at once: the last set is kept since 10:00:00 UTC while \
         they are asked again"
    );
    assert_eq!(run.member(0).why, "serving, as the last set is kept: connection refused");
    let asked = vec![run.targets[0], run.targets[1]];
    assert_eq!(run.errands(), (asked, vec![], vec![]));
    assert_eq!(run.state.due(), Some(run.now + PATIENCE));
    run.fail(&[0, 1], 1);
    assert_eq!(run.pool().serving, 3);
    run.after(PATIENCE);
    assert_eq!((run.pool().answering, run.pool().kept), (vec!["server-4".to_owned()], None));
    let told = run.told_of_the_pool();
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("kept: 2 of 3 fail at once"), "{told:?}");
    assert!(told[1].starts_with("judged: most members failed again, and no `server"), "{told:?}");
    assert_eq!(run.state.due(), None);
}

/// The process was stopped, or had no core: neither what it did not hear nor what was said before
/// is an answer.
#[test]
fn nobody_is_believed_dead_whom_this_machine_did_not_hear() {
    let mut run = Run::with_controls(wary(&[2, 3, 4]), 1);
    run.fail(&[0, 1], 2);
    run.fail(&[0], 1);
    let (asked, controls, _) = run.errands();
    assert_eq!((asked.len(), controls.len()), (2, 1));
    let void = Err(Failure::Void { held_up: Duration::from_secs(9) });
    for _ in 0..3 {
        [0, 1].iter().for_each(|member| run.see(*member, &void, 1));
        run.hear(&controls, &void);
        run.after(PATIENCE);
        assert_eq!((run.pool().serving, run.pool().cut_off), (3, false));
    }
    run.fail(&[0], 1);
    run.hear(&controls, &OK);
    run.after(PATIENCE);
    assert_eq!(run.pool().serving, 3, "the other one has not been heard");
    run.fail(&[1], 1);
    run.after(PATIENCE);
    assert_eq!(run.pool().answering, ["server-4"], "both failed again, and a control answers");
    assert_eq!(run.member(0).check.voids, 3);
}

/// With no word at all they count after the longest time.
#[test]
fn what_this_machine_does_not_hear_keeps_a_set_no_longer_than_the_longest_time() {
    let mut run = Run::new(wary(&[2, 3, 4]), &[]);
    run.fail(&[0, 1], 3);
    let mut waited = Duration::ZERO;
    while run.pool().kept.is_some() {
        assert!(waited < Duration::from_secs(330), "{waited:?}");
        run.after(PATIENCE);
        waited += PATIENCE;
    }
    assert!(waited >= Duration::from_secs(300), "{waited:?}");
}

/// Void probes alone suspect nobody.
#[test]
fn a_machine_that_is_held_up_moves_nothing() {
    let mut run = Run::new(wary(&[2, 3, 4]), &[]);
    let void = Err(Failure::Void { held_up: Duration::from_secs(9) });
    for _ in 0..20 {
        (0..3).for_each(|member| run.see(member, &void, 1));
        run.after(Duration::from_secs(2));
    }
    let pool = run.pool();
    assert_eq!((pool.serving, pool.kept), (3, None));
    let why = run.member(0).why;
    let told = "; no probe finished for 40 s, as this machine is held up";
    assert!(why.ends_with(told), "{why}");
}

#[test]
fn a_line_that_was_away_for_a_moment_costs_no_member() {
    let mut run = Run::with_controls(wary(&[2, 3, 4, 5]), 1);
    run.fail(&[0, 1, 2, 3], 2);
    run.fail(&[0], 1);
    assert!(run.pool().kept.is_some());
    (0..4).for_each(|member| run.see(member, &OK, 1));
    assert_eq!((run.pool().serving, run.member(0).check.state), (4, "rising"));
    assert_eq!(
        run.member(0).why,
        "serving, as the last set is kept; rising (1 of 2): 200 in 1.3 ms"
    );
    run.see(0, &OK, 1);
    assert_eq!((run.pool().serving, run.pool().kept), (4, None));
    assert!(run.state.journal.recent.iter().all(|change| change.node.is_empty()), "nobody was out");
    let (_, started, stopped) = run.errands();
    assert_eq!((started.len(), &started), (1, &stopped), "probed no longer than needed");
}

#[test]
fn a_machine_that_is_cut_off_keeps_the_last_set_and_asks_again_when_it_reaches_something() {
    let mut run = Run::with_controls(wary(&[2, 3, 4]), 2);
    run.fail(&[0, 1, 2], 3);
    let (_, controls, _) = run.errands();
    assert_eq!(controls.len(), 2);
    run.fail(&[0, 1, 2], 1);
    run.hear(&controls, &REFUSED);
    run.after(PATIENCE);
    assert_eq!((run.pool().serving, run.pool().cut_off), (3, true));
    let why = run.pool().why;
    let told = "no control target answers, this machine is cut off: the last set is kept since \
                10:00:00 UTC, until 10:05:00 UTC at most";
    assert!(why.ends_with(told), "{why}");
    assert_eq!(run.state.due(), Some("2026-03-01T10:05:00Z".parse().unwrap()));
    run.after(Duration::from_secs(60));
    assert_eq!(run.pool().serving, 3);

    // The line is back: what the members failed before counts for nothing.
    let observation = Observation { target: controls[1], verdict: OK };
    run.state.observe(&observation, run.now);
    run.state.commit(run.now);
    assert_eq!(run.errands().0, run.targets);
    run.see(0, &OK, 1);
    run.see(1, &OK, 1);
    run.fail(&[2], 1);
    run.after(PATIENCE);
    assert_eq!(run.pool().answering, ["server-2", "server-3"], "server-4 was dead all the while");
    run.see(0, &OK, 1);
    run.see(1, &OK, 1);
    assert_eq!((run.pool().serving, run.pool().kept), (2, None));
    assert_eq!(run.errands().2, controls);
}

#[test]
fn a_control_target_that_answers_shows_that_they_are_dead() {
    let mut run = Run::with_controls(wary(&[2, 3, 4]), 1);
    run.fail(&[0, 1], 3);
    let (_, controls, _) = run.errands();
    run.fail(&[0, 1], 1);
    run.hear(&controls, &OK);
    run.after(PATIENCE);
    assert_eq!(run.pool().answering, ["server-4"]);
    run.fail(&[2], 3);
    assert!(run.pool().short, "the rest of the same death is believed at once");
}

#[test]
fn the_last_set_is_not_kept_for_ever() {
    let mut run = Run::with_controls(wary(&[2, 3, 4]), 1);
    run.fail(&[0, 1, 2], 3);
    run.after(PATIENCE);
    run.after(Duration::from_secs(299) - PATIENCE);
    assert_eq!(run.pool().serving, 3);
    run.after(Duration::from_secs(1));
    assert_eq!((run.pool().serving, run.pool().short, run.pool().kept), (0, true, None));
    assert_eq!(run.state.due(), None);
}

#[test]
fn what_the_first_round_finds_is_no_common_cause() {
    let now = "2026-03-01T10:00:00Z".parse().unwrap();
    let (state, plan) = ControlState::new(loaded(vec![wary(&[2, 3, 4])]), &[], now);
    let targets = plan.start.iter().map(|target| target.id).collect();
    let mut run = Run { state, targets, now };
    run.fail(&[0, 1], 1);
    run.see(2, &OK, 1);
    assert_eq!(run.pool().answering, ["server-4"]);
}

#[test]
fn with_it_off_everyone_falls_as_the_checks_say() {
    let mut run = Run::new(pool("web", &[2, 3, 4]), &[]);
    run.fail(&[0, 1], 3);
    assert_eq!((run.pool().answering, run.pool().kept), (vec!["server-4".to_owned()], None));
}
