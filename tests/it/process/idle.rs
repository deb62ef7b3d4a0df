//! Thousands of connections that say nothing: whoever has a question is served all the same.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};

use crate::process::alone;
use crate::process::client::{ask, connect, exchange};
use crate::process::server::Server;
use crate::process::site::Site;
use crate::process::tcp::ticks;

const IDLE: usize = 5000;
/// Addresses that the connections come from in the second part.
const CLIENTS: usize = 100;
/// Of memory, when all places for connections are taken.
const MAX_KIB: u64 = 64 * 1024;
const WATCHED: Duration = Duration::from_secs(2);
/// No caller waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

#[test]
#[ignore = "opens 5000 connections, twice: cargo test --test it -- --ignored"]
fn thousands_of_idle_connections_keep_nobody_waiting() {
    let _alone = alone();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let site = Site::new(2, "every: 1h, timeout: 2s");
    let server = Server::start(&site);
    server.until_ready();
    for clients in [1, CLIENTS] {
        let streams = idle(server.at(), clients);
        // Those that came before it are taken by then.
        exchange(&mut connect(server.at()), 8).expect("TCP goes on");
        let open = streams.iter().filter(|stream| is_open(stream)).count();
        let (start, before) = (Instant::now(), ticks(server.pid()));
        let mut slowest = Duration::ZERO;
        while start.elapsed() < WATCHED {
            let asked = Instant::now();
            assert_eq!(ask(server.at(), "midominio.com").addresses.len(), 2, "UDP goes on");
            exchange(&mut connect(server.at()), 9).expect("TCP goes on");
            slowest = slowest.max(asked.elapsed());
            std::thread::sleep(Duration::from_millis(50));
        }
        let share = (ticks(server.pid()) - before) as f64 / (WATCHED.as_secs() * 100) as f64;
        let memory = memory_kib(server.pid());
        println!(
            "{IDLE} connections of {clients} addresses: {open} stay open, {memory} KiB, \
             {:.1} % of a core, slowest answer over UDP and a new TCP connection {slowest:?}",
            share * 100.0
        );
        assert!(memory < MAX_KIB, "{memory} KiB");
        assert!(share < 0.2, "{:.1} % of a core", share * 100.0);
        assert!(slowest < PATIENCE, "{slowest:?}");
    }
}

/// The idlest are let go as others come, so not all of them stay open.
fn idle(server: SocketAddr, clients: usize) -> Vec<TcpStream> {
    let open = |number: usize| {
        let from = Ipv4Addr::new(127, 200, 0, (1 + number % clients) as u8);
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.bind(&SocketAddr::new(IpAddr::V4(from), 0).into()).unwrap();
        socket.connect(&server.into()).unwrap();
        socket.set_nonblocking(true).unwrap();
        TcpStream::from(socket)
    };
    (0..IDLE).map(open).collect()
}

fn is_open(stream: &TcpStream) -> bool {
    let mut stream = stream;
    matches!(stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

fn memory_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
