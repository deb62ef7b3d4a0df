//! Snapshots to ask: a checked configuration with all, none and every other member serving.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tiovivo::cluster::families::Families;
use tiovivo::cluster::node::Node;
use tiovivo::cluster::pool::{Membership, Pool, PoolId};
use tiovivo::cluster::selection::{PoolHealth, Share, remember, select, serving};
use tiovivo::cluster::standing::Standing;
use tiovivo::config::Config;
use tiovivo::snapshot::identity::{CookieSecrets, Identity, SECRET_LEN};
use tiovivo::snapshot::statics::Statics;
use tiovivo::snapshot::{PoolInput, Snapshot};

pub struct World {
    pub config: Config,
    pub snapshots: Vec<Snapshot>,
    /// Addresses of the machines that the mother guard keeps from everyone.
    pub guarded: BTreeSet<IpAddr>,
}

/// Where the zone files are; found from this package and from the one of cargo-fuzz.
pub fn folder() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = here.ancestors().map(|above| above.join("tests/fuzz/world"));
    folders.into_iter().find(|folder| folder.is_dir()).expect("the folder of this file's world")
}

impl World {
    /// `None` when the zones are larger than a store.
    pub fn new(config: Config) -> Option<World> {
        let published = config.published.iter().map(|p| (&p.owner, p.pool));
        let nsid = config.server.nsid.clone().unwrap_or_default();
        let identity = Identity {
            nsid: nsid.as_bytes().into(),
            version: Some(b"tiovivo".as_slice().into()),
            cookies: CookieSecrets::new(vec![[7; SECRET_LEN]]),
        };
        let statics = Statics::build(&config.zones, published, identity).ok()?;
        let statics = Arc::new(statics);
        let patterns: [fn(usize) -> bool; 3] = [|_| true, |_| false, |member| member % 2 == 1];
        let snapshots = patterns.map(|serves| snapshot(&statics, &config.pools, serves)).into();
        let guarded = config.nodes.iter().filter(|node| node.role.is_guarded());
        let guarded = guarded.flat_map(addresses).collect();
        Some(World { config, snapshots, guarded })
    }

    /// The client may ask no restricted pool.
    pub fn is_outside(&self, client: IpAddr) -> bool {
        self.config.pools.iter().all(|pool| match &pool.membership {
            Membership::Everyone(_) => true,
            Membership::Only { clients, .. } => !clients.contains(client),
        })
    }
}

fn snapshot(statics: &Arc<Statics>, pools: &[Pool], serves: fn(usize) -> bool) -> Snapshot {
    let standing = |member| if serves(member) { Standing::Serving } else { Standing::Out };
    let health = pools.iter().map(|pool| {
        let standings: Vec<Standing> = (0..pool.membership.len()).map(standing).collect();
        let mut last_enough = Families::default();
        for &family in pool.decisions() {
            let serving = pool.with_family(family, serving(&standings));
            remember(pool, family, &serving, &mut last_enough);
        }
        // Unequal ones, so that these ways of writing are tried too.
        let share = |member: usize| Share::percent(100 - (member % 3) as u8);
        let shares = (0..standings.len()).map(share).collect();
        PoolHealth { shares, last_enough, ..PoolHealth::of(standings) }
    });
    let health: Vec<PoolHealth> = health.collect();
    let input = |(index, pool): (usize, &Pool)| PoolInput {
        selection: select(pools, &health, PoolId(index as u32)),
        ttl: pool.ttl,
    };
    let inputs: Vec<PoolInput> = pools.iter().enumerate().map(input).collect();
    Snapshot::build(statics, pools, &inputs, None)
}

/// All that could give a machine away, the IPv6 way of writing an IPv4 address included.
fn addresses(node: &Node) -> impl Iterator<Item = IpAddr> {
    let public = [node.address.map(IpAddr::V4), node.address6.map(IpAddr::V6), node.private];
    public.into_iter().flatten().flat_map(|address| match address {
        IpAddr::V4(v4) => vec![address, IpAddr::V6(v4.to_ipv6_mapped())],
        IpAddr::V6(_) => vec![address],
    })
}
