//! The operator's orders: decided, in force, over; kept from run to run.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tiovivo::clock::{self, Moment};
use tiovivo::cluster::operator::Override;
use tiovivo::cluster::pool::Membership;
use tiovivo::control::event::Command;
use tiovivo::control::overrides::file;
use tiovivo::control::overrides::request;
use tiovivo::control::overrides::request::Refusal;
use tiovivo::control::request::RequestFault;
use tiovivo::control::state::ControlState;
use tiovivo::control::status::build;
use tiovivo::control::status::{MemberStatus, Status};
use tiovivo::control::writer::Control;
use tiovivo::state_dir::file::MAX_LENGTH;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::{loaded, pool};

const SOON: Duration = Duration::from_secs(20);

struct Run {
    state: ControlState,
    now: Moment,
}

/// Pools web (server-2, server-3, server-4) and img (server-4), nobody probed.
fn run() -> Run {
    let now = "2026-03-01T10:00:00Z".parse().unwrap();
    let pools = vec![pool("web", &[2, 3, 4]), pool("img", &[4])];
    let (mut state, _) = ControlState::new(loaded(pools), &[], now);
    state.end_first_round();
    state.commit(now);
    Run { state, now }
}

impl Run {
    fn order(&mut self, body: Value) -> Result<(), Vec<RequestFault>> {
        let mut body = body;
        body["author"] = json!("ana@ns1");
        let overrides = self.state.decide(&request::read(&body)?, self.now)?;
        self.state.set_overrides(overrides, self.now);
        Ok(())
    }

    fn after(&mut self, seconds: i64) -> bool {
        self.now += SignedDuration::from_secs(seconds);
        self.state.advance(self.now)
    }

    fn status(&self) -> Status {
        build::status(&self.state, self.now)
    }

    fn answering(&self, pool: usize) -> Vec<String> {
        self.status().pools[pool].answering.clone()
    }

    fn member(&self, index: usize) -> MemberStatus {
        self.status().pools[0].members[index].clone()
    }

    fn newest(&self) -> String {
        self.state.journal.recent.back().unwrap().what.clone()
    }
}

#[test]
fn a_drain_has_an_end_in_sight() {
    let mut run = run();
    let ttl = i64::from(run.state.config.pools[0].ttl);
    run.order(json!({"order": "drain", "target": "server-3", "reason": "kernel"})).unwrap();
    assert_eq!(run.answering(0), ["server-2", "server-4"]);
    let member = run.member(1);
    let operator = member.operator.unwrap();
    assert_eq!((operator.state, operator.until), ("draining", None));
    let held: Timestamp = operator.held_until.unwrap().parse().unwrap();
    assert_eq!(Moment::on_line(held), run.now + SignedDuration::from_secs(ttl + 30));
    assert!(
        member.why.starts_with("draining since 10:00:00 UTC by ana@ns1: kernel; resolvers may")
    );

    assert_eq!(run.state.due(), Some(Moment::on_line(held)));
    assert!(!run.after(ttl + 29), "nothing is to be told yet");
    assert!(run.after(1));
    assert_eq!(run.state.due(), None);
    assert_eq!(run.member(1).operator.unwrap().state, "drained");
    assert_eq!(run.newest(), "drained: no resolver should hold its address any more");
    run.order(json!({"order": "release", "target": "server-3"})).unwrap();
    assert_eq!(run.answering(0).len(), 3);
    assert_eq!(run.newest(), "released: health decides again");
}

#[test]
fn an_order_ends_by_itself_and_that_is_told() {
    let mut run = run();
    run.order(json!({"order": "force-down", "target": "server-*", "pool": "img", "for": "2h"}))
        .unwrap();
    assert_eq!(run.status().overrides[0].nodes, ["server-4"]);
    assert_eq!(run.answering(0).len(), 3, "the other pool is not meant");
    assert_eq!(run.answering(1), ["server-4"], "only `none` empties a pool");
    assert!(!run.after(7199));
    assert!(run.after(1));
    let over = "the time of ana@ns1's order force-down is over: health decides again";
    assert!(
        run.state.journal.recent.iter().any(|change| change.what == over && change.pool == "img")
    );
    assert!(run.status().overrides.is_empty());
}

#[test]
fn the_newest_order_counts_and_what_is_held_back_least_is_answered() {
    let mut run = run();
    run.order(json!({"order": "force-down", "target": "*"})).unwrap();
    run.order(json!({"order": "drain", "target": "server-2"})).unwrap();
    assert_eq!(run.answering(0), ["server-2"], "drained, but the others are forced down");
    assert!(run.member(0).why.contains("answered all the same"));
    run.order(json!({"order": "force-up", "target": "server-3"})).unwrap();
    assert_eq!(run.answering(0), ["server-3"]);
    run.order(json!({"order": "force-down", "target": "*"})).unwrap();
    assert_eq!(run.answering(0).len(), 3, "the newest is for all, and nobody is left");
    assert_eq!(run.status().overrides.len(), 3, "the same target again takes the old one's place");
}

