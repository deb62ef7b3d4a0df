//! The open connections by site and client, and the choice of the connection that is evicted.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

/// One of so many places is reserved for clients without a connection.
pub const RESERVED_FOR_NEW_CLIENTS: usize = 8;
/// Connections that are examined to find the idlest, when all sites have equally many.
const MAX_EXAMINED: usize = 64;
const CLIENT_BITS: u32 = 64;
const SITE_BITS: u32 = 56;

/// Maximum numbers of connections.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionBounds {
    pub total: usize,
    pub per_client: usize,
    pub per_site: usize,
}

#[derive(Debug, Default)]
pub struct ConnectionTable {
    pub(super) sites: HashMap<IpAddr, Site>,
    /// The heaviest site first; of sites of equal weight, the site that was idlest when it was last
    /// examined.
    pub(super) ranks: BTreeSet<Rank>,
    /// Number of connections that are not evicted.
    pub(super) open: usize,
    pub(super) next: u64,
}

/// Number of connections, last activity of the idlest, and the site.
pub type Rank = (Reverse<usize>, u64, IpAddr);

#[derive(Debug, Default)]
pub struct Site {
    open: Vec<Connection>,
    clients: HashMap<IpAddr, usize>,
    /// A lower bound of the last activity of its idlest connection.
    idle_since: u64,
}

#[derive(Debug)]
pub struct Connection {
    pub id: u64,
    pub client: IpAddr,
    /// Tick of the last activity.
    pub last_activity: Arc<AtomicU64>,
    pub eviction: CancellationToken,
}

impl ConnectionTable {
    /// Evicts a connection if `client` gets no place otherwise; returns whether it did.
    pub fn make_room(&mut self, client: IpAddr, bounds: ConnectionBounds) -> bool {
        let key = site_of(client);
        let site = self.sites.get(&key);
        let own = site.and_then(|site| site.clients.get(&client)).copied().unwrap_or(0);
        let all = site.map_or(0, |site| site.open.len());
        let reserved = if own == 0 { 0 } else { bounds.total / RESERVED_FOR_NEW_CLIENTS };
        if own >= bounds.per_client {
            self.evict(key, |owner| owner == client)
        } else if all >= bounds.per_site {
            self.evict_in(key)
        } else if self.open + reserved >= bounds.total {
            self.evict_heaviest()
        } else {
            false
        }
    }

    /// Evicts the idlest connection of the heaviest client of the heaviest site; false when there
    /// is none.
    pub fn evict_heaviest(&mut self) -> bool {
        let Some((weight, ..)) = self.ranks.first() else { return false };
        let examined = MAX_EXAMINED.div_ceil(weight.0.max(1));
        let heaviest = self.ranks.iter().take_while(|rank| rank.0 == *weight).take(examined);
        let mut seen: Vec<(u64, Rank)> = vec![];
        for rank in heaviest {
            let active = self.sites.get(&rank.2).and_then(Site::idlest).unwrap_or(rank.1);
            seen.push((active, *rank));
            // Its recorded time is exact, and those of the next sites are later.
            if active <= rank.1 {
                break;
            }
        }
        let idlest = seen.iter().min().map(|(_, rank)| rank.2);
        for (active, rank) in seen {
            self.ranks.remove(&rank);
            if let Some(site) = self.sites.get_mut(&rank.2) {
                site.idle_since = active;
                self.ranks.insert(site.rank(rank.2));
            }
        }
        idlest.is_some_and(|key| self.evict_in(key))
    }

    /// Evicts the idlest connection of the site's heaviest client.
    fn evict_in(&mut self, key: IpAddr) -> bool {
        let Some(site) = self.sites.get(&key) else { return false };
        let most = site.clients.values().max();
        let heaviest: HashSet<IpAddr> =
            site.clients.iter().filter(|one| Some(one.1) == most).map(|one| *one.0).collect();
        self.evict(key, |owner| heaviest.contains(&owner))
    }

    /// Evicts the site's idlest connection of the clients in `among`.
    fn evict(&mut self, key: IpAddr, among: impl Fn(IpAddr) -> bool) -> bool {
        let Some(site) = self.sites.get(&key) else { return false };
        let found = site.open.iter().filter(|open| among(open.client)).min_by_key(|open| open.at());
        let Some((client, id)) = found.map(|open| (open.client, open.id)) else { return false };
        if let Some(open) = self.remove(client, id) {
            open.eviction.cancel();
        }
        true
    }

    pub fn insert(&mut self, open: Connection) {
        let key = site_of(open.client);
        let site = self.sites.entry(key).or_default();
        if site.open.is_empty() {
            site.idle_since = open.at();
        } else {
            self.ranks.remove(&site.rank(key));
        }
        *site.clients.entry(open.client).or_default() += 1;
        site.open.push(open);
        self.ranks.insert(site.rank(key));
        self.open += 1;
    }

    /// `None` when the connection was evicted before.
    pub fn remove(&mut self, client: IpAddr, id: u64) -> Option<Connection> {
        let key = site_of(client);
        let site = self.sites.get_mut(&key)?;
        let index = site.open.iter().position(|open| open.id == id)?;
        self.ranks.remove(&site.rank(key));
        let open = site.open.swap_remove(index);
        self.open -= 1;
        if let Some(own) = site.clients.get_mut(&client) {
            *own -= 1;
            if *own == 0 {
                site.clients.remove(&client);
            }
        }
        if site.open.is_empty() {
            self.sites.remove(&key);
        } else {
            self.ranks.insert(site.rank(key));
        }
        Some(open)
    }
}

impl Site {
    fn rank(&self, key: IpAddr) -> Rank {
        (Reverse(self.open.len()), self.idle_since, key)
    }

    /// The last activity of its idlest connection.
    fn idlest(&self) -> Option<u64> {
        self.open.iter().map(Connection::at).min()
    }
}

impl Connection {
    fn at(&self) -> u64 {
        self.last_activity.load(Ordering::Relaxed)
    }
}

/// The client of an address: see [`crate::connection_limiter`].
pub fn client_of(address: IpAddr) -> IpAddr {
    cut(address.to_canonical(), CLIENT_BITS)
}

pub fn site_of(client: IpAddr) -> IpAddr {
    cut(client, SITE_BITS)
}

/// The network of an IPv6 address. An IPv4 address stays the same.
fn cut(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << (128 - bits))).into(),
    }
}
