//! Admits connections of all streams within shared limits, and evicts others for them.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connection_limiter::table::ConnectionBounds;
use crate::connection_limiter::{ConnectionLimiter, ConnectionPermit};
use crate::counters::Counters;
use crate::dns::work_slice::SliceQueue;

/// The bounds of all streams; [`crate::dns::stream`] has what happens at each.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// Open connections.
    pub connections: usize,
    /// Open connections of one IPv4 address or IPv6 /64.
    pub per_client: usize,
    /// Open connections of one IPv4 address or IPv6 /56.
    pub per_site: usize,
    /// Time without a reply.
    pub idle: Duration,
    /// Time until the client has taken a reply.
    pub write: Duration,
    /// Time since the connection was accepted.
    pub total: Duration,
    /// Octets of long messages, over all connections.
    pub memory: usize,
}

impl Default for StreamLimits {
    fn default() -> StreamLimits {
        StreamLimits {
            connections: 4096,
            per_client: 256,
            per_site: 1024,
            idle: Duration::from_secs(10),
            write: Duration::from_secs(5),
            total: Duration::from_secs(120),
            memory: 64 << 20,
        }
    }
}

/// Octets of memory for each permit of the semaphore.
const PIECE: usize = 1024;

/// The open connections of a server, over all listen addresses. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connections {
    pub(super) limiter: ConnectionLimiter,
    memory: Arc<Semaphore>,
    pub(super) slices: Arc<SliceQueue>,
    pub(super) limits: StreamLimits,
}

/// A connection's permit, and its part of the counter of open connections.
#[derive(Debug)]
pub struct ConnectionGuard {
    pub(super) permit: ConnectionPermit,
    counters: Arc<Counters>,
}

/// Memory reserved for one connection. Dropping the guard frees it.
#[derive(Debug)]
pub struct MemoryGuard {
    _permits: OwnedSemaphorePermit,
}

impl Connections {
    pub fn new(limits: StreamLimits) -> Connections {
        let StreamLimits { connections: total, per_client, per_site, memory, .. } = limits;
        Connections {
            limiter: ConnectionLimiter::new(ConnectionBounds { total, per_client, per_site }),
            memory: Arc::new(Semaphore::new(memory.div_ceil(PIECE))),
            slices: Arc::default(),
            limits,
        }
    }

    /// The same connections and bounds, with a queue of its own: for another runtime.
    pub fn with_own_queue(&self) -> Connections {
        Connections { slices: Arc::default(), ..self.clone() }
    }

    /// The limits of all streams.
    pub fn limits(&self) -> StreamLimits {
        self.limits
    }

    /// Admits a new connection, for which another one may be evicted.
    pub fn take(&self, client: IpAddr, counters: &Arc<Counters>) -> ConnectionGuard {
        let (permit, evicts) = self.limiter.take(client);
        counters.connections_open.fetch_add(1, Ordering::Relaxed);
        counters.connections_evicted.fetch_add(evicts.into(), Ordering::Relaxed);
        ConnectionGuard { permit, counters: Arc::clone(counters) }
    }

    /// Reserves memory for `octets`; `None` when all connections together hold as much as they may.
    pub fn hold(&self, octets: usize) -> Option<MemoryGuard> {
        let pieces = u32::try_from(octets.div_ceil(PIECE)).ok()?;
        let permits = Arc::clone(&self.memory).try_acquire_many_owned(pieces).ok()?;
        Some(MemoryGuard { _permits: permits })
    }

    /// Evicts the idlest connection of the heaviest client.
    pub(super) fn evict(&self, counters: &Counters) {
        let evicts = self.limiter.evict();
        counters.connections_evicted.fetch_add(evicts.into(), Ordering::Relaxed);
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.counters.connections_open.fetch_sub(1, Ordering::Relaxed);
    }
}
