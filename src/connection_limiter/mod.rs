//! Limits the number of connections, and shares them out among clients.
//!
//! A client is an IPv4 address or an IPv6 /64: a host that has one address of a /64 can usually use
//! all of them. An IPv4-mapped address counts as its IPv4 address. The site of a client is the
//! enclosing /56, a size that many providers assign to one customer; an IPv4 address is its own
//! site.
//!
//! A place is one of the [`ConnectionBounds::total`] connections that may be open at once. Every
//! client that comes gets one. The first row that applies decides who loses a connection for it:
//!
//! | the client that comes | who loses a connection |
//! |---|---|
//! | has [`ConnectionBounds::per_client`] connections | the client itself |
//! | is of a site with [`ConnectionBounds::per_site`] of them | the heaviest client of that site |
//! | finds a free place | no client |
//! | finds no free place | the heaviest client of the heaviest site |
//!
//! The heaviest has the most open connections. It loses its idlest connection, whose last activity
//! is the oldest. One place of eight ([`RESERVED_FOR_NEW_CLIENTS`]) is free only to clients without
//! a connection.
//!
//! An evicted connection counts no longer, but it is open until its owner ends it, so more
//! connections than `total` can be open; [`ConnectionLimiter::wait_for_evicted`] waits for their
//! end.
//!
//! Taking a place examines the connections of one site, and up to `MAX_EXAMINED` connections of
//! other sites when several sites are equally heavy. Recording activity takes no lock.
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

use crate::connection_limiter::table::{Connection, ConnectionBounds, ConnectionTable, client_of};

/// Decides which connections may stay open. Clones share the same state.
#[derive(Debug, Clone)]
pub struct ConnectionLimiter(Arc<LimiterState>);

#[derive(Debug)]
struct LimiterState {
    bounds: ConnectionBounds,
    table: Mutex<ConnectionTable>,
    /// How many permits exist, those of evicted connections included.
    held: AtomicUsize,
    permit_dropped: Notify,
    /// Logical clock: advances with each connection taken and each activity recorded.
    next_tick: AtomicU64,
}

/// The permission to keep one connection open. Its owner ends the connection soon after `evicted`
/// is ready, and drops the permit when the connection has ended.
#[derive(Debug)]
pub struct ConnectionPermit {
    client: IpAddr,
    id: u64,
    /// Tick of the last activity, shared with the table.
    last_activity: Arc<AtomicU64>,
    eviction: CancellationToken,
    limiter: ConnectionLimiter,
}

impl ConnectionLimiter {
    /// A limiter without connections.
    pub fn new(bounds: ConnectionBounds) -> ConnectionLimiter {
        ConnectionLimiter(Arc::new(LimiterState {
            bounds,
            table: Mutex::default(),
            held: AtomicUsize::new(0),
            permit_dropped: Notify::new(),
            next_tick: AtomicU64::new(1),
        }))
    }

    /// Gives a connection from `address` a place, without waiting. The second value is true if
    /// another connection was evicted for it.
    pub fn take(&self, address: IpAddr) -> (ConnectionPermit, bool) {
        let client = client_of(address);
        let last_activity = Arc::new(AtomicU64::new(self.tick()));
        let eviction = CancellationToken::new();
        let mut table = self.table();
        let evicted_another = table.make_room(client, self.0.bounds);
        let id = table.next;
        table.next += 1;
        table.insert(Connection {
            id,
            client,
            last_activity: last_activity.clone(),
            eviction: eviction.clone(),
        });
        drop(table);
        self.0.held.fetch_add(1, Ordering::SeqCst);
        let limiter = self.clone();
        (ConnectionPermit { client, id, last_activity, eviction, limiter }, evicted_another)
    }

    /// Evicts the idlest connection of the heaviest client of the heaviest site. Returns false when
    /// no connection is open but evicted ones.
    pub fn evict(&self) -> bool {
        self.table().evict_heaviest()
    }

    /// Waits until at most `total` permits exist. It waits as long as the owners of evicted
    /// connections keep their permits.
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

    /// The present tick; the clock advances by one.
    fn tick(&self) -> u64 {
        self.0.next_tick.fetch_add(1, Ordering::Relaxed)
    }

    /// A panic of another thread must not end the server. What it can leave behind are counts that
    /// are off by one.
    fn table(&self) -> MutexGuard<'_, ConnectionTable> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionPermit {
    /// Records that the client used the connection, so that others are idler.
    pub fn note_activity(&self) {
        self.last_activity.store(self.limiter.tick(), Ordering::Relaxed);
    }

