//! Limits the number of connections, and shares them out among clients.
//!
//! A client is an IPv4 address or an IPv6 /64: everyone with one address of a /64 has all of them.
//! Its site is the /56 around it, which is what many customers of a provider have. An IPv4 address
//! is its own site.
//!
//! | a client that | gets a place because |
//! |---|---|
//! | has [`ConnectionBounds::per_client`] | it loses one itself |
//! | is of a site that has [`ConnectionBounds::per_site`] | that site's heaviest client loses one |
//! | has none | one is free: an eighth is reserved for them ([`RESERVED_FOR_NEW_CLIENTS`]) |
//! | comes when none is free for it | the heaviest site's heaviest client loses one |
//!
//! A client always loses its idlest connection.
//!
//! No client is ever turned away. Taking a place costs a look at one site, and at most
//! `MAX_EXAMINED` connections when all sites have equally many. Activity on a connection takes no
//! lock.
//!
//! [`ConnectionBounds::per_client`]: table::ConnectionBounds::per_client
//! [`ConnectionBounds::per_site`]: table::ConnectionBounds::per_site
//! [`RESERVED_FOR_NEW_CLIENTS`]: table::RESERVED_FOR_NEW_CLIENTS

pub mod table;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::connection_limiter::table::{Connection, ConnectionBounds, ConnectionTable, client};

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct ConnectionLimiter(Arc<LimiterState>);

#[derive(Debug)]
struct LimiterState {
    bounds: ConnectionBounds,
    table: Mutex<ConnectionTable>,
    /// ConnectionLimiter that are not given back yet, those of evicted connections too.
    held: AtomicUsize,
    permit_dropped: Notify,
    /// A logical clock, which advances with each activity.
    now: AtomicU64,
}

/// The place of one connection. Dropping it frees the place.
#[derive(Debug)]
pub struct ConnectionPermit {
    client: IpAddr,
    id: u64,
    active: Arc<AtomicU64>,
    evicted: CancellationToken,
    limiter: ConnectionLimiter,
}

impl ConnectionLimiter {
    pub fn new(bounds: ConnectionBounds) -> ConnectionLimiter {
        ConnectionLimiter(Arc::new(LimiterState {
            bounds,
            table: Mutex::default(),
            held: AtomicUsize::new(0),
            permit_dropped: Notify::new(),
            now: AtomicU64::new(1),
        }))
    }

    /// Admits a connection of `address`; also returns whether another one was evicted for it.
    pub fn take(&self, address: IpAddr) -> (ConnectionPermit, bool) {
        let client = client(address);
        let active = Arc::new(AtomicU64::new(self.tick()));
        let evicted = CancellationToken::new();
        let mut table = self.table();
        let evicts = table.make_room(client, self.0.bounds);
        let id = table.next;
        table.next += 1;
        table.insert(Connection { id, client, active: active.clone(), evicted: evicted.clone() });
        drop(table);
        self.0.held.fetch_add(1, Ordering::SeqCst);
        (ConnectionPermit { client, id, active, evicted, limiter: self.clone() }, evicts)
    }

    /// Evicts the idlest connection of the heaviest client; false when there is none.
    pub fn evict(&self) -> bool {
        self.table().evict_heaviest()
    }

    /// Waits until so many evicted connections have ended that the total is within its bound.
    pub async fn wait_for_evicted(&self) {
        loop {
            let permit_dropped = self.0.permit_dropped.notified();
            tokio::pin!(permit_dropped);
            permit_dropped.as_mut().enable();
            if self.0.held.load(Ordering::SeqCst) <= self.0.bounds.total {
                return;
            }
            permit_dropped.await;
        }
    }

    fn tick(&self) -> u64 {
        self.0.now.fetch_add(1, Ordering::Relaxed)
    }

    fn table(&self) -> MutexGuard<'_, ConnectionTable> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionPermit {
    /// Records that the client used the connection.
    pub fn note_activity(&self) {
        self.active.store(self.limiter.tick(), Ordering::Relaxed);
    }

