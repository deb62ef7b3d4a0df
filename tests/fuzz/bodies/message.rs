//! A query's octets → replies of a server with a rich zone.

use std::net::IpAddr;
use std::sync::LazyLock;

use tiovivo::config;
use tiovivo::dns::exchange::{Client, Transport};
use tiovivo::dns::reply::UDP_LIMIT;

use super::reply::{self, STREAM_ROOM};
use super::wire::TC;
use super::world::{World, folder};

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let path = folder().join("config.yaml");
    let loaded = config::load::load(&path).unwrap_or_else(|faults| panic!("{faults:?}"));
    World::new(loaded.config).expect("a small world")
});
/// Unix seconds of the one moment at which everything is asked.
const NOW: u32 = 1_800_000_000;
const OUTSIDE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));
const INSIDE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 0, 5));

pub fn run(octets: &[u8]) {
    let world = &*WORLD;
    assert!(world.is_outside(OUTSIDE) && !world.is_outside(INSIDE));
    // Everything else that may differ follows from the input, so that it fails again when shown.
    let turn = hash(octets);
    let snapshot = &world.snapshots[turn as usize % world.snapshots.len()];
    let small = (turn >> 8) as usize % 1500;
    for (address, transport, room) in [
        (OUTSIDE, Transport::Datagram, UDP_LIMIT),
        (OUTSIDE, Transport::Stream, STREAM_ROOM),
        (OUTSIDE, Transport::Encrypted, STREAM_ROOM),
        (INSIDE, Transport::Datagram, STREAM_ROOM),
        (INSIDE, Transport::Stream, small),
        (OUTSIDE, Transport::Datagram, small % 300),
    ] {
        let idle = (transport == Transport::Stream).then_some(100);
        let client = Client { address, transport, idle, now: NOW };
        let Some(answer) = reply::ask(snapshot, octets, &client, turn, room) else { continue };
        reply::is_read_by_others(&answer);
        let is_huge = answer.octets.to_ascii_lowercase().windows(6).any(|w| w == b"enorme");
        if room == STREAM_ROOM && transport == Transport::Stream && !is_huge {
            assert!(!answer.reply.has(TC), "truncated, and there is no larger transport to ask by");
        }
        if address == OUTSIDE {
            reply::tells_none_of(&answer.reply, &world.guarded);
        }
    }
}

/// FNV-1a.
fn hash(octets: &[u8]) -> u64 {
    let step = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x100_0000_01b3);
    octets.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
