//! The wall clock is set: what ends by time ends when it was promised, and what is shown follows.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tiovivo::clock::{self, Clock, Moment};
use tiovivo::cluster::operator::Override;
use tiovivo::cluster::steadiness::Damping;
use tiovivo::control::event::Command;
use tiovivo::control::health_file;
use tiovivo::control::overrides::{file, request};
use tiovivo::control::writer::{Control, ControlHandle};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::cluster::{loaded, pool};

const SECOND: Duration = Duration::from_secs(1);
const ENDS: Duration = Duration::from_secs(300);
/// A write takes real time; that of the test goes on meanwhile.
const WRITE: Duration = Duration::from_secs(30);

/// How the wall clock is set in the middle.
const SET: [SignedDuration; 3] = [
    SignedDuration::from_hours(-2),
    SignedDuration::from_hours(-24),
    SignedDuration::from_hours(24),
];

/// A wall clock that can be set, and the line of tokio's time.
fn clock() -> (Clock, Arc<Mutex<SignedDuration>>) {
    let (start, since) = (Timestamp::now(), Instant::now());
    let set = Arc::new(Mutex::new(SignedDuration::ZERO));
    let ahead = Arc::clone(&set);
    let now = move || {
        let line = start + since.elapsed();
        Moment::on_line(line).with_wall(line + *ahead.lock().unwrap())
    };
    (Arc::new(now), set)
}

async fn drain(handle: &ControlHandle) {
    let (reply, answer) = oneshot::channel();
    let body = json!({"order": "drain", "target": "server-3", "author": "ana", "for": "300s"});
    let command = Command::Operate(request::read(&body).unwrap(), reply);
    handle.commands.send(command).await.unwrap();
    answer.await.unwrap().unwrap();
}

/// When the only order ends, as the status shows it.
fn shown(handle: &ControlHandle) -> Timestamp {
    handle.status.borrow().overrides[0].until.clone().unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_order_ends_when_it_was_promised_though_the_wall_clock_is_set() {
    for by in SET {
        let folder = tempfile::tempdir().unwrap();
        let pools = || loaded(vec![pool("web", &[2, 3])]);
        let (control, _reader) = Control::new(pools(), folder.path().into());
        let (now, set) = clock();
        let mut handle = control.start_by(Arc::clone(&now));
        drain(&handle).await;
        let (begin, promised) = (now(), shown(&handle));
        sleep(ENDS / 3).await;
        *set.lock().unwrap() = by;
        sleep(2 * SECOND).await;
        assert_eq!(shown(&handle).duration_since(promised), by, "as the clock goes now");
        sleep(WRITE).await;
        let kept = recall(folder.path(), now());
        let left = now().until(kept[0].until.unwrap());
        let expected = ENDS.saturating_sub(now().duration_since(begin).unsigned_abs());
        assert!(left.abs_diff(expected) < SECOND, "{left:?} are left in the file");
        let is_over = |status: &Arc<_>| -> bool {
            let status: &tiovivo::control::status::Status = status;
            status.overrides.is_empty()
        };
        handle.status.wait_for(is_over).await.unwrap();
        let took = now().duration_since(begin).unsigned_abs();
        assert!(took.abs_diff(ENDS) < SECOND, "{took:?} with {by:#}");
        handle.stop().await;
    }
}

fn recall(folder: &Path, now: Moment) -> Vec<Override> {
    file::read(folder, now).unwrap()
}

/// | the wall clock at the start | left |
/// |---|---|
/// | ahead of what the file says, or behind it | what was left then, less the time ahead |
#[test]
fn a_wall_clock_that_is_behind_lengthens_nothing_that_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let start: Moment = "2026-03-01T10:00:00Z".parse().unwrap();
    let body = json!({"order": "drain", "target": "server-3", "author": "ana", "for": "300s"});
    let request = request::read(&body).unwrap();
    let web = loaded(vec![pool("web", &[2, 3])]);
    let (state, _) = tiovivo::control::state::ControlState::new(web, &[], start);
    let orders = state.decide(&request, start).unwrap();
    let written = start + Duration::from_secs(100);
    file::write(folder.path(), &orders, written).unwrap();
    for (behind, left) in [
        (0, Some(200)),
        (-60, Some(140)),
        (60, Some(200)),
        (7200, Some(200)),
        (-200, None),
        (-86_400, None),
    ] {
        let now = written.with_wall(written.wall() - SignedDuration::from_secs(behind));
        let kept = recall(folder.path(), now);
        let ends = kept.first().map(|order| now.until(order.until.unwrap()).as_secs());
        assert_eq!(ends, left, "{behind} s behind");
    }
}

/// The file of a version that did not say when it was written.
#[test]
fn an_order_of_an_older_file_lasts_no_longer_than_it_was_given_for() {
    let folder = tempfile::tempdir().unwrap();
    let old = r#"{"version":1,"overrides":[{"target":"a","pool":null,"order":"drain","reason":"",
        "author":"","since":"2026-03-01T10:00:00Z","until":"2026-03-01T10:05:00Z"}]}"#;
    fs::write(folder.path().join(file::FILE), old).unwrap();
    for (wall, left) in [("2026-03-01T10:01:00Z", 240), ("2026-02-01T10:01:00Z", 300)] {
        let now: Moment = wall.parse().unwrap();
        let kept = recall(folder.path(), now);
        assert_eq!(now.until(kept[0].until.unwrap()).as_secs(), left, "{wall}");
    }
}

#[test]
fn a_hold_is_kept_with_what_was_left_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let written: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
    let content = format!(
        r#"{{"version":2,"written":"{written}","pools":[{{"name":"web","last_enough":[],
        "members":[{{"node":"server-2","serving":true,"since":"2026-03-01T09:00:00Z","falls":
        {{"times":["2026-03-01T09:59:00Z"],"held_until":"2026-03-01T10:05:00Z"}}}}]}}]}}"#
    );
    fs::write(folder.path().join(health_file::FILE), content).unwrap();
    for (ahead, left) in [(0, 300), (100, 200), (-60, 300), (-7200, 300), (400, 0)] {
        let now = clock::now().with_wall(written + SignedDuration::from_secs(ahead));
        let kept = health_file::read(folder.path(), now);
        let until = kept[0].members[0].falls.held_until().unwrap();
        assert_eq!(now.until(until).as_secs(), left, "{ahead} s ahead");
        let rule = Damping { most: Duration::from_secs(120), ..Damping::DEFAULT };
        let bound = kept[0].members[0].falls.recalled(&rule, now).held_until().unwrap();
        assert_eq!(now.until(bound).as_secs(), left.min(120), "no longer than the rule says");
    }
    let far = clock::now().with_wall(written + SignedDuration::from_hours(24));
    assert_eq!(health_file::read(folder.path(), far), []);
}
