//! Counts replies by question type, and by rcode and truncation as in the octets of the reply.

use std::sync::atomic::AtomicU64;

use crate::counters::{Block, QTYPES, RCODES, bump};
use crate::dns::exchange::Reply;

/// Counts a reply in a block that only this thread writes. `out` is the buffer with the reply.
#[inline]
pub fn tally(block: &Block, reply: &Reply, out: &[u8]) {
    tally_by(block, reply, out, bump);
}

/// As [`tally`], for a block that several threads write: `count` adds one to a counter.
#[inline]
pub fn tally_by(block: &Block, reply: &Reply, out: &[u8], count: impl Fn(&AtomicU64)) {
    let Reply::Send { qtype, .. } = *reply else {
        count(&block.dropped);
        return;
    };
    count(&block.queries);
    count(&block.qtypes[qtype_index(qtype)]);
    let [.., flags, rcode_octet] = out.first_chunk::<4>().copied().unwrap_or_default();
    count(&block.rcodes[usize::from(rcode_octet & 15).min(RCODES.len() - 1)]);
    if flags & 2 != 0 {
        count(&block.truncated);
    }
}

const OTHER: u8 = QTYPES.len() as u8 - 1;
/// The index in [`QTYPES`] of each type up to ANY: one load instead of a search.
static PLACES: [u8; 256] = {
    let mut places = [OTHER; 256];
    let mut place = 0;
    while place < QTYPES.len() - 1 {
        places[QTYPES[place].0 as usize] = place as u8;
        place += 1;
    }
    places
};

#[inline]
fn qtype_index(qtype: u16) -> usize {
    usize::from(PLACES.get(usize::from(qtype)).copied().unwrap_or(OTHER))
}