    /// Is ready when this connection is evicted.
    pub fn evicted(&self) -> WaitForCancellationFutureOwned {
        self.evicted.clone().cancelled_owned()
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.limiter.table().remove(self.client, self.id);
        self.limiter.0.held.fetch_sub(1, Ordering::SeqCst);
        self.limiter.0.permit_dropped.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection_limiter::table::site;

    const BOUNDS: ConnectionBounds = ConnectionBounds { total: 16, per_client: 4, per_site: 8 };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_evicted(place: &ConnectionPermit) -> bool {
        place.evicted.is_cancelled()
    }

    fn evicted(places: &[ConnectionPermit]) -> Vec<usize> {
        (0..places.len()).filter(|index| is_evicted(&places[*index])).collect()
    }

    #[test]
    fn a_client_with_too_many_loses_its_own_idlest() {
        let places = ConnectionLimiter::new(BOUNDS);
        let (other, _) = places.take(ip("192.0.2.9"));
        let own: Vec<ConnectionPermit> = (0..4).map(|_| places.take(ip("192.0.2.1")).0).collect();
        own[0].note_activity();
        let (fifth, goes) = places.take(ip("192.0.2.1"));
        assert_eq!((goes, evicted(&own)), (true, vec![1]));
        assert!(!is_evicted(&fifth) && !is_evicted(&other));
    }

    /// Any number of addresses of one /64 is one client, and of one /56 one site.
    #[test]
    fn clients_of_ipv6_are_counted_by_network() {
        let places = ConnectionLimiter::new(BOUNDS);
        let of = |text: String| places.take(ip(&text)).0;
        let one: Vec<ConnectionPermit> =
            (0..5).map(|n| of(format!("2001:db8:0:1:{n}::1"))).collect();
        assert_eq!(evicted(&one), [0]);
        let others: Vec<ConnectionPermit> =
            (2..6).map(|n| of(format!("2001:db8:0:{n}::1"))).collect();
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
        let places = ConnectionLimiter::new(BOUNDS);
        let (honest, _) = places.take(ip("192.0.2.1"));
        let crowd = |n: u8| places.take(IpAddr::from([198, 51, 100, n / 4])).0;
        let heavy: Vec<ConnectionPermit> = (0..15).map(crowd).collect();
        assert_eq!(evicted(&heavy), [0, 4], "two places are kept for clients that have none");
        let (new, goes) = places.take(ip("192.0.2.2"));
        assert!(!goes, "and this is such a client");
        let newer: Vec<ConnectionPermit> =
            (3..9).map(|n| places.take(ip(&format!("192.0.2.{n}"))).0).collect();
        assert_eq!((evicted(&newer), evicted(&heavy).len()), (vec![], 7));
        assert!(!is_evicted(&honest) && !is_evicted(&new));
    }

    #[test]
    fn of_equal_clients_the_idlest_makes_room() {
        let places = ConnectionLimiter::new(BOUNDS);
        let from = |n: usize| places.take(IpAddr::from([192, 0, (n / 200) as u8, (n % 200) as u8]));
        let held: Vec<ConnectionPermit> = (0..16).map(|n| from(n).0).collect();
        held.iter().filter(|place| place.id != 7).for_each(ConnectionPermit::note_activity);
        let (_seventeenth, goes) = from(16);
        assert_eq!((goes, evicted(&held)), (true, vec![7]));
    }

    #[test]
    fn thousands_of_addresses_leave_nothing_behind() {
        let places = ConnectionLimiter::new(ConnectionBounds { total: 512, ..BOUNDS });
        let mut held = vec![];
        for n in 0..5000_u32 {
            let (place, goes) = places.take(IpAddr::from((0x7f00_0000 + n).to_be_bytes()));
            assert_eq!(goes, n >= 512);
            held.push(place);
            held.iter().step_by(7).for_each(ConnectionPermit::note_activity);
            held.retain(|place| !is_evicted(place));
            assert_eq!(held.len(), 512.min(n as usize + 1));
        }
        drop(held);
        let table = places.table();
        assert_eq!((table.open, table.sites.len(), table.ranks.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn whoever_accepts_waits_for_the_end_of_those_who_had_to_go() {
        let places = ConnectionLimiter::new(ConnectionBounds { total: 1, ..BOUNDS });
        let (first, _) = places.take(ip("192.0.2.1"));
        places.wait_for_evicted().await;
        let (_second, _) = places.take(ip("192.0.2.2"));
        let ending = async {
            first.evicted().await;
            drop(first);
        };
        tokio::join!(places.wait_for_evicted(), ending);
    }
}
