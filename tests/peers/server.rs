//! Starts the servers that are compared, on ports of their own, and ends them by their process id.
//!
//! The peers are set to answer as this server means to: minimal responses, 1232 octets over UDP,
//! the same NSID. What then still differs stands in `decisions.rs`.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::exchange;
use crate::wire::{Query, UDP_LIMIT, rtype};
use tiovivo::zone::name::Name;

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(20);
/// How long a server may take to end before it is killed.
const STOP: Duration = Duration::from_secs(5);
pub const NSID: &str = "ns1";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    Tiovivo,
    Nsd,
    Knot,
}

/// A zone as it is handed to a server.
#[derive(Debug, Clone)]
pub struct ZoneFile {
    pub apex: Name,
    pub text: String,
}

#[derive(Debug, Clone, Copy)]
pub struct EncryptedPorts {
    pub tls: u16,
    pub https: u16,
    pub quic: u16,
}

/// A running server. Dropping it ends the process and removes its folder.
pub struct Server {
    pub peer: Peer,
    pub address: SocketAddr,
    process: Child,
    folder: tempfile::TempDir,
}

impl Server {
    /// On a free port of 127.0.0.1, answering for all of `zones`.
    pub fn start(peer: Peer, zones: &[ZoneFile]) -> Server {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), free_port());
        Server::start_at(peer, &[address], zones)
    }

    pub fn start_at(peer: Peer, addresses: &[SocketAddr], zones: &[ZoneFile]) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = peer.config(folder.path(), addresses, zones);
        Server::start_in(folder, peer, addresses[0], zones, &config)
    }

    /// This server with its encrypted transports, which nothing but the ports tells apart.
    pub fn start_encrypted(zones: &[ZoneFile]) -> (Server, EncryptedPorts) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ports = EncryptedPorts { tls: free_port(), https: free_port(), quic: free_port() };
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
        fs::write(folder.path().join("chain.pem"), made.cert.pem()).expect("a chain");
        fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).expect("a key");
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), free_port());
        let EncryptedPorts { tls, https, quic } = ports;
        let config = tiovivo_config(&[address], zones).replace(
            "server:\n",
            &format!(
                "server:\n  tls: {{ listen: [127.0.0.1:{tls}] }}\n  \
                 https: {{ listen: [127.0.0.1:{https}] }}\n  \
                 quic: {{ listen: [127.0.0.1:{quic}] }}\n  \
                 certificate: {{ chain: chain.pem, key: key.pem }}\n"
            ),
        );
        (Server::start_in(folder, Peer::Tiovivo, address, zones, &config), ports)
    }

    fn start_in(
        folder: tempfile::TempDir,
        peer: Peer,
        address: SocketAddr,
        zones: &[ZoneFile],
        text: &str,
    ) -> Server {
        for (index, zone) in zones.iter().enumerate() {
            fs::write(folder.path().join(format!("{index}.zone")), &zone.text).expect("a zone");
        }
        let config = folder.path().join("config.yaml");
        fs::write(&config, text).expect("a config");
        let log = fs::File::create(folder.path().join("stderr")).expect("a log");
        let mut command = peer.command(&config);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        let process = command.process_group(0).spawn();
        let process = process.unwrap_or_else(|fault| panic!("{peer}: {fault}; {}", peer.hint()));
        let mut server = Server { peer, address, process, folder };
        server.wait(zones);
        server
    }

    /// Until every zone is answered for.
    fn wait(&mut self, zones: &[ZoneFile]) {
        let start = Instant::now();
        for zone in zones {
            let query = Query::new(zone.apex.clone(), rtype::SOA);
            while !exchange::once(self.address, &query).is_ok_and(|reply| reply.rcode == 0) {
                let ended = self.process.try_wait().expect("the process is ours").is_some();
                if ended || start.elapsed() > START {
                    panic!("{} does not answer for {}:\n{}", self.peer, zone.apex, self.log());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    pub fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name));
        ["stderr", "log"].into_iter().filter_map(|name| read(name).ok()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.process.id() as i32);
        let start = Instant::now();
        let _ = killpg(group, Signal::SIGTERM);
        while start.elapsed() < STOP {
            if self.process.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.process.wait();
    }
}

impl Peer {
    fn command(self, config: &Path) -> Command {
        let mut command = Command::new(match self {
            Peer::Tiovivo => PathBuf::from(env!("CARGO_BIN_EXE_tiovivo")),
            Peer::Nsd => program("nsd"),
            Peer::Knot => program("knotd"),
        });
        match self {
            Peer::Tiovivo => command.args(["serve", "--config"]).arg(config),
            Peer::Nsd => command.args(["-d", "-c"]).arg(config),
            Peer::Knot => command.arg("-c").arg(config),
        };
        command
    }

    fn hint(self) -> &'static str {
        match self {
            Peer::Tiovivo => "cargo build",
            Peer::Nsd | Peer::Knot => APT,
        }
    }

    fn config(self, folder: &Path, addresses: &[SocketAddr], zones: &[ZoneFile]) -> String {
        match self {
            Peer::Tiovivo => tiovivo_config(addresses, zones),
            Peer::Nsd => nsd_config(folder, addresses, zones),
            Peer::Knot => knot_config(folder, addresses, zones),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Peer::Tiovivo => "tiovivo",
            Peer::Nsd => "NSD",
            Peer::Knot => "Knot",
        })
    }
}

