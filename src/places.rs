//! Places for connections, shared out among clients.
//!
//! A client is an IPv4 address or an IPv6 /64, as the holder of one address of a /64 has all of it.
//! Its site is the /56 around it, which many providers give to a customer; an IPv4 address is its
//! own site.
//!
//! | a client that | gets a place because |
//! |---|---|
//! | has [`Bounds::per_client`] | its own idlest connection is evicted |
//! | is in a site with [`Bounds::per_site`] | the idlest of the site's heaviest client is evicted |
//! | has none | one is free: an eighth ([`KEPT_FOR_NEW`]) is reserved for such clients |
//! | finds none free | the idlest of the heaviest site's heaviest client is evicted |
//!
//! So no client is ever refused. To take a place costs a look at one site, and at no more than
//! `LOOKS` connections when all sites are equal. Activity on a connection takes no lock.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// One place in so many is reserved for clients without a connection.
pub const KEPT_FOR_NEW: usize = 8;
/// Most connections that a search for the idlest looks at.
const LOOKS: usize = 64;
const CLIENT_BITS: u32 = 64;
const SITE_BITS: u32 = 56;

/// Most connections.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub total: usize,
    pub per_client: usize,
    pub per_site: usize,
}

/// The places. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Places(Arc<PlacesInner>);

#[derive(Debug)]
struct PlacesInner {
    bounds: Bounds,
    table: Mutex<PlaceTable>,
    /// Places in use, with those of evicted connections that have not ended.
    held: AtomicUsize,
    given_back: Notify,
    /// A logical clock: it counts activities.
    now: AtomicU64,
}

/// The place of one connection; dropping it gives it back.
#[derive(Debug)]
pub struct Place {
    client: IpAddr,
    id: u64,
    active: Arc<AtomicU64>,
    evicted: CancellationToken,
    places: Places,
}

#[derive(Debug, Default)]
struct PlaceTable {
    sites: HashMap<IpAddr, Site>,
    /// The heaviest site first; among equal ones, the idlest as last seen.
    ranks: BTreeSet<Rank>,
    /// Connections that are not evicted.
    open: usize,
    next: u64,
}

type Rank = (Reverse<usize>, u64, IpAddr);

#[derive(Debug, Default)]
struct Site {
    open: Vec<Open>,
    clients: HashMap<IpAddr, usize>,
    /// When its idlest connection was last active, as last seen; the true time may be later.
    idle_since: u64,
}

#[derive(Debug)]
struct Open {
    id: u64,
    client: IpAddr,
    active: Arc<AtomicU64>,
    evicted: CancellationToken,
}

impl Places {
    pub fn new(bounds: Bounds) -> Places {
        Places(Arc::new(PlacesInner {
            bounds,
            table: Mutex::default(),
            held: AtomicUsize::new(0),
            given_back: Notify::new(),
            now: AtomicU64::new(1),
        }))
    }

    /// A place for a connection of `address`, and whether another one was evicted for it.
    pub fn take(&self, address: IpAddr) -> (Place, bool) {
        let client = client(address);
        let active = Arc::new(AtomicU64::new(self.tick()));
        let evicted = CancellationToken::new();
        let mut table = self.table();
        let goes = table.make_room(client, self.0.bounds);
        let id = table.next;
        table.next += 1;
        table.insert(Open { id, client, active: active.clone(), evicted: evicted.clone() });
        drop(table);
        self.0.held.fetch_add(1, Ordering::SeqCst);
        (Place { client, id, active, evicted, places: self.clone() }, goes)
    }

    /// Evicts the idlest connection of the heaviest client. Returns whether there was one.
    pub fn evict(&self) -> bool {
        self.table().evict_heaviest()
    }

    /// Waits until enough evicted connections have ended that the bound is kept.
    pub async fn wait_for_room(&self) {
        loop {
            let given_back = self.0.given_back.notified();
            tokio::pin!(given_back);
            given_back.as_mut().enable();
            if self.0.held.load(Ordering::SeqCst) <= self.0.bounds.total {
                return;
            }
            given_back.await;
        }
    }

    fn tick(&self) -> u64 {
        self.0.now.fetch_add(1, Ordering::Relaxed)
    }

