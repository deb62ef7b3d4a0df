//! `tiovivo demo` as a newcomer meets it: what it prints is copied line by line, and is true.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::process::client::{Client, dig, get};
use crate::process::server::{BINARY, Lines};
use crate::process::unread::{END, full_pipe};
use crate::process::{until, within};

/// fall × every + timeout + 0.5 s of the demo's config.yaml.
const LEAVES: Duration = Duration::from_millis(2 * 1000 + 500 + 500);

struct Demo {
    process: Child,
    screen: Lines,
    /// What is left behind is left here.
    temporary: TempDir,
}

fn demo(args: &[&str], temporary: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("demo").args(args).env("TMPDIR", temporary).stdin(Stdio::null());
    command
}

impl Demo {
    /// Returns when the screen is there.
    fn start() -> Demo {
        let demo = Demo::begin();
        until("the demo's screen", || (demo.screen.count("Ctrl-C") > 0).then_some(()));
        demo
    }

    fn begin() -> Demo {
        let temporary = tempfile::tempdir().unwrap();
        let mut command = demo(&["--port", "0", "--dashboard-port", "0"], temporary.path());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let screen = Lines::of(process.stdout.take().unwrap());
        Demo { process, screen, temporary }
    }

    /// The line of the screen that has `part`, as it is copied.
    fn line(&self, part: &str) -> String {
        let lines = self.screen.all();
        let line = lines.iter().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("no {part:?} in {lines:#?}")).trim().to_owned()
    }

    fn dns(&self) -> SocketAddr {
        let line = self.line("dig @");
        let words: Vec<&str> = line.split(' ').collect();
        format!("{}:{}", words[1].trim_start_matches('@'), words[3]).parse().unwrap()
    }

    fn dashboard(&self) -> SocketAddr {
        let line = self.line("http://");
        let rest = line.split_once("http://").unwrap().1;
        rest.split('/').next().unwrap().parse().unwrap()
    }

    /// Of the nodes, by the demo's own list.
    fn pids(&self) -> Vec<i32> {
        let lines = self.screen.all();
        let pid = |line: &String| line.rsplit_once(" pid ")?.1.parse().ok();
        lines.iter().filter_map(pid).collect()
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        kill(Pid::from_raw(self.process.id() as i32), signal).unwrap();
        until("the demo ends", || self.process.try_wait().unwrap())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("the demo's screen: {:#?}", self.screen.all());
        }
    }
}

/// Runs a printed line as it stands.
fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).stdin(Stdio::null());
    command
}

