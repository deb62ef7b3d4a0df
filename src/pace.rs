//! Long work in short pieces.
//!
//! A thread that answers may be waiting for this very core, and the kernel lets whoever runs there
//! finish its slice: some milliseconds. Work over thousands of members offers the core in between.

use std::cell::Cell;
use std::thread;

/// Members in one piece: about a tenth of a millisecond.
pub const PIECE: usize = 32;

thread_local! {
    static DONE: Cell<usize> = const { Cell::new(0) };
}

/// The work for so many members is done, by this thread.
pub fn did(members: usize) {
    let done = DONE.get() + members;
    DONE.set(done % PIECE);
    if done >= PIECE {
        thread::yield_now();
    }
}

/// Frees all of them.
pub fn free<T>(all: Vec<T>, members: impl Fn(&T) -> usize) {
    for one in all {
        did(members(&one));
    }
}
