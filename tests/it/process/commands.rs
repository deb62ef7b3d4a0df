//! `check`, `query`, `health`, and a `serve` that cannot: one clear line and the right exit code.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::child::Mood;
use crate::process::server::{BINARY, Server, serve};
use crate::process::site::{Plan, QUICK, Site};

/// Exit code, standard output, standard error.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn tiovivo(args: &[&str], config: &Path) -> (Option<i32>, String, String) {
    run(Command::new(BINARY).args(args).arg("--config").arg(config))
}

/// The server must not have started; what it said is one line.
#[track_caller]
fn refused(command: &mut Command, code: i32, parts: &[&str]) {
    let (status, _, text) = run(command);
    assert_eq!(status, Some(code), "{text}");
    assert_eq!(text.lines().filter(|line| !line.is_empty()).count(), 1, "{text}");
    assert!(parts.iter().all(|part| text.contains(part)), "{parts:?} in {text}");
}

#[test]
fn check_says_0_or_2() {
    let site = Site::new(2, QUICK);
    let (code, table, errors) = tiovivo(&["check"], &site.path());
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let all = format!("{} {}", site.address(0), site.address(1));
    assert!(table.contains(&all), "{table}");
    site.write_config(&site.config(&Plan::new(0..2)).replace("ttl: 30", "ttl: never"));
    let (code, table, errors) = tiovivo(&["check"], &site.path());
    assert_eq!((code, table.as_str()), (Some(2), ""));
    assert!(errors.contains("pools.web.ttl") && errors.ends_with("1 error\n"), "{errors}");
}

/// Without what differs from run to run: id, times, source, the turn of the rotation.
fn lasting(text: &str) -> Vec<String> {
    let volatile = [";; Query time", ";; SERVER"];
    let lines = text.lines().filter(|line| !volatile.iter().any(|start| line.starts_with(start)));
    let mut lines: Vec<String> =
        lines.map(|line| line.split(", id:").next().unwrap().to_owned()).collect();
    lines.sort();
    lines
}

#[test]
fn query_says_the_same_offline_and_of_a_running_server() {
    let site = Site::new(3, QUICK);
    let server = Server::start(&site);
    server.until_ready();
    let at = server.at().to_string();
    for (name, rtype) in [
        ("midominio.com", "A"),
        ("WWW.midominio.com", "A"),
        ("midominio.com", "AAAA"),
        ("midominio.com", "MX"),
        ("midominio.com", "TXT"),
        ("midominio.com", "ANY"),
        ("madre.midominio.com", "A"),
        ("nobody.midominio.com", "A"),
        ("example.org", "A"),
    ] {
        let offline = tiovivo(&["query", name, rtype], &site.path());
        let online = tiovivo(&["query", name, rtype, "--at", &at], &site.path());
        assert_eq!((offline.0, online.0), (Some(0), Some(0)), "{} {}", offline.2, online.2);
        assert_eq!(lasting(&offline.1), lasting(&online.1), "{name} {rtype}");
    }
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let (code, _, text) = tiovivo(&["query", "midominio.com", "--at", &closed], &site.path());
    assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
    assert_eq!(tiovivo(&["query", "midominio.com", "NOTYPE"], &site.path()).0, Some(2));
}

#[test]
fn health_says_0_of_a_server_that_is_well_and_1_otherwise() {
    let site = Site::new(2, "every: 30s, timeout: 20s");
    site.children[1].is(Mood::Silent);
    let mut server = Server::start(&site);
    // The same with the real ports, as `health` needs to know them.
    let plan = Plan {
        listen: server.at().to_string(),
        dashboard: server.dashboard.to_string(),
        ..Plan::new(0..2)
    };
    let real = site.folder.path().join("real.yaml");
    fs::write(&real, site.config(&plan)).unwrap();
    let (code, _, text) = tiovivo(&["health"], &real);
    assert_eq!((code, text.lines().count()), (Some(1), 1), "not ready: {text}");
    assert!(text.contains("503"), "{text}");
    server.end(nix::sys::signal::Signal::SIGTERM);
    let (code, _, text) = tiovivo(&["health"], &real);
    assert_eq!((code, text.lines().count()), (Some(1), 1), "gone: {text}");

    site.children[1].is(Mood::Well);
    let server = Server::start(&site);
    server.until_ready();
    let plan = Plan {
        listen: server.at().to_string(),
        dashboard: server.dashboard.to_string(),
        ..Plan::new(0..2)
    };
    fs::write(&real, site.config(&plan)).unwrap();
    assert_eq!(tiovivo(&["health"], &real), (Some(0), "well\n".into(), String::new()));
}

#[test]
fn serve_tells_an_address_in_use_for_udp_tcp_and_the_dashboard() {
    let site = Site::new(1, QUICK);
    let listen = |listen: String| site.config(&Plan { listen, ..Plan::new(0..1) });
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = (udp.local_addr().unwrap().to_string(), udp);
    site.write_config(&listen(udp.0.clone()));
    let told = "another program has this address";
    refused(&mut serve(&site), 1, &["UDP", &udp.0, told, "`listen`"]);

    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = (tcp.local_addr().unwrap().to_string(), tcp);
    site.write_config(&listen(tcp.0.clone()));
    refused(&mut serve(&site), 1, &["TCP", &tcp.0, told, "`listen`"]);

    site.write_config(&site.config(&Plan { dashboard: tcp.0.clone(), ..Plan::new(0..1) }));
    refused(&mut serve(&site), 1, &["dashboard", &tcp.0, told, "`server.dashboard`"]);

    site.write_config(&listen("192.0.2.1:0".into()));
    refused(&mut serve(&site), 1, &["192.0.2.1", "this machine has no such address"]);
}

#[test]
fn serve_tells_a_missing_configuration_and_one_that_may_not_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("config.yaml");
    let mut command = Command::new(BINARY);
    refused(command.arg("serve").arg("-c").arg(&missing), 2, &["config.yaml", "no such file"]);
}

/// A copy of the binary and a site that anybody may reach.
#[test]
fn serve_tells_that_it_may_not_have_port_53() {
    let free = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    if free.trim().parse::<u16>().unwrap() <= 53 {
        println!("port 53 is for everybody here: nothing to see");
        return;
    }
    let site = Site::new(1, QUICK);
    let plan = Plan { listen: "127.0.0.77:53".into(), ..Plan::new(0..1) };
    site.write_config(&site.config(&plan));
    let everybody = |path: &Path| fs::set_permissions(path, PermissionsExt::from_mode(0o755));
    everybody(site.folder.path()).unwrap();
    let binary = site.folder.path().join("tiovivo");
    let mut copy = fs::File::create(&binary).unwrap();
    std::io::copy(&mut fs::File::open(BINARY).unwrap(), &mut copy).unwrap();
    copy.flush().unwrap();
    drop(copy);
    everybody(&binary).unwrap();
    let nobody = |command: &mut Command| {
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.uid(65_534).gid(65_534);
        }
    };
    let mut command = Command::new(&binary);
    command.arg("serve").arg("-c").arg(site.path());
    nobody(&mut command);
    refused(&mut command, 1, &["127.0.0.77:53", "privileged", "CAP_NET_BIND_SERVICE"]);

    fs::set_permissions(site.path(), PermissionsExt::from_mode(0o000)).unwrap();
    let mut command = Command::new(&binary);
    command.arg("serve").arg("-c").arg(site.path());
    nobody(&mut command);
    refused(&mut command, 2, &["config.yaml", "may not be read by this user"]);
}
