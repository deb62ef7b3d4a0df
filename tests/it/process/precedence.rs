//! Whom an answer waits for on its core: nobody, but in a flood all have their share.

use std::fs;
use std::net::UdpSocket;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::process::client::Client;
use crate::process::server::Server;
use crate::process::site::Site;
use crate::process::until;
use crate::world::Ask;

/// `SCHED_OTHER` and `SCHED_RR` of sched(7).
const ORDINARY: u32 = 0;
const REAL_TIME: u32 = 2;
const FLOOD: usize = 300;
/// More than a worker waits for after a flood.
const CALM: usize = 100;

#[test]
fn threads_that_answer_have_real_time_but_in_a_flood() {
    let site = Site::new(2, "every: 1h, timeout: 2s");
    let server = Server::start(&site);
    server.until_ready();
    let best = if may_have_real_time() { REAL_TIME } else { ORDINARY };
    let answering = |name: &str| name.starts_with("udp-");
    until("all of them have it", || {
        let found = policies(server.pid(), answering);
        (!found.is_empty() && found.iter().all(|policy| *policy == best)).then_some(())
    });
    let others = policies(server.pid(), |name| !answering(name));
    assert!(others.iter().all(|policy| *policy == ORDINARY), "{others:?}");

    flood(&server);
    until("the one that is pressed gives it up", || {
        policies(server.pid(), answering).contains(&ORDINARY).then_some(())
    });

    // A port always comes to the same worker: so from many.
    until("the flood is over", || {
        for _ in 0..CALM {
            Client::new(server.at()).ask(server.at(), "midominio.com");
        }
        policies(server.pid(), answering).iter().all(|policy| *policy == best).then_some(())
    });
}

/// All at once, from one port.
fn flood(server: &Server) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let query = Ask::new("midominio.com", "A").message();
    server.signal(Signal::SIGSTOP);
    for _ in 0..FLOOD {
        socket.send_to(&query, server.at()).unwrap();
    }
    server.signal(Signal::SIGCONT);
}

/// Of the threads that have such names (proc(5): field 41 of `stat`).
fn policies(pid: u32, is_meant: impl Fn(&str) -> bool) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let stats = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("stat")).ok());
    let policy = |stat: String| {
        let (name, fields) = stat.split_once('(')?.1.rsplit_once(") ")?;
        is_meant(name).then(|| fields.split(' ').nth(41 - 3)?.parse().ok())?
    };
    stats.filter_map(policy).collect()
}

/// As a child of this process may, by util-linux.
fn may_have_real_time() -> bool {
    let tried = Command::new("chrt").args(["--rr", "1", "true"]).stderr(Stdio::null()).status();
    tried.unwrap().success()
}
