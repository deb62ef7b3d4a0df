//! Strangers who keep the server busy, beside clients who only ask and real children.
//!
//! | what strangers do | over |
//! |---|---|
//! | send messages that get no reply, without end | TCP, TLS, HTTPS, QUIC, HTTP (they say nothing) |
//! | send good queries as fast as replies are read | the same |
//! | begin what they do not end: a frame, a handshake, a header | the same |
//!
//! Whatever they do: no member falls, no probe is booked as failed, each query over UDP and over a
//! TCP connection of its own is answered, `/livez` says well, and the memory comes back.
//!
//! `TIOVIVO_ATTACK_SECONDS` says how long each attack lasts.

mod strangers;
mod witness;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;

use crate::process::attack::strangers::{From, Kind, Ports, Strangers, Transport};
use crate::process::attack::witness::Witnesses;
use crate::process::server::Server;
use crate::process::site::Site;
use crate::process::{alone, client, until, within};

/// Each of its kind; longer by `TIOVIVO_ATTACK_SECONDS`.
const LASTS: Duration = Duration::from_secs(3);
const CONNECTIONS: usize = 250;
/// Of 127/8, each with one connection.
const ADDRESSES: usize = 5000;
const CHILDREN: usize = 4;
const CHECK: &str = "every: 1s, timeout: 500ms, fall: 2";
/// Above the memory of the quiet server: while it is attacked, and after `RECOVERY`.
const MOST_KIB: u64 = 64 * 1024;
const LEFT_KIB: u64 = 24 * 1024;
const RECOVERY: Duration = Duration::from_secs(30);
/// Set in the namespace of the test over IPv6.
const INSIDE: &str = "TIOVIVO_ATTACK_NAMESPACE";

#[test]
#[ignore = "an attack of seconds: cargo test --test it attack -- --ignored"]
fn over_tcp() {
    endure(Transport::Tcp, From::One, CONNECTIONS);
}

#[test]
#[ignore = "an attack of seconds: cargo test --test it attack -- --ignored"]
fn over_tls() {
    endure(Transport::Tls, From::One, CONNECTIONS);
}

#[test]
#[ignore = "an attack of seconds: cargo test --test it attack -- --ignored"]
fn over_https() {
    endure(Transport::Https, From::One, CONNECTIONS);
}

#[test]
#[ignore = "an attack of seconds: cargo test --test it attack -- --ignored"]
fn over_quic() {
    endure(Transport::Quic, From::One, CONNECTIONS);
}

#[test]
#[ignore = "an attack of seconds: cargo test --test it attack -- --ignored"]
fn over_http() {
    endure(Transport::Http, From::One, CONNECTIONS);
}

#[test]
#[ignore = "an attack of seconds: cargo test --test it attack -- --ignored"]
fn from_many_addresses() {
    endure(Transport::Tcp, From::Many, ADDRESSES);
}

#[test]
#[ignore = "an attack of seconds: cargo test --test it attack -- --ignored"]
fn from_one_network_of_ipv6() {
    let _alone = alone();
    // The superuser needs no user namespace, which some machines forbid.
    let alone = Command::new("unshare").args(["-n", "true"]).status().expect("util-linux");
    let unshare = if alone.success() { "-n" } else { "-rn" };
    let status = Command::new("unshare")
        .args([unshare, "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "process::attack::inside_a_namespace", "--ignored", "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "see above");
}

#[test]
#[ignore = "from_one_network_of_ipv6 starts it in a network namespace"]
fn inside_a_namespace() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    for line in ["link set lo up", "-6 route add local 2001:db8::/32 dev lo"] {
        let status = Command::new("ip").args(line.split(' ')).status().expect("iproute2");
        assert!(status.success(), "ip {line}");
    }
    endure(Transport::Tcp, From::Network, CONNECTIONS);
}