    /// A future that completes when this connection is evicted, at once if it was before.
    pub fn evicted(&self) -> WaitForCancellationFutureOwned {
        self.eviction.clone().cancelled_owned()
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
    use crate::connection_limiter::table::site_of;

    const BOUNDS: ConnectionBounds = ConnectionBounds { total: 16, per_client: 4, per_site: 8 };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_evicted(permit: &ConnectionPermit) -> bool {
        permit.eviction.is_cancelled()
    }

    fn evicted(permits: &[ConnectionPermit]) -> Vec<usize> {
        (0..permits.len()).filter(|index| is_evicted(&permits[*index])).collect()
    }

    #[test]
    fn a_client_with_too_many_loses_its_own_idlest() {
        let limiter = ConnectionLimiter::new(BOUNDS);
        let (other, _) = limiter.take(ip("192.0.2.9"));
        let own: Vec<ConnectionPermit> = (0..4).map(|_| limiter.take(ip("192.0.2.1")).0).collect();
        own[0].note_activity();
        let (fifth, evicted_another) = limiter.take(ip("192.0.2.1"));
        assert_eq!((evicted_another, evicted(&own)), (true, vec![1]));
        assert!(!is_evicted(&fifth) && !is_evicted(&other));
    }

    /// All addresses of a /64 count as one client, and all of a /56 as one site.
    #[test]
    fn clients_of_ipv6_are_counted_by_network() {
        let limiter = ConnectionLimiter::new(BOUNDS);
        let of = |text: String| limiter.take(ip(&text)).0;
        let one: Vec<ConnectionPermit> =
            (0..5).map(|n| of(format!("2001:db8:0:1:{n}::1"))).collect();
        assert_eq!(evicted(&one), [0]);
        let others: Vec<ConnectionPermit> =
            (2..6).map(|n| of(format!("2001:db8:0:{n}::1"))).collect();
        assert_eq!((evicted(&one), evicted(&others)), (vec![0], vec![]));
        // The site has its eight connections; for the ninth its heaviest /64 loses one.
        let ninth = of("2001:db8:0:ff::1".into());
        assert_eq!((evicted(&one), evicted(&others)), (vec![0, 1], vec![]));
        let next = of("2001:db8:0:100::1".into());
        assert_eq!(evicted(&one), [0, 1], "another /56 is another site");
        assert!(!is_evicted(&ninth) && !is_evicted(&next));
    }

    #[test]
    fn addresses_have_a_client_and_a_site() {
        assert_eq!(client_of(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(client_of(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_eq!(site_of(client_of(ip("2001:db8:1:2ff:3:4:5:6"))), ip("2001:db8:1:200::"));
    }

    #[test]
    fn the_heaviest_client_makes_room_and_not_the_first() {
        let limiter = ConnectionLimiter::new(BOUNDS);
        let (honest, _) = limiter.take(ip("192.0.2.1"));
        let crowd = |n: u8| limiter.take(IpAddr::from([198, 51, 100, n / 4])).0;
        let heavy: Vec<ConnectionPermit> = (0..15).map(crowd).collect();
        assert_eq!(evicted(&heavy), [0, 4], "two places are kept for clients that have none");
        let (new, evicted_another) = limiter.take(ip("192.0.2.2"));
        assert!(!evicted_another, "a client without connections gets a place that is kept for it");
        let newer: Vec<ConnectionPermit> =
            (3..9).map(|n| limiter.take(ip(&format!("192.0.2.{n}"))).0).collect();
        assert_eq!((evicted(&newer), evicted(&heavy).len()), (vec![], 7));
        assert!(!is_evicted(&honest) && !is_evicted(&new));
    }

    #[test]
    fn of_equal_clients_the_idlest_makes_room() {
        let limiter = ConnectionLimiter::new(BOUNDS);
        let from =
            |n: usize| limiter.take(IpAddr::from([192, 0, (n / 200) as u8, (n % 200) as u8]));
        let held: Vec<ConnectionPermit> = (0..16).map(|n| from(n).0).collect();
        held.iter().filter(|place| place.id != 7).for_each(ConnectionPermit::note_activity);
        let (_seventeenth, evicted_another) = from(16);
        assert_eq!((evicted_another, evicted(&held)), (true, vec![7]));
    }

    #[test]
    fn thousands_of_addresses_leave_nothing_behind() {
        let limiter = ConnectionLimiter::new(ConnectionBounds { total: 512, ..BOUNDS });
        let mut held = vec![];
        for n in 0..5000_u32 {
            let (place, evicted_another) =
                limiter.take(IpAddr::from((0x7f00_0000 + n).to_be_bytes()));
            assert_eq!(evicted_another, n >= 512);
            held.push(place);
            held.iter().step_by(7).for_each(ConnectionPermit::note_activity);
            held.retain(|place| !is_evicted(place));
            assert_eq!(held.len(), 512.min(n as usize + 1));
        }
        drop(held);
        let table = limiter.table();
        assert_eq!((table.open, table.sites.len(), table.ranks.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn waiting_ends_when_the_evicted_connection_has_ended() {
        let limiter = ConnectionLimiter::new(ConnectionBounds { total: 1, ..BOUNDS });
        let (first, _) = limiter.take(ip("192.0.2.1"));
        limiter.wait_for_evicted().await;
        let (_second, _) = limiter.take(ip("192.0.2.2"));
        first.evicted().await;
        let mut waiting = std::pin::pin!(limiter.wait_for_evicted());
        tokio::select! {
            biased;
            () = &mut waiting => panic!("the first permit exists"),
            () = std::future::ready(()) => {}
        }
        drop(first);
        waiting.await;
    }
}
