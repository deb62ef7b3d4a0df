//! Yields the core during long work.
//!
//! A thread that answers may be waiting for this core, and the kernel lets the running thread
//! finish its time slice of some milliseconds. So work over thousands of members yields in between.

use std::cell::Cell;
use std::thread;

/// Members between two yields: about a tenth of a millisecond of work.
pub const PIECE: usize = 32;

thread_local! {
    static DONE: Cell<usize> = const { Cell::new(0) };
}

/// Counts the members that this thread has worked on, and yields after each [`PIECE`] of them.
pub fn yield_after(members: usize) {
    let done = DONE.get() + members;
    DONE.set(done % PIECE);
    if done >= PIECE {
        thread::yield_now();
    }
}

/// Drops `all`, and yields in between. `members` returns the number of members in an item.
pub fn drop_in_pieces<T>(all: Vec<T>, members: impl Fn(&T) -> usize) {
    for one in all {
        yield_after(members(&one));
    }
}