/// Each kind of attack over `transport`, on one server.
fn endure(transport: Transport, from: From, connections: usize) {
    let _alone = std::env::var_os(INSIDE).is_none().then(alone);
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let site = Site::new(CHILDREN, CHECK);
    let ports = Ports::of(&site);
    write_certificate(site.folder.path());
    let config = std::fs::read_to_string(site.path()).unwrap();
    let listen = if from == From::Network { "\"[::]:0\", " } else { "" };
    let config = config
        .replace("workers: 2", &format!("workers: 2, {}", ports.config()))
        .replace("listen: [\"127", &format!("listen: [{listen}\"127"));
    site.write_config(&config);
    let server = Server::start(&site);
    server.until_ready();
    let everyone = site.addresses(0..CHILDREN);
    let at = Ports { tcp: strangers_meet(&server, from), http: server.dashboard, ..ports };
    // What the first of each costs once is no attack's.
    Witnesses::start(&server, &everyone).end();
    let mut before = booked(&server);
    for kind in Kind::ALL {
        before = attack(&server, &everyone, &at, (transport, kind, from), connections, &before);
    }
}

/// The address at which strangers find the server.
fn strangers_meet(server: &Server, from: From) -> SocketAddr {
    match from {
        From::Network => {
            let listen = server.dns.iter().find(|address| address.is_ipv6()).unwrap();
            SocketAddr::new("2001:db8::53".parse().unwrap(), listen.port())
        }
        _ => server.at(),
    }
}

/// What is booked after it.
fn attack(
    server: &Server,
    everyone: &BTreeSet<IpAddr>,
    at: &Ports,
    (transport, kind, from): (Transport, Kind, From),
    connections: usize,
    before: &Booked,
) -> Booked {
    let quiet = memory_kib(server.pid());
    let witnesses = Witnesses::start(server, everyone);
    let strangers = Strangers::start(transport, kind, from, at, connections);
    let start = Instant::now();
    let mut most = quiet;
    while start.elapsed() < lasts() {
        thread::sleep(Duration::from_millis(100));
        most = most.max(memory_kib(server.pid()));
    }
    let connected = strangers.end();
    let heard = witnesses.end();
    let after = booked(server);
    println!(
        "{transport:?} {kind:?} {from:?}: {connected} connections in {:?}, memory {quiet} to {most} \
         KiB; load {}\n  {heard}\n  probes {}, failed {}, late {}",
        start.elapsed(),
        load(),
        after.probes - before.probes,
        after.failures - before.failures,
        after.voids - before.voids,
    );
    assert!(connected >= CONNECTIONS as u64, "the attack did not take place");
    heard.judge();
    assert_eq!(after.failures, before.failures, "a probe is booked as failed");
    assert_eq!(after.changes, before.changes, "a member or a pool changed");
    assert!(after.probes > before.probes, "nobody was probed");
    assert!(most <= quiet + MOST_KIB, "{quiet} KiB before, {most} KiB at most");
    within(RECOVERY, "the memory is given back", || {
        (memory_kib(server.pid()) <= quiet + LEFT_KIB).then_some(())
    });
    after
}

fn lasts() -> Duration {
    let given = std::env::var("TIOVIVO_ATTACK_SECONDS").ok();
    given.map_or(LASTS, |text| Duration::from_secs(text.parse().expect("seconds")))
}

/// What the server says of the probes of its members.
struct Booked {
    probes: u64,
    failures: u64,
    voids: u64,
    changes: usize,
}

fn booked(server: &Server) -> Booked {
    // The status follows what is observed within a second.
    thread::sleep(Duration::from_millis(1500));
    let get = |path: &str| until(path, || client::get(server.dashboard, path).ok());
    let metrics = get("/metrics");
    let sum = |name: &str| {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
    };
    let status: Value = serde_json::from_str(&get("/api/v1/status")).unwrap();
    Booked {
        probes: sum("tiovivo_probes_total{"),
        failures: sum("tiovivo_probe_failures_total{"),
        voids: sum("tiovivo_probes_void_total{"),
        changes: status["changes"].as_array().unwrap().len(),
    }
}

fn write_certificate(folder: &Path) {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["ns1.midominio.com".into()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    std::fs::write(folder.join("chain.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
}

fn memory_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().into()
}
