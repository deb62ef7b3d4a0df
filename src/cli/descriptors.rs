//! Shares out the file descriptors of this process.
//!
//! Connections need descriptors, and so do probes, overrides and the page. If strangers held all of
//! them, no override could be written and no probe sent. So each use has a share of its own:
//!
//! | part of the descriptors that the start leaves | at most | for |
//! |---|---|---|
//! | [`FILES`] | | state files, a reload, hooks |
//! | a third of the rest | [`PER_PROBE`] for each of 512 | probes in flight |
//! | a sixth | 256 | page and API |
//! | what is left | 4096 | DNS over TCP, TLS and HTTPS |
//!
//! The shares are computed once, at the start.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::dns::connections::StreamLimits;
use crate::health::schedule::CONCURRENT;
use crate::http::server;

/// Descriptors for state files, a load of zones, and hooks, all at the same time.
pub const FILES: usize = 16;
/// Descriptors for one probe: a command needs a pipe and a process descriptor.
pub const PER_PROBE: usize = 2;
/// Number of open descriptors that is assumed when the system does not say it.
const OPEN: usize = 64;
/// Limit that is assumed when the system does not say it: the default of Linux.
const LIMIT: usize = 1024;

/// The share of each use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Most probes in flight.
    pub probes: usize,
    /// Most connections to page and API.
    pub page: usize,
    /// Most connections for DNS.
    pub streams: usize,
}

/// Computes the shares. Call it when all descriptors of the start are open.
pub fn shares() -> Shares {
    let open = std::fs::read_dir("/proc/self/fd").map_or(OPEN, Iterator::count);
    let shares = share_out(raised_limit(), open);
    let wanted = StreamLimits::default().connections;
    if shares.streams < wanted {
        let Shares { streams, page, probes } = shares;
        tracing::info!(
            "the limit of open files leaves {streams} connections for DNS over TCP instead of \
             {wanted}, {page} for the page and {probes} probes at a time; raise LimitNOFILE of the \
             unit, or ulimit -n"
        );
    }
    shares
}

fn share_out(limit: usize, open: usize) -> Shares {
    let free = limit.saturating_sub(open + FILES);
    let probes = (free / 3 / PER_PROBE).clamp(1, CONCURRENT);
    let page = (free / 6).clamp(1, server::HttpLimits::default().connections);
    let left = free.saturating_sub(probes * PER_PROBE + page);
    let streams = left.clamp(1, StreamLimits::default().connections);
    Shares { probes, page, streams }
}

/// Raises the limit as far as the system allows, and returns it.
fn raised_limit() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, hard)| {
        match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(error) => {
                tracing::debug!("the limit of open files stays as it is: {error}");
                soft
            }
        }
    });
    limit.map_or(LIMIT, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_has_a_share_of_few_descriptors() {
        let of = |limit| share_out(limit, 24);
        assert_eq!(of(64), Shares { probes: 4, page: 4, streams: 12 });
        assert_eq!(of(128), Shares { probes: 14, page: 14, streams: 46 });
        assert_eq!(of(1024), Shares { probes: 164, page: 164, streams: 492 });
        assert_eq!(of(65_536), Shares { probes: 512, page: 256, streams: 4096 });
        assert_eq!(of(20), Shares { probes: 1, page: 1, streams: 1 }, "what can be tried");
        for limit in 48..10_000 {
            let Shares { probes, page, streams } = of(limit);
            assert!(probes * PER_PROBE + page + streams + FILES + 24 <= limit, "{limit}");
        }
    }
}
