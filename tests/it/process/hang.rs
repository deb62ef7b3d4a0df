//! A disk that does not answer, as NFS does when its server is gone: system calls that do not
//! return, by a library that is loaded before the C library's. What decides and answers goes on,
//! whoever waits for the disk is told within a bound, and the end comes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::process::client;
use crate::process::orders::{TOKEN, post, write_config};
use crate::process::server::{BINARY, Server, serve};
use crate::process::site::{QUICK, Site};
use crate::process::unread::{decides, ends, plan, start};
use crate::process::within;

const DRAIN: &str = r#"{"order": "drain", "target": "server-2", "author": "ana"}"#;

static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/process/hang/preload.c");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hang.so");
    let aside = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.so", std::process::id()));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&aside).arg(source).args(["-ldl"]);
    assert!(compiler.status().unwrap().success());
    fs::rename(aside, &library).unwrap();
    library
});

/// Its calls hang from the first to the second of these.
struct Gate(PathBuf);

impl Gate {
    fn of(site: &Site) -> Gate {
        Gate(site.folder.path().join("gate"))
    }

    fn shut(&self) {
        fs::write(&self.0, "").unwrap();
    }

    fn open(&self) {
        fs::remove_file(&self.0).unwrap();
    }

    /// A server whose calls for paths with `part` in them may hang.
    fn serve(&self, site: &Site, part: &str) -> Command {
        let mut command = serve(site);
        command.env("LD_PRELOAD", &*LIBRARY).env("HANG_GATE", &self.0).env("HANG_PATH", part);
        command
    }
}

fn trouble(subject: &str) -> impl Fn(&Value) -> Option<()> {
    move |status| {
        let mut troubles = status["troubles"].as_array()?.iter();
        troubles.find(|trouble| trouble["subject"] == subject).map(|_| ())
    }
}

fn has_metric(server: &Server, subject: &str) -> bool {
    let metrics = client::get(server.dashboard, "/metrics").unwrap();
    metrics.contains(&format!("tiovivo_trouble{{subject=\"{subject}\"}} 1"))
}

#[test]
fn files_of_the_configuration_that_do_not_answer_hold_up_nothing_and_are_shown() {
    let site = Site::new(2, QUICK);
    write_config(&site, &plan(&site));
    let gate = Gate::of(&site);
    let server = start(&site, &mut gate.serve(&site, "config.yaml"), Stdio::null());
    gate.shut();
    server.until("it is shown", trouble("configuration"));
    assert!(has_metric(&server, "configuration"));
    assert!(client::get(server.dashboard, "/").unwrap().contains("have not answered for 5 s"));
    assert_eq!(post(server.dashboard, Some(TOKEN), DRAIN).unwrap().0, 200);
    let release = DRAIN.replace("drain", "release");
    assert_eq!(post(server.dashboard, Some(TOKEN), &release).unwrap().0, 200);
    decides(&server, &site);
    gate.open();
    let over = |status: &Value| trouble("configuration")(status).is_none().then_some(());
    server.until("it is over", over);
    gate.shut();
    ends(server, Signal::SIGTERM);
}

