//! Small clusters for the scenarios.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tiovivo::checks::checked::Probe;
use tiovivo::checks::tcp::checked::TcpProbe;
use tiovivo::clock::Moment;
use tiovivo::cluster::check::{Check, CheckedFamily, Thresholds};
use tiovivo::cluster::checks::Checks;
use tiovivo::cluster::hook::Scope;
use tiovivo::cluster::member::{AddressKind, Member, PublicAddresses, Reach};
use tiovivo::cluster::node::{Node, NodeName, Role};
use tiovivo::cluster::pool::{Membership, Order, Pool, PoolId, PoolName, WhenShort};
use tiovivo::cluster::steadiness::Steadiness;
use tiovivo::cluster::tiers::Tiers;
use tiovivo::config::{Config, Encrypted, Published, Server};
use tiovivo::control::change_feed::{Change, Condition};
use tiovivo::control::health_file::SavedPool;
use tiovivo::control::served_config::ServedConfig;
use tiovivo::control::state::ControlState;
use tiovivo::zone::name::Name;
use tiovivo::zone::read::read;
use tiovivo::zone::record::Zone;

/// A child with the address 127.0.0.`host`.
pub fn child(host: u8) -> Member<PublicAddresses> {
    let node = Node {
        name: NodeName::new(&format!("server-{host}")),
        role: Role::Child,
        address: Some(Ipv4Addr::new(127, 0, 0, host)),
        address6: None,
        private: None,
        tags: Default::default(),
        weight: 1,
    };
    let addresses = PublicAddresses::of(&node, AddressKind::Public).unwrap().unwrap();
    let reach = Reach::of(&node);
    Member { node: node.name, role: node.role, addresses, reach, weight: node.weight }
}

/// It falls now, in the pool `web`.
pub fn fall(node: &str) -> Change {
    Change {
        at: Timestamp::now(),
        scope: Scope::Node,
        pool: "web".into(),
        node: Some(node.into()),
        family: None,
        old: Condition::Serving,
        new: Condition::Out,
        cause: "connection refused (3/3)".into(),
    }
}

/// A pool of children, with the defaults.
pub fn pool(name: &str, hosts: &[u8]) -> Pool {
    Pool {
        name: PoolName::new(name),
        membership: Membership::Everyone(hosts.iter().copied().map(child).collect()),
        order: Order::Rotate,
        tiers: Tiers::default(),
        stay: false,
        spread: None,
        ttl: 30,
        max_answers: 8,
        min_serving: 1,
        families: None,
        when_short: WhenShort::All,
        checks: Checks::one(check(80)),
        deep: None,
        own: Default::default(),
        https: None,
        steadiness: Steadiness::default(),
    }
}

pub fn check(port: u16) -> Check {
    Check {
        probe: Probe::Tcp(TcpProbe { port }),
        address: None,
        family: CheckedFamily::Each,
        every: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        thresholds: Thresholds { fall: 3, rise: 2, forgive: 10 },
    }
}

/// What a restart is to remember.
pub fn kept(state: &ControlState) -> Vec<SavedPool> {
    let pools = state.pools.iter().zip(&state.config.pools);
    pools.map(|(state, pool)| state.to_saved(pool)).collect()
}

/// Each pool is published under its own name in midominio.com.
pub fn loaded(pools: Vec<Pool>) -> Box<ServedConfig> {
    let owner = |(pool, id)| Published { owner: name(&format!("{pool}.midominio.com")), pool: id };
    let ids = (0..).map(PoolId);
    let config = Config {
        server: Server {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            dashboard: None,
            state: "state".into(),
            token_file: None,
            token: None,
            report_token_file: None,
            report_token: None,
            workers: None,
            pin: false,
            nsid: Some("ns1".into()),
            version: Some("tiovivo".into()),
            cookie_secret_file: None,
            cookie_secrets: vec![],
            encrypted: Encrypted::default(),
            controls: vec![],
        },
        nodes: vec![],
        published: pools.iter().map(|pool| pool.name.to_string()).zip(ids).map(owner).collect(),
        pools,
        zones: vec![zone()],
        certificate: None,
        hooks: vec![],
        deployment: None,
        files: vec![],
    };
    Box::new(ServedConfig::build(&config, Path::new("config.yaml"), Moment::UNIX_EPOCH).unwrap())
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// SOA and NS, serial 7.
fn zone() -> Zone {
    let text = "@ 1h SOA ns1 ns1 7 4h 1h 2w 5m\n@ 1h NS ns1\nns1 1h A 192.0.2.53\n";
    let text = Arc::new(text.as_bytes().to_vec());
    let read = read(&name("midominio.com"), "midominio.com.zone", &mut |_| Ok(Arc::clone(&text)));
    read.expect("a zone without a fault").0
}
