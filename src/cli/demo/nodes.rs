//! Starts the machines of the demo, each a process of this binary on an address of its own.
//!
//! The sockets are opened here and passed to the processes: all machines have one port, and no
//! other program can take it before they start.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Name, role and last octet of the loopback address of each machine of `config.yaml` beside this
/// file.
const MACHINES: [(&str, &str, u8); 6] = [
    ("server-1", "mother", 17),
    ("server-1.1", "standby", 16),
    ("server-2", "child", 18),
    ("server-3", "child", 19),
    ("server-4", "child", 20),
    ("server-5", "child", 21),
];
/// The first port that is tried for all nodes.
const FIRST_PORT: u16 = 8080;
const PORT_TRIES: u16 = 500;

/// A machine and its process.
#[derive(Debug)]
pub struct DemoMachine {
    pub name: &'static str,
    pub role: &'static str,
    pub address: SocketAddr,
    process: Child,
    /// Whether [`DemoMachines::ended`] has returned this machine.
    ended: bool,
}

/// All machines of the demo. Dropping it ends their processes.
#[derive(Debug)]
pub struct DemoMachines(Vec<DemoMachine>);

impl DemoMachines {
    /// Starts every machine on one port that is free on all their addresses.
    pub fn start() -> io::Result<DemoMachines> {
        let mut nodes = DemoMachines(vec![]);
        for ((name, role, _), listener) in MACHINES.into_iter().zip(listeners()?) {
            let address = listener.local_addr()?;
            let process = Command::new(std::env::current_exe()?)
                .args(["demo-node", "--name", name])
                .args(["--parent", &std::process::id().to_string()])
                .stdin(OwnedFd::from(listener))
                .stdout(Stdio::null())
                // A process group of its own, so that Ctrl-C reaches only the demo, which ends the
                // nodes without a line for each.
                .process_group(0)
                .spawn()?;
            nodes.0.push(DemoMachine { name, role, address, process, ended: false });
        }
        Ok(nodes)
    }

    /// The one port of all machines.
    pub fn port(&self) -> u16 {
        self.0.first().map_or(FIRST_PORT, |node| node.address.port())
    }

    pub fn iter(&self) -> impl Iterator<Item = &DemoMachine> {
        self.0.iter()
    }

    /// The machines that ended since the last call.
    pub fn ended(&mut self) -> Vec<&DemoMachine> {
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

impl DemoMachine {
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The command that starts the machine again, from any folder.
    pub fn again(&self) -> String {
        format!("{} demo-node --name {} --listen {}", binary(), self.name, self.address)
    }
}

impl Drop for DemoMachines {
    fn drop(&mut self) {
        for node in &mut self.0 {
            let _ = node.process.kill();
            let _ = node.process.wait();
        }
    }
}

/// The path of this program, as a person types it in any folder.
pub fn binary() -> String {
    quoted(&std::env::current_exe().unwrap_or_else(|_| "tiovivo".into()))
}

/// The path, quoted for a shell if that is necessary.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// A socket for each machine, all on the first port that is free on all of their addresses.
fn listeners() -> io::Result<Vec<TcpListener>> {
    let open = |port: u16| -> io::Result<Vec<TcpListener>> {
        let address = |last: u8| SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port));
        MACHINES.iter().map(|(_, _, last)| TcpListener::bind(address(*last))).collect()
    };
    let none = || io::Error::other("no port from 8080 on is free on 127.0.0.16 to 127.0.0.21");
    (FIRST_PORT..FIRST_PORT + PORT_TRIES).find_map(|port| open(port).ok()).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_blank_is_one_word_of_the_shell() {
        assert_eq!(quoted(Path::new("/usr/bin/tiovivo-0.1")), "/usr/bin/tiovivo-0.1");
        assert_eq!(quoted(Path::new("/home/o'hara/a b")), "'/home/o'\\''hara/a b'");
    }
}