fn told(line: &str) -> String {
    let output = shell(line).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn lives(pid: i32) -> bool {
    // A zombie has ended; whoever adopted it has not looked yet.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn records(text: &str) -> Vec<IpAddr> {
    let records = text.lines().filter(|line| !line.starts_with(';') && line.contains("\tA\t"));
    records.map(|line| line.rsplit('\t').next().unwrap().parse().unwrap()).collect()
}

fn children(last: &[u8]) -> BTreeSet<IpAddr> {
    last.iter().map(|last| IpAddr::from([127, 0, 0, *last])).collect()
}

#[test]
fn every_line_of_the_screen_can_be_copied_and_is_true() {
    let mut demo = Demo::start();
    let (dns, dashboard) = (demo.dns(), demo.dashboard());
    assert_eq!(demo.pids().len(), 6);

    let copied = demo.line("www.midominio.com");
    let first = told(&copied);
    assert!(first.contains("status: NOERROR") && first.contains(" aa"), "{first}");
    assert_eq!(first.matches("\t30\tIN\tA\t").count(), 4, "{first}");
    assert_eq!(records(&first).into_iter().collect::<BTreeSet<_>>(), children(&[18, 19, 20, 21]));
    assert_ne!(records(&first), records(&told(&copied)), "another order the next time");
    assert_eq!(records(&told(&demo.line("madre.midominio.com"))), [IpAddr::from([127, 0, 0, 17])]);

    let client = Client::new(dns);
    let answers = || client.ask(dns, "midominio.com").addresses;
    let start = Instant::now();
    told(&demo.line("kill "));
    within(LEAVES, "server-3 leaves", || (answers() == children(&[18, 20, 21])).then_some(()));
    println!("server-3 left after {:?}", start.elapsed());
    let status: Value = serde_json::from_str(&get(dashboard, "/api/v1/status").unwrap()).unwrap();
    let member = &status["pools"][0]["members"][1];
    assert_eq!((&member["node"], &member["in_answers"]), (&"server-3".into(), &false.into()));
    assert!(member["why"].as_str().unwrap().ends_with("connection refused"), "{member}");
    assert!(get(dashboard, "/").unwrap().contains("connection refused"));
    until("the demo tells it", || {
        (demo.screen.count("server-3: out of the answers of web: connection refused") > 0)
            .then_some(())
    });

    let again = demo.line("demo-node --name server-3");
    let mut restarted = shell(&format!("exec {again}")).spawn().unwrap();
    until("server-3 comes back", || (answers() == children(&[18, 19, 20, 21])).then_some(()));
    let told_back = || demo.screen.count("server-3: back in the answers of web: 200 (2/2)");
    until("the demo tells that, too", || (told_back() > 0).then_some(()));

    let config = demo.line("config.yaml");
    let config = config.split(' ').find(|word| word.contains("config.yaml")).unwrap();
    let text = fs::read_to_string(config).unwrap();
    fs::write(config, text.replace("ttl: 30", "ttl: 40")).unwrap();
    until("an edit is loaded", || (client.ask(dns, "midominio.com").ttl == 40).then_some(()));
    restarted.kill().unwrap();
    restarted.wait().unwrap();

    let pids = demo.pids();
    assert!(demo.end(Signal::SIGINT).success());
    assert!(pids.iter().all(|pid| !lives(*pid)), "{pids:?}");
    assert_eq!(fs::read_dir(demo.temporary.path()).unwrap().count(), 0);
}

#[test]
fn nothing_survives_a_demo_that_is_killed() {
    let mut demo = Demo::start();
    let pids = demo.pids();
    assert!(pids.iter().all(|pid| lives(*pid)));
    demo.end(Signal::SIGKILL);
    for pid in pids {
        until("the node ends", || (!lives(pid)).then_some(()));
    }
}

#[test]
fn ctrl_c_while_the_demo_starts_leaves_nothing_behind() {
    let mut demo = Demo::begin();
    let files = || fs::read_dir(demo.temporary.path()).unwrap().count();
    until("its folder is there", || (files() > 0).then_some(()));
    demo.end(Signal::SIGINT);
    assert_eq!(fs::read_dir(demo.temporary.path()).unwrap().count(), 0);
}

#[test]
fn a_screen_that_nobody_reads_keeps_neither_the_demo_nor_its_end_waiting() {
    let (temporary, pipes) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_reader, screen) = full_pipe(pipes.path());
    let page = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let args = ["--port", "0", "--dashboard-port", &page.port().to_string()];
    let mut process = demo(&args, temporary.path()).stdout(screen).spawn().unwrap();
    until("the demo is ready", || (get(page, "/readyz").ok()? == "ready\n").then_some(()));
    let begun = Instant::now();
    kill(Pid::from_raw(process.id() as i32), Signal::SIGTERM).unwrap();
    let ended = until("the demo ends", || process.try_wait().unwrap());
    assert!(ended.success() && begun.elapsed() < END, "{ended}, {:?}", begun.elapsed());
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn two_demos_do_not_take_each_others_nodes() {
    let mut demos = [Demo::begin(), Demo::begin(), Demo::begin()];
    for demo in &demos {
        until("the demo's screen", || (demo.screen.count("Ctrl-C") > 0).then_some(()));
        assert!(demo.pids().iter().all(|pid| lives(*pid)), "{:?}", demo.screen.all());
        assert!(dig(demo.dns(), &["midominio.com"]).contains("ANSWER: 4"));
    }
    assert!(demos.iter_mut().all(|demo| demo.end(Signal::SIGTERM).success()));
}

#[test]
fn a_port_that_is_taken_is_told_in_one_line_with_the_way_out() {
    let other = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let page = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (dns, http) = (other.local_addr().unwrap().port(), page.local_addr().unwrap().port());
    for (port, dashboard, option) in [(dns, 0, "--port 0"), (0, http, "--dashboard-port 0")] {
        let temporary = tempfile::tempdir().unwrap();
        let (port, dashboard) = (port.to_string(), dashboard.to_string());
        let args = ["--port", &port, "--dashboard-port", &dashboard];
        let output = demo(&args, temporary.path()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("another program has this address"), "{text}");
        assert!(text.contains(option), "{text}");
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    }
}
