//! The machines of the demo, each a process of this binary on an address of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Name and loopback address of each machine of `config.yaml` beside this file.
const MACHINES: [(&str, u8); 6] = [
    ("server-1", 17),
    ("server-1.1", 16),
    ("server-2", 18),
    ("server-3", 19),
    ("server-4", 20),
    ("server-5", 21),
];
/// The port that all nodes listen on is looked for from here.
const FIRST_PORT: u16 = 8080;
const PORT_TRIES: u16 = 500;
/// How long a node may take to accept its first connection.
const START_LIMIT: Duration = Duration::from_secs(5);

/// One machine.
#[derive(Debug)]
pub struct Node {
    pub name: &'static str,
    pub address: SocketAddr,
    process: Child,
    ended: bool,
}

/// Ends them all when dropped.
#[derive(Debug)]
pub struct Nodes(Vec<Node>);

impl Nodes {
    /// Starts every machine on one port that is free on all their addresses.
    pub fn start() -> io::Result<Nodes> {
        let port = free_port()?;
        let mut nodes = Nodes(vec![]);
        for (name, last) in MACHINES {
            let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port));
            let process = command(name, address)?
                .arg("--with-parent")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()?;
            nodes.0.push(Node { name, address, process, ended: false });
        }
        let end = Instant::now() + START_LIMIT;
        for node in &nodes.0 {
            while TcpStream::connect(node.address).is_err() {
                if Instant::now() > end {
                    return Err(io::Error::other(format!("{} does not start", node.name)));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(nodes)
    }

    pub fn port(&self) -> u16 {
        self.0.first().map_or(FIRST_PORT, |node| node.address.port())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.0.iter()
    }

    /// Those that ended since the last call.
    pub fn ended(&mut self) -> Vec<&Node> {
        let mut ended = vec![];
        for node in &mut self.0 {
            if !node.ended && matches!(node.process.try_wait(), Ok(Some(_))) {
                node.ended = true;
                ended.push(&*node);
            }
        }
        ended
    }
}

impl Node {
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What a person types to start it again.
    pub fn again(&self) -> String {
        let binary = std::env::args().next().unwrap_or_else(|| "tiovivo".into());
        format!("{binary} demo-node --name {} --listen {}", self.name, self.address)
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for node in &mut self.0 {
            let _ = node.process.kill();
            let _ = node.process.wait();
        }
    }
}

fn command(name: &str, address: SocketAddr) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["demo-node", "--name", name, "--listen", &address.to_string()]);
    Ok(command)
}

fn free_port() -> io::Result<u16> {
    let free = |port: &u16| {
        let address = |last: u8| SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), *port));
        MACHINES.iter().all(|(_, last)| TcpListener::bind(address(*last)).is_ok())
    };
    let none = || io::Error::other("no port from 8080 on is free on 127.0.0.16 to 127.0.0.21");
    (FIRST_PORT..FIRST_PORT + PORT_TRIES).find(free).ok_or_else(none)
}