const APT: &str = "apt-get install nsd knot knot-dnsutils bind9-dnsutils bind9-utils ldnsutils \
                   zonemaster-cli iproute2 util-linux";

/// A program of a package, also where PATH lacks the folders of the superuser.
pub fn program(name: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/usr/local/sbin", "/usr/bin"]);
    let found = folders.map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed; {APT}"))
}

/// A port that is free over UDP and TCP now, and was given to no other test. A stranger may take it before the server does; then
/// the server says so and the test fails with its log.
pub fn free_port() -> u16 {
    /// Ports that were given: the system gives a port again that nobody has opened yet.
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("bound");
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if TcpListener::bind(address).is_ok() && given.insert(address.port()) {
            return address.port();
        }
    }
}

fn tiovivo_config(addresses: &[SocketAddr], zones: &[ZoneFile]) -> String {
    let listen: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    let listen = listen.join(", ");
    let mut text = format!(
        "server:\n  listen: [{listen}]\n  dashboard: off\n  state: state\n  nsid: {NSID}\nzones:\n"
    );
    for (index, zone) in zones.iter().enumerate() {
        let _ = writeln!(text, "  - apex: '{}'\n    file: {index}.zone", zone.apex);
    }
    text
}

fn nsd_config(folder: &Path, addresses: &[SocketAddr], zones: &[ZoneFile]) -> String {
    let folder = folder.display();
    let mut text = format!(
        "server:\n username: \"\"\n chroot: \"\"\n zonesdir: \"{folder}\"\n database: \"\"\n \
         zonelistfile: \"{folder}/zone.list\"\n xfrdfile: \"{folder}/xfrd.state\"\n \
         xfrdir: \"{folder}\"\n pidfile: \"{folder}/nsd.pid\"\n logfile: \"{folder}/log\"\n \
         server-count: 1\n minimal-responses: yes\n refuse-any: no\n round-robin: no\n \
         ipv4-edns-size: {UDP_LIMIT}\n ipv6-edns-size: {UDP_LIMIT}\n nsid: \"ascii_{NSID}\"\n \
         answer-cookie: yes\n rrl-ratelimit: 0\n"
    );
    for address in addresses {
        let _ = writeln!(text, " ip-address: {}@{}", address.ip(), address.port());
    }
    text.push_str("remote-control:\n control-enable: no\n");
    for (index, zone) in zones.iter().enumerate() {
        let _ = writeln!(text, "zone:\n name: \"{}\"\n zonefile: \"{index}.zone\"", zone.apex);
    }
    text
}

fn knot_config(folder: &Path, addresses: &[SocketAddr], zones: &[ZoneFile]) -> String {
    let folder = folder.display();
    let listen: Vec<String> =
        addresses.iter().map(|address| format!("{}@{}", address.ip(), address.port())).collect();
    let mut text = format!(
        "server:\n    rundir: \"{folder}\"\n    listen: [{}]\n    udp-workers: 1\n    \
         tcp-workers: 1\n    background-workers: 1\n    udp-max-payload: {UDP_LIMIT}\n    \
         nsid: {NSID}\nlog:\n  - target: \"{folder}/log\"\n    any: warning\n\
         database:\n    storage: \"{folder}/db\"\ntemplate:\n  - id: default\n    \
         storage: \"{folder}\"\n    zonefile-sync: -1\n    journal-content: none\n    \
         global-module: mod-cookies\nzone:\n",
        listen.join(", ")
    );
    for (index, zone) in zones.iter().enumerate() {
        let _ = writeln!(text, "  - domain: \"{}\"\n    file: \"{index}.zone\"", zone.apex);
    }
    text
}
