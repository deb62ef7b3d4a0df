//! The wall clock of a running server is set, by Debian's libfaketime: what ends by time ends when
//! it was promised.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::process::child::Mood;
use crate::process::orders::{TOKEN, post, write_config};
use crate::process::server::{Server, serve};
use crate::process::site::{Plan, Site};
use crate::process::until;

/// Back two hours, back a day, and forward a day: as libfaketime reads it.
const SET: [&str; 3] = ["-2h", "-1d", "+1d"];
const CHECK: &str = "every: 300ms, timeout: 250ms, fall: 2, rise: 1";
/// What everything here lasts for.
const LASTS: Duration = Duration::from_secs(6);
/// Into it the clock is set.
const MIDDLE: Duration = Duration::from_secs(2);
/// Earlier than promised: what is seen begins a little before the test knows of it.
const EARLY: Duration = Duration::from_secs(1);
/// Later: a status follows within a second, and the machine is busy.
const LATE: Duration = Duration::from_secs(4);

struct Clock(PathBuf);

impl Clock {
    fn of(site: &Site) -> Clock {
        let clock = Clock(site.folder.path().join("clock"));
        clock.set("+0");
        clock
    }

    fn set(&self, by: &str) {
        let aside = self.0.with_extension("new");
        fs::write(&aside, by).unwrap();
        fs::rename(aside, &self.0).unwrap();
    }

    /// A server that has this clock, and the kernel's monotonic one.
    fn server(&self, site: &Site) -> Server {
        let mut command: Command = serve(site);
        command
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", &self.0)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
        Server::run(&mut command)
    }
}

fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let file = |folder: PathBuf| folder.join("faketime/libfaketimeMT.so.1");
    let mut found = folders.map(file).filter(|file: &PathBuf| Path::exists(file));
    found.next().expect("Debian's faketime is installed")
}

/// Three children, with what the pool is to have, and controls that do not answer.
fn site(steadiness: &str) -> Site {
    let site = Site::new(3, CHECK);
    write_config(&site, &Plan { check: CHECK, ..Plan::new(0..3) });
    let text = fs::read_to_string(site.path()).unwrap();
    let text = text.replace("    ttl: 30\n", &format!("    ttl: 30\n    {steadiness}\n"));
    let port = site.children[0].address.port();
    let nobody = "127.0.0.1";
    let controls = format!("controls: [{{ address: {nobody}, tcp: {{ port: {port} }} }}], state:");
    site.write_config(&text.replace("state:", &controls));
    site
}

fn member(server: &Server, index: usize) -> Value {
    server.status()["pools"][0]["members"][index].clone()
}

/// Each in a thread of its own, so that they do not take three times as long.
fn with_each_clock(test: fn(&str)) {
    thread::scope(|scope| {
        for by in SET {
            scope.spawn(move || test(by));
        }
    });
}

#[track_caller]
fn ended(since: Instant, by: &str) {
    let took = since.elapsed();
    assert!(took + EARLY >= LASTS && took <= LASTS + LATE, "{took:?} with the clock set {by}");
}

fn log_says_that_it_was_set(server: &Server, by: &str) {
    let way = if by.starts_with('-') { "back" } else { "forward" };
    let line = format!("the clock of this machine was set {way} by ");
    until(&line, || (server.logged(&line) > 0).then_some(()));
}

fn drain(server: &Server) {
    let order = r#"{"order":"drain","target":"server-3","author":"a","for":"6s"}"#;
    assert_eq!(post(server.dashboard, Some(TOKEN), order).unwrap().0, 200);
}

fn no_order_is_in_force(server: &Server) {
    server.until("the order is over", |status| {
        status["overrides"].as_array().filter(|orders| orders.is_empty()).map(|_| ())
    });
}

#[test]
#[ignore = "takes 20 s: cargo test --test it -- --ignored"]
fn an_order_ends_when_it_was_promised() {
    with_each_clock(|by| {
        let site = site("slow_start: off");
        let clock = Clock::of(&site);
        let server = clock.server(&site);
        server.until_ready();
        drain(&server);
        let given = Instant::now();
        sleep(MIDDLE);
        clock.set(by);
        log_says_that_it_was_set(&server, by);
        no_order_is_in_force(&server);
        ended(given, by);
        server.until_answering(&["server-2", "server-3", "server-4"]);
    });
}

#[test]
#[ignore = "takes 20 s: cargo test --test it -- --ignored"]
fn a_hold_ends_when_it_was_promised() {
    with_each_clock(|by| {
        let site = site("damping: { falls: 2, within: 1m, hold: 6s, most: 6s }");
        let clock = Clock::of(&site);
        let server = clock.server(&site);
        server.until_ready();
        let fell = fall_twice(&site, &server);
        sleep(MIDDLE);
        clock.set(by);
        let held = |status: &Value| status["pools"][0]["members"][1]["held_until"].is_null();
        server.until("the hold is over", |status| held(status).then_some(()));
        ended(fell, by);
        server.until_answering(&["server-2", "server-3", "server-4"]);
    });
}

