//! Files of the state folder: JSON with a `version`, replaced as a whole. Whoever may not open
//! files, such as the hooks, keeps them through here.
//!
//! | the file | at the start |
//! |---|---|
//! | missing | nothing is known |
//! | not as expected, or of another version | the same, and it is renamed aside |
//! | there, but not readable | an error; it is for the caller not to write over it |

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::clock::Moment;
use crate::config::state_file;

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
    recalled(file, now, consequence, |content| parse(content, version))
}

fn parse<T: DeserializeOwned>(content: &[u8], version: u32) -> Result<T, String> {
    let broken = |error: serde_json::Error| format!("is broken: {error}");
    match serde_json::from_slice::<Versioned>(content).map_err(broken)? {
        found if found.version == version => serde_json::from_slice(content).map_err(broken),
        found => Err(format!("has version {}", found.version)),
    }
}

/// What `parse` reads in a file of the state folder; `None` when it is missing, or was of no use
/// and is renamed aside, with a warning that ends in `consequence`. The error is that of a file
/// which is there and cannot be read: nothing is done to it.
pub(super) fn recalled<T>(
    file: &Path,
    now: Timestamp,
    consequence: &str,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let shown = file.display();
    let content =
        state_file::read(file).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let Some(parsed) = content.as_deref().map(parse) else { return Ok(None) };
    if let Err(what) = &parsed {
        let mark = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        match state_file::set_aside(file, &mark) {
            Ok(aside) => {
                tracing::warn!("{shown} {what}, {consequence}; it is now {}", aside.display());
            }
            Err(error) => {
                tracing::warn!("{shown} {what}, {consequence}; it cannot be renamed: {error}");
            }
        }
    }
    Ok(parsed.ok())
}

/// By how much the times of a file are to be moved that was `written` then, to have their place on
/// the line of this run.
///
/// | the wall clock now | taken for the time that passed since |
/// |---|---|
/// | ahead of `written` | the difference: so what was to end by then has ended |
/// | behind it | none: what was left is left, and not more |
pub(super) fn onto_line(written: Timestamp, now: Moment) -> SignedDuration {
    let passed = now.wall().duration_since(written).max(SignedDuration::ZERO);
    (now - passed).duration_since(Moment::on_line(written))
}

/// Returns when it is on the disk. Blocks.
pub fn write(file: &Path, content: &[u8]) -> Result<(), String> {
    state_file::replace(file, content)
        .map_err(|error| format!("{} cannot be written: {error}", file.display()))
}
