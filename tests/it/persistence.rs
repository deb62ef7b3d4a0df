//! The state file, and whole runs from one start to the next.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tiovivo::clock;
use tiovivo::cluster::check::{Check, Thresholds};
use tiovivo::cluster::checks::{Checks, NamedCheck};
use tiovivo::cluster::pool::{Pool, PoolName};
use tiovivo::control::change_feed;
use tiovivo::control::event::Command;
use tiovivo::control::health_file::{self, SaveRequest, SavedPool};
use tiovivo::control::status::Status;
use tiovivo::control::troubles::Troubles;
use tiovivo::control::writer::{Control, ControlHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::cluster::{check, fall, loaded, pool};

const SOON: Duration = Duration::from_secs(20);

fn write(folder: &Path, version: u32, age: SignedDuration) {
    let written = Timestamp::now() - age;
    let content = format!(
        r#"{{"version":{version},"written":"{written}","pools":[{{"name":"web","last_enough":[],
        "members":[{{"node":"server-2","serving":false,"since":"2026-03-01T10:02:11Z"}}]}}]}}"#
    );
    fs::write(folder.join(health_file::FILE), content).unwrap();
}

fn read(folder: &Path) -> Vec<SavedPool> {
    health_file::read(folder, clock::now())
}

fn set_aside(folder: &Path) -> bool {
    let mut names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name());
    names.any(|name| name.to_str().unwrap().starts_with("health.json.broken-"))
}

#[test]
fn a_young_file_is_trusted_and_an_old_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(read(folder), []);
    write(folder, 1, SignedDuration::from_mins(9));
    assert_eq!(read(folder)[0].members[0].node, "server-2");
    write(folder, 1, SignedDuration::from_hours(-2));
    assert_eq!(read(folder)[0].members[0].node, "server-2", "a clock that was set back");
    write(folder, 1, SignedDuration::from_mins(11));
    assert_eq!(read(folder), []);
    assert!(!set_aside(folder), "there is nothing wrong with it");
}

#[test]
fn a_file_that_cannot_be_used_is_set_aside() {
    for broken in ["", "{", "[]", r#"{"version":1}"#, "\0\0\0"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(health_file::FILE), broken).unwrap();
        assert_eq!(read(folder.path()), []);
        assert!(set_aside(folder.path()), "{broken:?}");
        assert!(!folder.path().join(health_file::FILE).exists());
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 4, SignedDuration::ZERO);
    assert_eq!(read(folder.path()), []);
    assert!(set_aside(folder.path()));
}

/// A change is written after the hooks have it on their disk, or after a limit if their disk does
/// not take it.
#[tokio::test]
async fn standings_wait_for_the_hooks_but_not_for_ever() {
    for heeds in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (mut sender, changes) = change_feed::channel();
        sender.send(fall("server-2"));
        let request = SaveRequest { pools: vec![], backlog: Some(sender.backlog()) };
        let (saves, requests) = watch::channel(None);
        let keeper = tokio::spawn(health_file::write_requests(
            folder.path().to_owned(),
            requests,
            Arc::new(clock::now),
            Troubles::default(),
        ));
        saves.send_replace(Some(request));
        sleep(Duration::from_millis(300)).await;
        let file = folder.path().join(health_file::FILE);
        assert!(!file.exists());
        if heeds {
            changes.persisted_sender().send_replace(1);
        }
        let written = async {
            while !file.exists() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(SOON, written).await.unwrap();
        drop(saves);
        keeper.await.unwrap();
    }
}

/// A pool that is probed quickly.
fn quick(port: u16, hosts: &[u8]) -> Pool {
    let check = Check {
        every: Duration::from_millis(500),
        timeout: Duration::from_millis(490),
        thresholds: Thresholds { fall: 2, rise: 2, forgive: 10 },
        ..check(port)
    };
    Pool { checks: Checks::one(check), ..pool("web", hosts) }
}

