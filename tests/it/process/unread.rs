//! Standard error that nobody reads, or that is full: the log loses lines, and nothing else.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::libc::O_NONBLOCK;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::process::child::Mood;
use crate::process::client;
use crate::process::orders::{TOKEN, post, write_config};
use crate::process::server::{Server, serve};
use crate::process::site::{Plan, QUICK, Site};
use crate::process::within;

/// For a dead node to be out: two rounds, and a machine that is busy.
const OUT: Duration = Duration::from_secs(5);
pub const END: Duration = Duration::from_secs(5);
const DNS: u16 = 10053;
const DASHBOARD: u16 = 18053;

/// A pipe that is full; who keeps the first of the files keeps it from being broken.
pub fn full_pipe(folder: &Path) -> (File, File) {
    let path = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let open = |options: &mut OpenOptions| options.custom_flags(O_NONBLOCK).open(&path).unwrap();
    let reader = open(OpenOptions::new().read(true));
    let mut filler = open(OpenOptions::new().write(true));
    loop {
        match filler.write(b"x") {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    // Opened apart, so that it waits when the pipe is full.
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    (reader, writer)
}

pub fn plan(site: &Site) -> Plan {
    let at = |port| site.server_address(port).to_string();
    Plan { listen: at(DNS), dashboard: at(DASHBOARD), ..Plan::new(0..site.children.len()) }
}

pub fn start(site: &Site, command: &mut Command, log: Stdio) -> Server {
    let server =
        Server::run_unread(command, log, site.server_address(DNS), site.server_address(DASHBOARD));
    server.until_ready();
    server
}

/// A node that dies is out in time.
pub fn decides(server: &Server, site: &Site) {
    server.until_answering(&["server-2", "server-3"]);
    site.children[1].is(Mood::Ill);
    let begun = Instant::now();
    server.until_answering(&["server-2"]);
    assert!(begun.elapsed() < OUT, "{:?}", begun.elapsed());
    assert_eq!(client::ask(server.at(), "midominio.com").addresses, site.addresses(0..1));
    assert_eq!(client::get(server.dashboard, "/livez").unwrap(), "alive\n");
}

pub fn ends(mut server: Server, signal: Signal) {
    let begun = Instant::now();
    server.end(signal);
    assert!(begun.elapsed() < END, "{:?}", begun.elapsed());
}

fn dropped_lines(server: &Server) -> u64 {
    let metrics = client::get(server.dashboard, "/metrics").unwrap();
    let line = metrics.lines().find(|line| line.starts_with("tiovivo_log_lines_dropped_total"));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_verdict_no_order_and_no_end() {
    let site = Site::new(2, QUICK);
    write_config(&site, &plan(&site));
    let (_reader, log) = full_pipe(site.folder.path());
    let server = start(&site, &mut serve(&site), log.into());
    decides(&server, &site);
    let order = r#"{"order": "drain", "target": "server-3", "author": "ana"}"#;
    let (status, body) = post(server.dashboard, Some(TOKEN), order).unwrap();
    assert_eq!(status, 200, "{body}");
    ends(server, Signal::SIGTERM);
}

#[test]
fn reloads_that_are_refused_again_and_again_hold_up_nothing_while_nobody_reads_why() {
    let site = Site::new(2, QUICK);
    write_config(&site, &plan(&site));
    let good = std::fs::read_to_string(site.path()).unwrap();
    let (_reader, log) = full_pipe(site.folder.path());
    let server = start(&site, &mut serve(&site), log.into());
    site.write_config(&good.replace("members: [server-2,", "members: [server-1,"));
    for _ in 0..400 {
        server.signal(Signal::SIGHUP);
        std::thread::sleep(Duration::from_millis(5));
    }
    let refused = |status: &Value| status["config"]["refused"].is_object().then_some(());
    server.until("the reload is refused", refused);
    site.write_config(&good.replace("ttl: 30", "ttl: 20"));
    server.signal(Signal::SIGHUP);
    let ttl = |status: &Value| status["pools"][0]["ttl_configured"].as_u64();
    server.until("it is mended", |status| (ttl(status) == Some(20)).then_some(()));
    decides(&server, &site);
    ends(server, Signal::SIGINT);
}

#[test]
fn lines_that_a_full_disk_does_not_take_are_counted() {
    let site = Site::new(2, QUICK);
    write_config(&site, &plan(&site));
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let server = start(&site, &mut serve(&site), full.into());
    let lines = within(OUT, "lines are lost", || Some(dropped_lines(&server)).filter(|n| *n > 0));
    decides(&server, &site);
    assert!(dropped_lines(&server) > lines);
    ends(server, Signal::SIGTERM);
}
