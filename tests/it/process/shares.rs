//! Few descriptors, and strangers who want them all: orders, probes, the page and clients have
//! theirs.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::client::{connect, exchange, get};
use crate::process::orders::{TOKEN, post, write_config};
use crate::process::server::{BINARY, Server};
use crate::process::site::{Plan, Site};
use crate::process::until;

const IDLE: usize = 300;
const CLIENTS: u16 = 9;
const ORDERS: usize = 5;
const CHILDREN: usize = 4;
const CHECK: &str = "every: 1s, timeout: 900ms, fall: 2, rise: 1";

#[test]
fn of_64_or_128_descriptors_everyone_has_a_share() {
    for limit in [64, 128] {
        let site = Site::new(CHILDREN, CHECK);
        write_config(&site, &Plan { check: CHECK, ..Plan::new(0..CHILDREN) });
        let mut command = Command::new("sh");
        let limited = format!("ulimit -n {limit} && exec \"$0\" serve -c \"$1\"");
        command.args(["-c", &limited, BINARY]).arg(site.path());
        let server = Server::run(command.stdin(Stdio::null()).process_group(0));
        server.until_ready();
        let idle = [server.at(), server.dashboard].map(silent);
        for client in 0..CLIENTS {
            let asked = exchange(&mut connect(server.at()), client);
            assert_eq!(asked.unwrap(), client, "client {client} of {limit} descriptors");
        }
        for order in 0..ORDERS {
            let order = if order % 2 == 0 { "drain" } else { "force-up" };
            let body =
                format!(r#"{{"order":"{order}","target":"server-2","author":"a","reason":"r"}}"#);
            let (status, said) = post(server.dashboard, Some(TOKEN), &body).unwrap();
            assert_eq!(status, 200, "{limit} descriptors: {said}");
        }
        let probes = |name: &str| {
            let metrics = get(server.dashboard, "/metrics").unwrap();
            let line = |line: &&str| line.starts_with(name) && line.contains("pool=\"web\"");
            let values = metrics.lines().filter(line).map(|line| line.rsplit(' ').next());
            values.map(|value| value.unwrap().parse::<f64>().unwrap()).sum::<f64>()
        };
        let before = probes("tiovivo_probes_total{");
        until("two more rounds of probes", || {
            (probes("tiovivo_probes_total{") >= before + 2.0 * CHILDREN as f64).then_some(())
        });
        assert_eq!(probes("tiovivo_probe_failures_total{"), 0.0, "{limit} descriptors");
        assert_eq!(server.logged("no socket left"), 0);
        drop(idle);
    }
}

/// Who is cut off comes again, so there are always more than the server can hold.
fn silent(at: SocketAddr) -> Vec<TcpStream> {
    let open = || TcpStream::connect_timeout(&at, Duration::from_secs(5)).unwrap();
    (0..IDLE).map(|_| open()).collect()
}
