//! Long work of the writer in short pieces.
//!
//! A thread that answers may be waiting for this very core, and the kernel lets whoever runs finish
//! its slice: some milliseconds. Work over thousands of members offers the core in between.

use std::cell::Cell;
use std::thread;

/// Members in one piece: about a tenth of a millisecond.
pub const PIECE: usize = 32;

#[derive(Debug, Default)]
pub struct Pace(Cell<usize>);

impl Pace {
    /// Another member is done.
    pub fn step(&self) {
        let done = self.0.get() + 1;
        self.0.set(done % PIECE);
        if done == PIECE {
            thread::yield_now();
        }
    }
}
