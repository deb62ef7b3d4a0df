//! A server without sockets and clocks: config.yaml and zone files in, standings set by hand, bytes
//! out. Everything between is the real thing.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use tempfile::TempDir;
use tiovivo::cluster::failover::active_tier;
use tiovivo::cluster::pool::{Pool, PoolId};
use tiovivo::cluster::selection::{PoolHealth, remember, select, serving};
use tiovivo::cluster::standing::Standing;
use tiovivo::config::{self, Config};
use tiovivo::control::served_config::identity;
use tiovivo::dns::exchange::{Client, Reply, Transport};
use tiovivo::dns::respond::respond;
use tiovivo::snapshot::statics::Statics;
use tiovivo::snapshot::{PoolInput, Snapshot};
use tiovivo::zone::name::Name;
use tiovivo::zone::rdata::table::type_number;

/// 2019-06-05 10:53:05, as in RFC 9018 Appendix A.1.
pub const NOW: u32 = 1_559_731_985;
/// Of a connection, in units of 100 ms.
const IDLE: u16 = 100;

pub struct World {
    pub config: Config,
    statics: Arc<Statics>,
    down: BTreeSet<String>,
    health: Vec<PoolHealth>,
    pub snapshot: Snapshot,
    pub turn: u64,
    _folder: TempDir,
}

/// One question.
pub struct Ask {
    pub name: Name,
    pub rtype: u16,
    pub class: u16,
    pub from: IpAddr,
    pub transport: Transport,
    /// UDP size, version, DO and options of an OPT record.
    pub edns: Option<(u16, u8, bool, Vec<u8>)>,
    /// False leaves the question out.
    pub has_question: bool,
}

impl Ask {
    pub fn new(name: &str, rtype: &str) -> Ask {
        Ask {
            name: Name::parse(name).unwrap(),
            rtype: type_number(rtype).unwrap_or_else(|| panic!("{rtype} is no type")),
            class: 1,
            from: "198.51.100.7".parse().unwrap(),
            transport: Transport::Datagram,
            edns: None,
            has_question: true,
        }
    }

    /// A query with id 4711 and RD.
    pub fn message(&self) -> Vec<u8> {
        let mut message =
            vec![0x12, 0x67, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(self.edns.is_some())];
        if self.has_question {
            message.extend_from_slice(self.name.as_wire());
            message.extend_from_slice(&self.rtype.to_be_bytes());
            message.extend_from_slice(&self.class.to_be_bytes());
        } else {
            message[5] = 0;
        }
        if let Some((size, version, dnssec_ok, options)) = &self.edns {
            message.extend_from_slice(&[0, 0, 41]);
            message.extend_from_slice(&size.to_be_bytes());
            message.extend_from_slice(&[0, *version, if *dnssec_ok { 0x80 } else { 0 }, 0]);
            message.extend_from_slice(&(options.len() as u16).to_be_bytes());
            message.extend_from_slice(options);
        }
        message
    }
}

impl World {
    /// `files`: path below a temporary folder and text; one of them is config.yaml.
    pub fn load(files: &[(&str, &str)]) -> World {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            // Some of them have secrets in them.
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
        let loaded =
            config::load::load(&folder.path().join("config.yaml")).unwrap_or_else(|faults| {
                panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
            });
        let config = loaded.config;
        let published = config.published.iter().map(|p| (&p.owner, p.pool));
        let identity = identity(&config.server);
        let statics = Arc::new(Statics::build(&config.zones, published, identity).unwrap());
        let all = |pool: &Pool| vec![Standing::Serving; pool.membership.len()];
        let health = config.pools.iter().map(|pool| PoolHealth::of(all(pool)));
        let health: Vec<PoolHealth> = health.collect();
        let snapshot = Snapshot::build(&statics, &config.pools, &inputs(&config, &health), None);
        let down = BTreeSet::new();
        World { health, config, statics, down, snapshot, turn: 0, _folder: folder }
    }

    /// The node no longer serves, or does again, in every pool.
    pub fn set(&mut self, node: &str, standing: Standing) {
        match standing {
            Standing::Out => self.down.insert(node.to_owned()),
            Standing::Serving => self.down.remove(node),
        };
        for (pool, health) in self.config.pools.iter().zip(&mut self.health) {
            for (member, standing) in pool.membership.iter().zip(&mut health.standings) {
                let is_down = self.down.contains(member.node.as_str());
                *standing = if is_down { Standing::Out } else { Standing::Serving };
            }
            for &family in pool.decisions() {
                let serving = pool.with_family(family, serving(&health.standings));
                health.active_tier = active_tier(pool, family, &serving, health.active_tier);
                remember(pool, family, &serving, &mut health.last_enough);
            }
        }
        let inputs = inputs(&self.config, &self.health);
        self.snapshot =
            Snapshot::build(&self.statics, &self.config.pools, &inputs, Some(&self.snapshot));
    }

    /// The reply's bytes; `None` when the query was dropped.
    pub fn ask(&mut self, ask: &Ask) -> Option<Vec<u8>> {
        self.send(&ask.message(), ask.from, ask.transport)
    }

    pub fn send(&mut self, query: &[u8], from: IpAddr, transport: Transport) -> Option<Vec<u8>> {
        let mut room = vec![0; usize::from(u16::MAX)];
        let idle = (transport == Transport::Stream).then_some(IDLE);
        let client = Client { address: from, transport, idle, now: NOW };
        let reply = respond(&self.snapshot, query, &client, self.turn, &mut room);
        self.turn += 1;
        match reply {
            Reply::Send { len, .. } => {
                room.truncate(len);
                Some(room)
            }
            Reply::Drop => None,
        }
    }
}

fn inputs(config: &Config, health: &[PoolHealth]) -> Vec<PoolInput> {
    let input = |(index, pool): (usize, &Pool)| PoolInput {
        selection: select(&config.pools, health, PoolId(index as u32)),
        ttl: pool.ttl,
    };
    config.pools.iter().enumerate().map(input).collect()
}
