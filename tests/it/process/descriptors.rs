//! Reloads and restarts leave nothing behind: no descriptor, no thread, no process.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process::client::ask;
use crate::process::server::{Server, serve};
use crate::process::site::{Plan, Site};
use crate::process::until;

/// No second probe comes while the test runs, so that none is counted.
const ONCE: &str = "every: 1h, timeout: 2s, fall: 1, rise: 1";
const RELOADS: u32 = 50;
const RESTARTS: usize = 10;

fn count(pid: u32, what: &str) -> usize {
    fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count()
}

#[test]
fn fifty_reloads_leak_no_descriptor() {
    let site = Site::new(4, ONCE);
    let server = Server::start(&site);
    server.until_ready();
    let texts = [0..2, 2..4].map(|half| site.config(&Plan { check: ONCE, ..Plan::new(half) }));
    let load = |reload: u32| {
        site.write_config(&texts[reload as usize % 2]);
        server.reload();
        let _ = ask(server.at(), "midominio.com");
    };
    // What is opened once, by the first reloads, is no leak.
    (0..4).for_each(load);
    let settled = || {
        let mut last = usize::MAX;
        until("the number of descriptors stands still", || {
            let now = count(server.pid(), "fd");
            thread::sleep(Duration::from_millis(100));
            let same = now == last && count(server.pid(), "fd") == now;
            last = now;
            same.then_some(now)
        })
    };
    let before = settled();
    (0..RELOADS).for_each(load);
    until("no more descriptors than before", || (settled() <= before + 1).then_some(()));
    assert!(count(server.pid(), "task") < 30, "threads");
}

#[test]
fn ten_restarts_under_a_stream_of_reloads_all_end_well() {
    let site = Site::new(2, ONCE);
    for _ in 0..RESTARTS {
        let mut server = Server::run(&mut serve(&site));
        let (pid, done) = (server.pid(), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let _ = kill(Pid::from_raw(pid as i32), Signal::SIGHUP);
                    thread::sleep(Duration::from_millis(2));
                }
            });
            until("a reload", || (server.logged("is loaded:") > 0).then_some(()));
            assert_eq!(ask(server.at(), "midominio.com").addresses, site.addresses(0..2));
            server.signal(Signal::SIGTERM);
            // Not collected before the stream has ended: until then nobody else gets the number.
            until("it has ended", || {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
                stat.contains(") Z ").then_some(())
            });
            done.store(true, Ordering::SeqCst);
        });
        let status = server.process.wait().unwrap();
        assert!(status.success(), "{status}");
        assert!(!fs::exists(format!("/proc/{pid}")).unwrap());
    }
}

#[test]
fn a_reload_that_is_asked_for_before_the_server_answers_does_not_end_it() {
    let site = Site::new(1, ONCE);
    // A zone that takes a while to read.
    let names: String = (0..20_000).map(|n| format!("n{n} IN A 127.9.9.9\n")).collect();
    site.write_zone(&(crate::process::site::zone(1) + &names));
    let mut process = serve(&site).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let log = crate::process::server::Lines::of(process.stderr.take().unwrap());
    let pid = process.id();
    // The signals that the process handles, as a hexadecimal mask; SIGHUP is the lowest bit.
    until("it handles SIGHUP", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t"))?;
        (u64::from_str_radix(caught, 16).unwrap() & 1 == 1).then_some(())
    });
    let early = log.count("answering on") == 0;
    kill(Pid::from_raw(pid as i32), Signal::SIGHUP).unwrap();
    until("the reload", || {
        assert_eq!(process.try_wait().unwrap(), None);
        (log.count("is loaded:") > 0).then_some(())
    });
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(early, "SIGHUP still ended the process while it loaded");
}
