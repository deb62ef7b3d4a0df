//! The one place that reads and writes the state folder, `server.state`.
//!
//! | file | does |
//! |---|---|
//! | [`mod@file`] | replaces a file whole: readers see the old or the new content, no part |
//! | [`document`] | reads and writes JSON with a version; sets a file aside that cannot be used |
//! | [`lock`] | gives the folder to one server at a time |
//! | [`disk`] | runs this work on threads of its own, as the disk may not answer |
//!
//! Other modules decide what is in the files: `control` for standings and overrides, `hooks` for
//! events that wait. All calls here but those of [`disk`] block.

pub mod disk;
pub mod document;
pub mod file;
pub mod lock;

use std::time::Duration;

/// Shortest time between two writes of one file.
pub const WRITE_INTERVAL: Duration = Duration::from_millis(200);
/// Time from a read or a write that failed to the next attempt.
pub const RETRY: Duration = Duration::from_secs(1);