#[test]
fn a_mistyped_order_is_refused_with_what_to_write() {
    let mut run = run();
    let mut fault = |body| run.order(body).unwrap_err().swap_remove(0);
    let unknown = fault(json!({"order": "drain", "target": "server-33"}));
    assert_eq!(unknown.fault, "server-33 means no member of a pool");
    let pool = fault(json!({"order": "drain", "target": "server-3", "pool": "wbe"}));
    assert_eq!((pool.key, pool.write.as_str()), ("pool", "one of web, img"));
    let other = fault(json!({"order": "drain", "target": "server-3", "pool": "img"}));
    assert_eq!(other.fault, "server-3 means no member of pool img");
    run.order(json!({"order": "drain", "target": "server-*"})).unwrap();
    let release = run.order(json!({"order": "release", "target": "server-3"})).unwrap_err();
    assert_eq!(release[0].write, "a target as it was ordered: server-*");
}

#[test]
fn a_reload_keeps_orders_also_for_nodes_that_are_gone() {
    let mut run = run();
    run.order(json!({"order": "drain", "target": "server-3"})).unwrap();
    run.state.take_log_lines();
    run.state.reload(loaded(vec![pool("web", &[2, 4])]), run.now);
    let news = run.state.take_log_lines();
    assert!(news.iter().any(|news| news.warning && news.text.contains("means no member now")));
    assert!(run.status().overrides[0].nodes.is_empty());
    run.state.reload(loaded(vec![pool("web", &[2, 3, 4])]), run.now);
    assert_eq!(run.member(1).operator.unwrap().state, "draining");
    assert_eq!(run.answering(0), ["server-2", "server-4"]);
}

fn recall(folder: &Path) -> Vec<Override> {
    file::read(folder, clock::now()).unwrap()
}

#[test]
fn a_file_of_orders_that_is_broken_is_set_aside() {
    let kind = r#"{"version":1,"overrides":[{"target":"a","pool":null,"order":"explode",
        "reason":"","author":"","since":"2026-03-01T10:02:11Z","until":null}]}"#;
    for broken in ["", "{", r#"{"version":3,"overrides":[]}"#, kind, "\0\0"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(file::FILE), broken).unwrap();
        assert_eq!(recall(folder.path()), []);
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        let name = names[0].as_ref().unwrap().file_name();
        assert!(name.to_str().unwrap().starts_with("overrides.json.broken-"), "{broken:?}");
    }
}

#[test]
fn orders_are_kept_without_age_until_their_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = run();
    run.order(json!({"order": "drain", "target": "server-3", "reason": "ä\"x"})).unwrap();
    run.order(json!({"order": "force-up", "target": "role:child", "for": "1h"})).unwrap();
    file::write(folder.path(), &run.state.overrides, run.now).unwrap();
    assert_eq!(file::read(folder.path(), run.now).unwrap(), run.state.overrides);
    let later = run.now + SignedDuration::from_hours(24 * 300);
    assert_eq!(file::read(folder.path(), later).unwrap(), run.state.overrides[..1]);
}

#[tokio::test]
async fn an_order_is_acknowledged_when_it_is_on_the_disk_and_answered() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let start = || Control::new(loaded(vec![pool("web", &[2, 3])]), state.clone());
    let (control, reader) = start();
    let handle = control.start();
    let request = |target: &str| {
        request::read(&json!({"order": "drain", "target": target, "author": "ana"})).unwrap()
    };
    let ask = async |request| {
        let (reply, answer) = oneshot::channel();
        handle.commands.send(Command::Operate(request, reply)).await.unwrap();
        answer.await.unwrap()
    };
    let acknowledged = ask(request("server-3")).await.unwrap();
    assert_eq!(acknowledged.overrides[0].nodes, ["server-3"]);
    assert_eq!(recall(&state).len(), 1);
    assert_eq!(reader.load().pool(0).unwrap().count(1), 1);
    assert!(matches!(ask(request("server-9")).await, Err(Refusal::Faults(_))));

    // A folder that is no folder any more takes no order, and nothing changes.
    fs::rename(&state, folder.path().join("moved")).unwrap();
    fs::write(&state, "").unwrap();
    assert!(matches!(ask(request("server-2")).await, Err(Refusal::NotPersisted(_))));
    assert_eq!(reader.load().pool(0).unwrap().count(1), 1);
    assert_eq!(handle.status.borrow().overrides.len(), 1);
    fs::remove_file(&state).unwrap();
    fs::rename(folder.path().join("moved"), &state).unwrap();
    handle.stop().await;

    let (_, reader) = start();
    assert_eq!(reader.load().pool(0).unwrap().count(1), 1, "obeyed before the first probe");
}

