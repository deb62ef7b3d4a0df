//! Files of the state folder for whoever may not open files, such as the hooks: JSON with a
//! `version`, replaced as a whole.
//!
//! | the file | at the start |
//! |---|---|
//! | missing | nothing is known |
//! | not as expected, or of another version | the same, and it is renamed aside |
//! | there, but not readable | an error; it is for the caller not to write over it |

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::state_file;
use crate::control::store;

#[derive(Debug, Deserialize)]
struct Versioned {
    version: u32,
}

/// What it says. `consequence` ends the warning about one that is renamed. Blocks.
pub fn recall<T: DeserializeOwned>(
    file: &Path,
    version: u32,
    consequence: &str,
    now: Timestamp,
) -> Result<Option<T>, String> {
    store::recalled(file, now, consequence, |content| parse(content, version))
}

fn parse<T: DeserializeOwned>(content: &[u8], version: u32) -> Result<T, String> {
    let broken = |error: serde_json::Error| format!("is broken: {error}");
    match serde_json::from_slice::<Versioned>(content).map_err(broken)? {
        found if found.version == version => serde_json::from_slice(content).map_err(broken),
        found => Err(format!("has version {}", found.version)),
    }
}

/// Returns when it is on the disk. Blocks.
pub fn write(file: &Path, content: &[u8]) -> Result<(), String> {
    state_file::replace(file, content)
        .map_err(|error| format!("{} cannot be written: {error}", file.display()))
}
