//! A folder with config.yaml and a zone, and the children that it speaks of, on loopback addresses
//! that no other test of the run has.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};

use tempfile::TempDir;

use crate::process::child::Child;

/// The second octet of the next site's addresses.
static NETWORK: AtomicU8 = AtomicU8::new(100);
const TRIES: usize = 50;

pub struct Site {
    pub folder: TempDir,
    /// `server-2` is the first.
    pub children: Vec<Child>,
    /// The mother and its standby.
    _elders: [Child; 2],
    network: u8,
}

/// What differs between configurations of a site.
#[derive(Clone)]
pub struct Plan {
    pub listen: String,
    pub dashboard: String,
    /// Children in pool web, by their index.
    pub members: Vec<usize>,
    pub ttl: u32,
    /// Times and counts of pool web's check.
    pub check: &'static str,
}

/// Quick, but not so quick that a busy machine is taken for a dead child.
pub const QUICK: &str = "every: 300ms, timeout: 250ms, fall: 2, rise: 1";

impl Plan {
    pub fn new(members: impl IntoIterator<Item = usize>) -> Plan {
        Plan {
            listen: "127.0.0.1:0".into(),
            dashboard: "127.0.0.1:0".into(),
            members: members.into_iter().collect(),
            ttl: 30,
            check: QUICK,
        }
    }
}

impl Site {
    /// With `count` children, all of them in the pool, checked as `check` says.
    pub fn new(count: usize, check: &'static str) -> Site {
        let network = NETWORK.fetch_add(1, Ordering::SeqCst);
        let mut found = (0..TRIES).filter_map(|_| children(network, count));
        let (children, elders) = found.next().expect("a port that is free on all addresses");
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("zones")).unwrap();
        let site = Site { folder, children, _elders: elders, network };
        site.write_zone(&zone(1));
        site.write_config(&site.config(&Plan { check, ..Plan::new(0..count) }));
        site
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("config.yaml")
    }

    /// As an editor does it: a new file takes the place of the old one.
    pub fn write_config(&self, text: &str) {
        let aside = self.folder.path().join("config.yaml.new");
        fs::write(&aside, text).unwrap();
        fs::rename(aside, self.path()).unwrap();
    }

    pub fn write_zone(&self, text: &str) {
        fs::write(self.folder.path().join("zones/midominio.com.zone"), text).unwrap();
    }

    /// For a server whose log does not say where it is.
    pub fn server_address(&self, port: u16) -> SocketAddr {
        (Ipv4Addr::new(127, self.network, 0, 53), port).into()
    }

    pub fn address(&self, child: usize) -> IpAddr {
        self.children[child].address.ip()
    }

    pub fn addresses(&self, children: impl IntoIterator<Item = usize>) -> BTreeSet<IpAddr> {
        children.into_iter().map(|child| self.address(child)).collect()
    }

    pub fn config(&self, plan: &Plan) -> String {
        let Plan { listen, dashboard, members, ttl, check } = plan;
        let name = |child: &usize| format!("server-{}", child + 2);
        let members: Vec<String> = members.iter().map(name).collect();
        let nodes: Vec<String> = (0..self.children.len())
            .map(|child| {
                let (name, ip) = (name(&child), self.address(child));
                format!("  {name}: {{ role: child, address: {ip} }}\n")
            })
            .collect();
        let listen: Vec<String> = listen.split(' ').map(|one| format!("\"{one}\"")).collect();
        format!(
            "server: {{ listen: [{}], dashboard: \"{dashboard}\", state: state, workers: 2 }}
zones:
  - {{ apex: midominio.com, file: zones/midominio.com.zone }}
pools:
  web:
    names: [midominio.com, www.midominio.com]
    members: [{}]
    ttl: {ttl}
    check: {{ http: {{ port: {port}, path: /health }}, {check} }}
  mother:
    names: [madre.midominio.com]
    members: [server-1, server-1.1]
    order: failover
    clients: [127.0.0.0/8]
    check: {{ tcp: {{ port: {port} }}, every: 5s, timeout: 4s }}
nodes:
  server-1: {{ role: mother, address: 127.{net}.0.1 }}
  server-1.1: {{ role: standby, address: 127.{net}.0.254 }}
{}",
            listen.join(", "),
            members.join(", "),
            nodes.concat(),
            port = self.children[0].address.port(),
            net = self.network,
        )
    }
}

pub fn zone(serial: u32) -> String {
    format!(
        "$ORIGIN midominio.com.
$TTL 1h
@    IN SOA ns1 hostmaster ( {serial} 14400 3600 1209600 300 )
@    IN NS  ns1
@    IN NS  ns2
ns1  IN A   127.0.0.53
ns2  IN A   127.0.0.54
@    IN MX  10 mail
mail IN A   127.0.0.25
@    IN TXT \"v=spf1 mx -all\"
"
    )
}

/// All on one port, or nothing.
fn children(network: u8, count: usize) -> Option<(Vec<Child>, [Child; 2])> {
    let start = |last, port| Child::start(Ipv4Addr::new(127, network, 0, last), port).ok();
    let mother = start(1, 0)?;
    let port = mother.address.port();
    let children = (2..2 + count as u8).map(|last| start(last, port)).collect::<Option<_>>()?;
    Some((children, [mother, start(254, port)?]))
}
