//! The process is stopped in the middle of its probes, and continued: that is no fault of a node.

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::process::child::Mood;
use crate::process::server::Server;
use crate::process::site::Site;
use crate::process::until;

const CHECK: &str = "every: 1s, timeout: 500ms, fall: 2, rise: 1";
const TIMEOUT: Duration = Duration::from_millis(500);
/// Ten timeouts.
const STOPPED: Duration = Duration::from_secs(5);
const ROUNDS: usize = 3;
/// A dead node is out after two probes: an interval, two timeouts, and what a busy machine takes.
const DEAD: Duration = Duration::from_secs(8);

fn sum(server: &Server, key: &str) -> u64 {
    let status = server.status();
    let members = status["pools"][0]["members"].as_array().unwrap();
    members.iter().map(|member| member["check"][key].as_u64().unwrap()).sum()
}

/// Stops the server as soon as a probe of that child is in flight, and goes on.
fn stop_in_flight(server: &Server, site: &Site, child: usize) {
    site.children[child].is(Mood::Waiting);
    let before = site.children[child].probes();
    until("a probe is in flight", || (site.children[child].probes() > before).then_some(()));
    server.signal(Signal::SIGSTOP);
    sleep(STOPPED);
    server.signal(Signal::SIGCONT);
}

#[test]
fn a_process_that_was_stopped_takes_out_nobody() {
    let site = Site::new(2, CHECK);
    let server = Server::start(&site);
    server.until_ready();
    server.until_answering(&["server-2", "server-3"]);
    for _ in 0..ROUNDS {
        // The time that was lost is given back: this answer comes within it.
        stop_in_flight(&server, &site, 0);
        sleep(TIMEOUT / 5);
        site.children[0].is(Mood::Well);
        // And this one does not; the probe after it is answered.
        stop_in_flight(&server, &site, 1);
        sleep(TIMEOUT * 6 / 5);
        site.children[1].is(Mood::Well);
        server.until_answering(&["server-2", "server-3"]);
    }
    assert_eq!(sum(&server, "failures"), 0, "no probe is booked as failed");
    let voids = sum(&server, "voids");
    assert!(voids > 0, "{voids} void probes");
    let falls = server.status()["changes"].as_array().unwrap().iter().any(|change: &Value| {
        change["what"].as_str().is_some_and(|what| what.starts_with("out of"))
    });
    assert!(!falls, "nobody fell");

    site.children[1].is(Mood::Silent);
    let died = Instant::now();
    server.until_answering(&["server-2"]);
    assert!(died.elapsed() < DEAD, "{:?} for a node that is really dead", died.elapsed());
}