/// The clock of the machine follows tokio's, which stands still while something is to be done.
#[tokio::test(start_paused = true)]
async fn a_drain_ends_on_its_millisecond() {
    let folder = tempfile::tempdir().unwrap();
    let (control, _reader) = Control::new(loaded(vec![pool("web", &[2, 3])]), folder.path().into());
    let (start, since) = (Timestamp::now(), Instant::now());
    let clock = move || start + since.elapsed();
    let mut handle = control.start_by(Arc::new(move || Moment::on_line(clock())));
    // Not with the ticks of the writer.
    sleep(Duration::from_millis(437)).await;
    let drain = json!({"order": "drain", "target": "server-3", "author": "ana"});
    let (reply, answer) = oneshot::channel();
    let command = Command::Operate(request::read(&drain).unwrap(), reply);
    handle.commands.send(command).await.unwrap();
    answer.await.unwrap().unwrap();

    let order = |status: &Status| status.pools[0].members[1].operator.clone().unwrap();
    let held: Timestamp = order(&handle.status.borrow()).held_until.unwrap().parse().unwrap();
    handle.status.wait_for(|status| order(status).state == "drained").await.unwrap();
    let late = clock().duration_since(held);
    assert!((0..=1).contains(&late.as_millis()), "{late:?} late");
    handle.stop().await;
}

/// Root reads whatever its mode, so the file is one that nobody can read: it is too long.
#[tokio::test]
async fn a_file_of_orders_that_cannot_be_read_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(file::FILE);
    let mut run = run();
    run.order(json!({"order": "drain", "target": "server-3", "reason": "kernel"})).unwrap();
    file::write(folder.path(), &run.state.overrides, run.now).unwrap();
    let whole = fs::read(&file).unwrap();
    File::options().write(true).open(&file).unwrap().set_len(MAX_LENGTH + 1).unwrap();

    let (control, reader) = Control::new(loaded(vec![pool("web", &[2, 3])]), folder.path().into());
    let mut handle = control.start();
    let body = json!({"order": "drain", "target": "server-2", "author": "ana"});
    let (reply, answer) = oneshot::channel();
    let command = Command::Operate(request::read(&body).unwrap(), reply);
    handle.commands.send(command).await.unwrap();
    let Err(Refusal::NotPersisted(why)) = answer.await.unwrap() else { panic!("it was taken") };
    assert!(why.contains("overrides.json cannot be read: longer than 16 MiB"), "{why}");
    assert_eq!(reader.load().pool(0).unwrap().count(1), 2, "and nothing changed");
    let mut start = vec![0; whole.len()];
    File::open(&file).unwrap().read_exact(&mut start).unwrap();
    assert_eq!(start, whole, "the orders are still there");

    // Once it can be read, its orders count without a restart, and others are taken again.
    File::options().write(true).open(&file).unwrap().set_len(whole.len() as u64).unwrap();
    let drained = |status: &Arc<Status>| status.overrides.len() == 1;
    timeout(SOON, handle.status.wait_for(drained)).await.expect("in time").unwrap();
    assert_eq!(reader.load().pool(0).unwrap().count(1), 1);
    let (reply, answer) = oneshot::channel();
    let body = json!({"order": "release", "target": "server-3", "author": "ana"});
    let command = Command::Operate(request::read(&body).unwrap(), reply);
    handle.commands.send(command).await.unwrap();
    assert!(answer.await.unwrap().unwrap().overrides.is_empty());
    handle.stop().await;
}

#[test]
fn a_member_of_weight_zero_is_drained_until_it_is_forced_up_or_has_a_weight() {
    let now: Moment = "2026-03-01T10:00:00Z".parse().unwrap();
    let pools = |weight| {
        let mut web = pool("web", &[2, 3]);
        let Membership::Everyone(members) = &mut web.membership else { panic!("public") };
        members[0].weight = weight;
        vec![web]
    };
    let (mut state, _) = ControlState::new(loaded(pools(0)), &[], now);
    state.end_first_round();
    state.commit(now);
    let mut run = Run { state, now };
    let first = |run: &Run| {
        let member = run.status().pools[0].members[0].clone();
        (member.in_answers, member.operator.map(|order| order.state), member.why)
    };
    let (in_answers, state, why) = first(&run);
    assert_eq!((in_answers, state), (false, Some("draining")));
    assert!(why.starts_with("draining since 10:00:00 UTC by config.yaml: weight: 0"), "{why}");
    assert!(run.after(90), "resolvers forgot it");
    assert_eq!(first(&run).1, Some("drained"));

    run.order(json!({"order": "force-up", "target": "server-2", "reason": "try"})).unwrap();
    assert_eq!(first(&run).1, Some("forced up"));
    assert!(first(&run).0);
    run.order(json!({"order": "release", "target": "server-2"})).unwrap();
    assert_eq!(first(&run).1, Some("draining"), "config.yaml counts again");

    // Its drain goes on over a reload that leaves the weight as it is.
    run.after(90);
    run.state.reload(loaded(pools(0)), run.now);
    assert_eq!(first(&run).1, Some("drained"));
    run.state.reload(loaded(pools(5)), run.now);
    run.state.commit(run.now);
    let (in_answers, state, _) = first(&run);
    assert_eq!((in_answers, state), (true, None));
}