#[test]
fn a_state_folder_that_does_not_answer_holds_up_nothing_and_orders_are_refused() {
    let site = Site::new(2, QUICK);
    write_config(&site, &plan(&site));
    let gate = Gate::of(&site);
    let server = start(&site, &mut gate.serve(&site, "/state/"), Stdio::null());
    gate.shut();
    let first = std::thread::spawn({
        let at = server.dashboard;
        move || (Instant::now(), post(at, Some(TOKEN), DRAIN).unwrap(), Instant::now())
    });
    server.until("it is shown", trouble("orders"));
    let begun = Instant::now();
    let (code, body) = post(server.dashboard, Some(TOKEN), DRAIN).unwrap();
    assert_eq!(code, 507, "{body}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // A reload does not wait for the order.
    let good = fs::read_to_string(site.path()).unwrap();
    site.write_config(&good.replace("ttl: 30", "ttl: 20"));
    server.signal(Signal::SIGHUP);
    let ttl = |status: &Value| status["pools"][0]["ttl_configured"].as_u64();
    server.until("it is loaded", |status| (ttl(status) == Some(20)).then_some(()));
    decides(&server, &site);
    server.until("the standings are not kept", trouble("standings"));
    let (begun, (code, body), answered) = first.join().unwrap();
    assert_eq!(code, 504, "{body}");
    assert!(answered - begun < Duration::from_secs(15));
    ends(server, Signal::SIGTERM);
}

#[test]
fn a_start_does_without_a_state_folder_that_does_not_answer() {
    let site = Site::new(2, QUICK);
    write_config(&site, &plan(&site));
    let gate = Gate::of(&site);
    gate.shut();
    let server = start(&site, &mut gate.serve(&site, "/state/"), Stdio::null());
    decides(&server, &site);
    server.until("it is shown", trouble("orders"));
    let (code, body) = post(server.dashboard, Some(TOKEN), DRAIN).unwrap();
    assert_eq!(code, 507, "{body}");
    gate.open();
    within(Duration::from_secs(20), "orders are taken again", || {
        (post(server.dashboard, Some(TOKEN), DRAIN).unwrap().0 == 200).then_some(())
    });
    ends(server, Signal::SIGTERM);
}

/// The thread that starts a program waits until the kernel has read it.
#[test]
fn programs_whose_disk_does_not_answer_hold_up_nothing_and_count_against_no_node() {
    let site = Site::new(2, QUICK);
    write_config(&site, &plan(&site));
    let program = site.folder.path().join("far-program");
    let told = site.folder.path().join("told");
    fs::write(&program, format!("#!/bin/sh\ncat >> {} ||:\n", told.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let (program, text) = (program.display(), fs::read_to_string(site.path()).unwrap());
    let pool = format!(
        "  far:
    names: [far.midominio.com]
    members: [server-2, server-3]
    check: {{ exec: {{ command: [{program}] }}, every: 300ms, timeout: 250ms, fall: 2, rise: 1 }}
nodes:\n"
    );
    let hook =
        "\nhooks: [{ name: far, command: [PROGRAM], on: [node], pools: [web], timeout: 1s }]\n";
    let hook = hook.replace("PROGRAM", &program.to_string());
    site.write_config(&(text.replace("nodes:\n", &pool) + &hook));
    let gate = Gate::of(&site);
    let server = start(&site, &mut gate.serve(&site, "far-program"), Stdio::null());
    let far = |status: &Value| {
        let mut pools = status["pools"].as_array()?.iter();
        pools.find(|pool| pool["name"] == "far").cloned()
    };
    let answering = |status: &Value| far(status)?["answering"].as_array().map(Vec::len);
    server.until("both are up", |status| (answering(status) == Some(2)).then_some(()));
    gate.shut();
    let blames = |status: &Value| far(status)?.to_string().contains("that it is on").then_some(());
    server.until("it is shown", blames);
    decides(&server, &site);
    assert_eq!(answering(&server.status()), Some(2), "{}", server.status());
    let is_told = || {
        let told = fs::read_to_string(&told).unwrap_or_default();
        told.contains("\"new\":\"out\"").then_some(())
    };
    assert_eq!(is_told(), None);
    gate.open();
    within(Duration::from_secs(20), "the hook is told", is_told);
    gate.shut();
    std::thread::sleep(Duration::from_secs(1));
    ends(server, Signal::SIGTERM);
}

#[test]
fn a_writer_that_stands_still_is_dead_for_whoever_asks_and_the_end_comes_all_the_same() {
    let site = Site::new(2, QUICK);
    write_config(&site, &plan(&site));
    let gate = Gate::of(&site);
    let path = site.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let hears_watchdog = || {
        let mut room = [0; 64];
        socket.recv(&mut room).is_ok_and(|len| room[..len].starts_with(b"WATCHDOG=1"))
    };
    let mut command = gate.serve(&site, "nothing of that name");
    command.env("HANG_THREAD", "decide").env("NOTIFY_SOCKET", &path);
    command.env("WATCHDOG_USEC", "500000").env_remove("WATCHDOG_PID");
    let mut server = start(&site, &mut command, Stdio::null());
    within(Duration::from_secs(5), "the watchdog hears", || hears_watchdog().then_some(()));
    gate.shut();
    within(Duration::from_secs(10), "it is dead", || {
        let said = client::get(server.dashboard, "/livez").unwrap();
        said.starts_with("nothing was decided for").then_some(())
    });
    assert!(client::get(server.dashboard, "/readyz").unwrap().starts_with("nothing was decided"));
    // What was said before.
    while hears_watchdog() {}
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        assert!(!hears_watchdog());
    }
    let mut health = Command::new(BINARY);
    let health = health.args(["health", "--at", &server.dashboard.to_string()]).output().unwrap();
    assert_eq!(health.status.code(), Some(1), "{health:?}");
    assert_eq!(client::ask(server.at(), "midominio.com").addresses, site.addresses(0..2));
    let begun = Instant::now();
    assert_eq!(server.end(Signal::SIGTERM).code(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
