//! config.yaml's text → a configuration, or faults that can be shown.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

use tiovivo::cli::faults;
use tiovivo::config;
use tiovivo::config::fault::Fault;
use tiovivo::config::load::MAX_FAULTS;
use tiovivo::dns::exchange::{Client, Transport};
use tiovivo::zone::record::Severity;

use super::reply::{self, STREAM_ROOM};
use super::world::{World, folder};

/// In the folder of the zone files that a text may name.
static PATH: LazyLock<PathBuf> = LazyLock::new(|| folder().join("config.yaml"));
const ANYONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

pub fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let faults = match config::load::parse(&PATH, text) {
        Ok(loaded) => {
            assert!(loaded.warnings.iter().all(|fault| fault.severity == Severity::Warning));
            let world = World::new(loaded.config).expect("the zones are those of the folder");
            guards(&world);
            loaded.warnings
        }
        Err(faults) => {
            assert!(faults.iter().any(|fault| fault.severity == Severity::Error), "no reason");
            faults
        }
    };
    assert!(faults.len() <= MAX_FAULTS + 1, "{} faults", faults.len());
    faults.iter().for_each(|fault| has_its_place(fault, text));
    faults::render(&faults, true);
}

/// Whatever the nodes and pools are: nobody outside is told of a guarded machine.
fn guards(world: &World) {
    if !world.is_outside(ANYONE) {
        return;
    }
    let client = Client { address: ANYONE, transport: Transport::Stream, idle: None, now: 0 };
    for (turn, snapshot) in world.snapshots.iter().enumerate() {
        for published in &world.config.published {
            for qtype in [1, 28, 65, 255] {
                let query = super::zone::query(published.owner.as_wire(), qtype);
                let answer = reply::ask(snapshot, &query, &client, turn as u64, STREAM_ROOM);
                reply::tells_none_of(&answer.expect("a reply").reply, &world.guarded);
            }
        }
    }
}

/// In config.yaml or in a file that it names; of config.yaml, where the mark is.
fn has_its_place(fault: &Fault, text: &str) {
    assert!(!fault.message.is_empty(), "{fault:?}");
    let Some(spot) = &fault.spot else { return };
    assert!(spot.excerpt.get(spot.marked.clone()).is_some(), "no mark: {fault:?}");
    assert!(spot.span.line > 0 && spot.span.column > 0, "{fault:?}");
    if fault.file == PATH.display().to_string() {
        let lines = text.split(['\n', '\r']).count();
        assert!(spot.span.line as usize <= lines + 1, "line {} of {lines}", spot.span.line);
    }
}