async fn until(handle: &mut ControlHandle, what: impl FnMut(&Status) -> bool) -> Status {
    let mut what = what;
    let status = timeout(SOON, handle.status.wait_for(|status| what(status))).await;
    Status::clone(&status.expect("in time").unwrap())
}

fn answering(status: &Status) -> Vec<&str> {
    status.pools[0].answering.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn from_one_start_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();

    let (control, reader) = Control::new(loaded(vec![quick(port, &[2, 3])]), folder.path().into());
    assert_eq!(reader.load().pool(0).unwrap().count(1), 2, "everyone, before the first round");
    let mut handle = control.start();
    timeout(SOON, handle.ready()).await.unwrap();
    let status = until(&mut handle, |status| status.ready).await;
    assert_eq!(answering(&status), ["server-2"]);
    assert_eq!(reader.load().pool(0).unwrap().count(1), 1);
    assert_eq!(status.pools[0].members[1].check.last_error.as_deref(), Some("connection refused"));

    let third = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 3), port)).await.unwrap();
    until(&mut handle, |status| status.pools[0].serving == 2).await;
    drop(third);
    until(&mut handle, |status| status.pools[0].serving == 1).await;
    handle.stop().await;

    let saved = read(folder.path());
    let serving: Vec<bool> = saved[0].members.iter().map(|member| member.serving).collect();
    assert_eq!(serving, [true, false]);
    let (_, reader) = Control::new(loaded(vec![quick(port, &[2, 3])]), folder.path().into());
    assert_eq!(reader.load().pool(0).unwrap().count(1), 1, "remembered");
}

#[tokio::test]
async fn a_reload_is_served_and_a_refused_one_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (control, reader) = Control::new(loaded(vec![quick(port, &[2])]), folder.path().into());
    let mut handle = control.start();
    until(&mut handle, |status| status.ready).await;

    let faults = vec!["config.yaml:9: a pool without members".to_owned()];
    handle.commands.send(Command::Reload(Err(faults))).await.unwrap();
    let status = until(&mut handle, |status| status.config.refused.is_some()).await;
    assert_eq!(answering(&status), ["server-2"]);

    let pools = vec![quick(port, &[2]), pool("img", &[7, 8])];
    handle.commands.send(Command::Reload(Ok(loaded(pools)))).await.unwrap();
    until(&mut handle, |status| status.pools.len() == 2).await;
    assert_eq!(reader.load().pool(1).unwrap().count(1), 2);
    assert!(timeout(Duration::ZERO, handle.ended()).await.is_err());
    handle.stop().await;
}

#[tokio::test]
async fn two_checks_of_a_real_server_fail_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let host = Ipv4Addr::new(127, 0, 0, 2);
    let web = TcpListener::bind((host, 0)).await.unwrap();
    let tls = TcpListener::bind((host, 0)).await.unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let named = |name: &str, port| {
        let check = quick(port, &[2]).checks.list()[0].check.clone();
        NamedCheck { name: name.into(), check }
    };
    let two = |least| {
        let list = vec![named("web", port(&web)), named("tls", port(&tls))];
        let checks = Checks::new(list, least).unwrap();
        Pool { checks, ..pool("web", &[2]) }
    };
    let all = two(2);
    let any = Pool { name: PoolName::new("any"), ..two(1) };
    let (control, _) = Control::new(loaded(vec![all, any]), folder.path().into());
    let mut handle = control.start();
    let serving = |status: &Status| {
        let serving: Vec<usize> = status.pools.iter().map(|pool| pool.serving).collect();
        serving
    };
    until(&mut handle, |status| status.ready && serving(status) == [1, 1]).await;
    drop(tls);
    let status = until(&mut handle, |status| serving(status) == [0, 1]).await;
    let why = &status.pools[0].members[0].why;
    let wanted = "1 of 2 checks pass, all must: tls: connection refused";
    assert!(why.contains(wanted), "{why}");
    drop(web);
    until(&mut handle, |status| serving(status) == [0, 0]).await;
    handle.stop().await;
}
