//! What a node that never ends makes a probe hold: counted by the allocator of this process. One
//! test, so that nobody else allocates meanwhile.

use std::alloc::System;
use std::fs;
use std::path::Path;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "fuzz/bodies/node.rs"]
mod node;

#[global_allocator]
static ALLOCATIONS: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Octets of one probe while it waits, the node's own included.
const MAX_HELD: usize = 512 * 1024;
/// The node says all again and again, in pieces, with pauses in which it can be looked.
const MANNERS: [u8; 3] = [0x48 | 5, 0x48 | 6, 0x48 | 7];

/// What is said for ever, beside the seeds: the beginning once would not be enough.
fn endless() -> Vec<Vec<u8>> {
    const HTTP: u8 = 1;
    const WHOLE: u8 = 8;
    let with = |kind: u8, said: &str| [&[kind, 0], said.as_bytes()].concat();
    let filler = "x".repeat(100_000);
    vec![
        with(HTTP, &format!("HTTP/1.1 200 OK\r\nX: {filler}")),
        with(HTTP, &format!("HTTP/1.1 200 OK\r\n\r\n{filler}")),
        with(WHOLE, &format!("HTTP/1.1 200 OK\r\n\r\nready{}", "[".repeat(100_000))),
        with(
            WHOLE,
            &format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}",
                "1;x=y\r\na\r\n".repeat(10_000)
            ),
        ),
    ]
}

#[test]
fn a_node_without_an_end_makes_no_probe_hold_much() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds/node");
    let mut inputs = endless();
    for entry in fs::read_dir(folder).unwrap() {
        inputs.push(fs::read(entry.unwrap().path()).unwrap());
    }
    // What is made once, for all probes.
    inputs.iter().for_each(|input| node::run(input));
    let mut most = 0;
    for input in &mut inputs {
        for manner in MANNERS {
            input[1] = manner;
            let region = Region::new(ALLOCATIONS);
            let mut held = 0;
            node::watch(input, || {
                let change = region.change();
                held = held.max(change.bytes_allocated.saturating_sub(change.bytes_deallocated));
            });
            let beginning = input[..input.len().min(40)].escape_ascii();
            assert!(held <= MAX_HELD, "{held} octets are held for {beginning}");
            most = most.max(held);
        }
    }
    println!("{} KiB at most, over {} inputs", most / 1024, inputs.len());
}
