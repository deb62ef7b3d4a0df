//! What systemd hears: ready after the first round, alive, stopping.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::process::BOUND;
use crate::process::child::Mood;
use crate::process::server::{Server, serve};
use crate::process::site::Site;

const TIMEOUT: Duration = Duration::from_millis(1200);
const CHECK: &str = "every: 5s, timeout: 1200ms, fall: 1, rise: 1";

#[test]
fn systemd_hears_ready_after_the_first_round_then_that_it_lives_and_that_it_stops() {
    let site = Site::new(2, CHECK);
    site.children[1].is(Mood::Silent);
    let path = site.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(BOUND)).unwrap();
    let hear = || {
        let mut room = [0; 256];
        let len = socket.recv(&mut room).expect("systemd hears something");
        String::from_utf8_lossy(&room[..len]).trim().to_owned()
    };
    let start = Instant::now();
    let mut command = serve(&site);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "500000").env_remove("WATCHDOG_PID");
    let mut server = Server::run(&mut command);
    assert_eq!(hear(), "READY=1");
    assert!(start.elapsed() >= TIMEOUT, "the silent child's time was not over");
    assert_eq!(server.status()["pools"][0]["serving"], 1);
    let first = Instant::now();
    for _ in 0..4 {
        assert_eq!(hear(), "WATCHDOG=1");
    }
    assert!(first.elapsed() >= Duration::from_millis(500), "no flood");
    assert!(server.end(Signal::SIGTERM).success());
    let last = std::iter::repeat_with(hear).find(|said| said != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
}

#[test]
fn a_supervisor_that_is_gone_does_not_stop_the_server() {
    let site = Site::new(1, CHECK);
    let mut command = serve(&site);
    command.env("NOTIFY_SOCKET", site.folder.path().join("nobody"));
    let mut server = Server::run(&mut command);
    server.until_ready();
    assert!(server.end(Signal::SIGINT).success());
}