/// When it fell for the second time; it is well then.
fn fall_twice(site: &Site, server: &Server) -> Instant {
    let all = ["server-2", "server-3", "server-4"];
    server.until_answering(&all);
    site.children[1].is(Mood::Ill);
    server.until_answering(&["server-2", "server-4"]);
    site.children[1].is(Mood::Well);
    server.until_answering(&all);
    site.children[1].is(Mood::Ill);
    server.until("it is held out", |status| {
        status["pools"][0]["members"][1]["held_until"].as_str().map(|_| ())
    });
    let fell = Instant::now();
    site.children[1].is(Mood::Well);
    fell
}

#[test]
#[ignore = "takes 20 s: cargo test --test it -- --ignored"]
fn a_common_cause_is_over_when_it_was_promised() {
    with_each_clock(|by| {
        let site = site("common_cause: 6s");
        let clock = Clock::of(&site);
        let server = clock.server(&site);
        server.until_ready();
        server.until_answering(&["server-2", "server-3", "server-4"]);
        site.children[1].is(Mood::Ill);
        site.children[2].is(Mood::Ill);
        server.until("the set is kept", |status| status["pools"][0]["kept"].as_str().map(|_| ()));
        let kept = Instant::now();
        sleep(MIDDLE);
        clock.set(by);
        server.until_answering(&["server-2"]);
        ended(kept, by);
    });
}

#[test]
#[ignore = "takes 20 s: cargo test --test it -- --ignored"]
fn a_slow_start_is_over_when_it_was_promised() {
    with_each_clock(|by| {
        let site = site("slow_start: 6s");
        let clock = Clock::of(&site);
        let server = clock.server(&site);
        server.until_ready();
        server.until_answering(&["server-2", "server-3", "server-4"]);
        site.children[1].is(Mood::Ill);
        server.until_answering(&["server-2", "server-4"]);
        site.children[1].is(Mood::Well);
        server.until_answering(&["server-2", "server-3", "server-4"]);
        let back = Instant::now();
        assert!(member(&server, 1)["share"].as_u64().unwrap() < 50);
        sleep(MIDDLE);
        clock.set(by);
        server.until("it has all of its part", |status| {
            (status["pools"][0]["members"][1]["share"] == 100).then_some(())
        });
        // Its steps fall on the same moments as those of others.
        ended(back - EARLY, by);
    });
}

/// The clock is set while it runs, and then it is killed: what is left is left.
#[test]
#[ignore = "takes 20 s: cargo test --test it -- --ignored"]
fn what_a_restart_remembers_ends_when_it_was_promised() {
    with_each_clock(|by| {
        let site = site("damping: { falls: 2, within: 1m, hold: 6s, most: 6s }");
        let clock = Clock::of(&site);
        let mut server = clock.server(&site);
        server.until_ready();
        let fell = fall_twice(&site, &server);
        drain(&server);
        let given = Instant::now();
        clock.set(by);
        log_says_that_it_was_set(&server, by);
        // Until the files say so.
        sleep(Duration::from_secs(1));
        server.end(Signal::SIGKILL);
        let server = clock.server(&site);
        let seen = member(&server, 1);
        assert!(seen["held_until"].is_string() && seen["operator"].is_object(), "{seen}");
        server.until("the hold is over", |status| {
            status["pools"][0]["members"][1]["held_until"].is_null().then_some(())
        });
        ended(fell, by);
        no_order_is_in_force(&server);
        ended(given, by);
    });
}

/// | the clock is set while nobody runs | then |
/// |---|---|
/// | back | what was left is left, and not more |
/// | forward | it is over |
#[test]
#[ignore = "takes 20 s: cargo test --test it -- --ignored"]
fn a_clock_that_is_set_between_two_runs_lengthens_nothing() {
    with_each_clock(|by| {
        let site = site("slow_start: off");
        let clock = Clock::of(&site);
        let mut server = clock.server(&site);
        server.until_ready();
        drain(&server);
        server.end(Signal::SIGTERM);
        clock.set(by);
        let started = Instant::now();
        let server = clock.server(&site);
        if by.starts_with('+') {
            assert_eq!(server.status()["overrides"].as_array().unwrap().len(), 0);
        }
        no_order_is_in_force(&server);
        assert!(started.elapsed() <= LASTS + LATE, "{:?} with {by}", started.elapsed());
    });
}