    fn table(&self) -> MutexGuard<'_, PlaceTable> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Notes activity of the client.
    pub fn touch(&self) {
        self.active.store(self.places.tick(), Ordering::Relaxed);
    }

    /// Completes when another connection needs this place.
    pub fn evicted(&self) -> WaitForCancellationFutureOwned {
        self.evicted.clone().cancelled_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.table().remove(self.client, self.id);
        self.places.0.held.fetch_sub(1, Ordering::SeqCst);
        self.places.0.given_back.notify_waiters();
    }
}

impl PlaceTable {
    /// Evicts a connection if needed. Returns whether it did.
    fn make_room(&mut self, client: IpAddr, bounds: Bounds) -> bool {
        let key = site(client);
        let site = self.sites.get(&key);
        let own = site.and_then(|site| site.clients.get(&client)).copied().unwrap_or(0);
        let all = site.map_or(0, |site| site.open.len());
        let kept = if own == 0 { 0 } else { bounds.total / KEPT_FOR_NEW };
        if own >= bounds.per_client {
            self.evict(key, |owner| owner == client)
        } else if all >= bounds.per_site {
            self.evict_in(key)
        } else if self.open + kept >= bounds.total {
            self.evict_heaviest()
        } else {
            false
        }
    }

    fn evict_heaviest(&mut self) -> bool {
        let Some((weight, ..)) = self.ranks.first() else { return false };
        let looks = LOOKS.div_ceil(weight.0.max(1));
        let heaviest = self.ranks.iter().take_while(|rank| rank.0 == *weight).take(looks);
        let mut seen: Vec<(u64, Rank)> = vec![];
        for rank in heaviest {
            let active = self.sites.get(&rank.2).and_then(Site::idlest).unwrap_or(rank.1);
            seen.push((active, *rank));
            // The rank is up to date, and later ranks were active later.
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

    /// Evicts the idlest connection of a site's heaviest client.
    fn evict_in(&mut self, key: IpAddr) -> bool {
        let Some(site) = self.sites.get(&key) else { return false };
        let most = site.clients.values().max();
        let heaviest: HashSet<IpAddr> =
            site.clients.iter().filter(|one| Some(one.1) == most).map(|one| *one.0).collect();
        self.evict(key, |owner| heaviest.contains(&owner))
    }

    /// Evicts the idlest connection of a site, among those clients.
    fn evict(&mut self, key: IpAddr, among: impl Fn(IpAddr) -> bool) -> bool {
        let Some(site) = self.sites.get(&key) else { return false };
        let found = site.open.iter().filter(|open| among(open.client)).min_by_key(|open| open.at());
        let Some((client, id)) = found.map(|open| (open.client, open.id)) else { return false };
        if let Some(open) = self.remove(client, id) {
            open.evicted.cancel();
        }
        true
    }

    fn insert(&mut self, open: Open) {
        let key = site(open.client);
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

    /// Removes a connection, unless it was evicted before.
    fn remove(&mut self, client: IpAddr, id: u64) -> Option<Open> {
        let key = site(client);
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

    /// When its idlest connection was last active.
    fn idlest(&self) -> Option<u64> {
        self.open.iter().map(Open::at).min()
    }
}

impl Open {
    fn at(&self) -> u64 {
        self.active.load(Ordering::Relaxed)
    }
}

fn client(address: IpAddr) -> IpAddr {
    cut(address.to_canonical(), CLIENT_BITS)
}

fn site(client: IpAddr) -> IpAddr {
    cut(client, SITE_BITS)
}

/// The network of an IPv6 address; an IPv4 address stays as it is.
fn cut(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << (128 - bits))).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { total: 16, per_client: 4, per_site: 8 };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_evicted(place: &Place) -> bool {
        place.evicted.is_cancelled()
    }

    fn evicted(places: &[Place]) -> Vec<usize> {
        (0..places.len()).filter(|index| is_evicted(&places[*index])).collect()
    }

    #[test]
    fn a_client_with_too_many_loses_its_own_idlest() {
        let places = Places::new(BOUNDS);
        let (other, _) = places.take(ip("192.0.2.9"));
        let own: Vec<Place> = (0..4).map(|_| places.take(ip("192.0.2.1")).0).collect();
        own[0].touch();
        let (fifth, goes) = places.take(ip("192.0.2.1"));
        assert_eq!((goes, evicted(&own)), (true, vec![1]));
        assert!(!is_evicted(&fifth) && !is_evicted(&other));
    }

    /// Any number of addresses of one /64 is one client, and of one /56 one site.
    #[test]
    fn clients_of_ipv6_are_counted_by_network() {
        let places = Places::new(BOUNDS);
        let of = |text: String| places.take(ip(&text)).0;
        let one: Vec<Place> = (0..5).map(|n| of(format!("2001:db8:0:1:{n}::1"))).collect();
        assert_eq!(evicted(&one), [0]);
        let others: Vec<Place> = (2..6).map(|n| of(format!("2001:db8:0:{n}::1"))).collect();
        assert_eq!((evicted(&one), evicted(&others)), (vec![0], vec![]));
        // The ninth of the site: the heaviest /64 loses one.
        let ninth = of("2001:db8:0:ff::1".into());
        assert_eq!((evicted(&one), evicted(&others)), (vec![0, 1], vec![]));
        let next = of("2001:db8:0:100::1".into());
        assert_eq!(evicted(&one), [0, 1], "another /56 is another site");
        assert!(!is_evicted(&ninth) && !is_evicted(&next));
    }

    #[test]
    fn an_ipv4_address_within_ipv6_is_one_of_ipv4() {
        assert_eq!(client(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(client(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_eq!(site(client(ip("2001:db8:1:2ff:3:4:5:6"))), ip("2001:db8:1:200::"));
    }

    #[test]
    fn the_heaviest_makes_room_and_not_who_was_there_first() {
        let places = Places::new(BOUNDS);
        let (honest, _) = places.take(ip("192.0.2.1"));
        let crowd = |n: u8| places.take(IpAddr::from([198, 51, 100, n / 4])).0;
        let heavy: Vec<Place> = (0..15).map(crowd).collect();
        assert_eq!(evicted(&heavy), [0, 4], "two places are kept for clients that have none");
        let (new, goes) = places.take(ip("192.0.2.2"));
        assert!(!goes, "and this is such a client");
        let newer: Vec<Place> =
            (3..9).map(|n| places.take(ip(&format!("192.0.2.{n}"))).0).collect();
        assert_eq!((evicted(&newer), evicted(&heavy).len()), (vec![], 7));
        assert!(!is_evicted(&honest) && !is_evicted(&new));
    }

    #[test]
    fn of_equal_clients_the_idlest_makes_room() {
        let places = Places::new(BOUNDS);
        let from = |n: usize| places.take(IpAddr::from([192, 0, (n / 200) as u8, (n % 200) as u8]));
        let held: Vec<Place> = (0..16).map(|n| from(n).0).collect();
        held.iter().filter(|place| place.id != 7).for_each(Place::touch);
        let (_seventeenth, goes) = from(16);
        assert_eq!((goes, evicted(&held)), (true, vec![7]));
    }

    #[test]
    fn thousands_of_addresses_leave_nothing_behind() {
        let places = Places::new(Bounds { total: 512, ..BOUNDS });
        let mut held = vec![];
        for n in 0..5000_u32 {
            let (place, goes) = places.take(IpAddr::from((0x7f00_0000 + n).to_be_bytes()));
            assert_eq!(goes, n >= 512);
            held.push(place);
            held.iter().step_by(7).for_each(Place::touch);
            held.retain(|place| !is_evicted(place));
            assert_eq!(held.len(), 512.min(n as usize + 1));
        }
        drop(held);
        let table = places.table();
        assert_eq!((table.open, table.sites.len(), table.ranks.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn the_listener_waits_for_the_end_of_evicted_connections() {
        let places = Places::new(Bounds { total: 1, ..BOUNDS });
        let (first, _) = places.take(ip("192.0.2.1"));
        places.wait_for_room().await;
        let (_second, _) = places.take(ip("192.0.2.2"));
        let ending = async {
            first.evicted().await;
            drop(first);
        };
        tokio::join!(places.wait_for_room(), ending);
    }
}
