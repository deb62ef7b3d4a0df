//! Reads and writes a file of the state folder as JSON with a `version`.
//!
//! | the file | reading returns |
//! |---|---|
//! | is missing | `None` |
//! | is broken, or of another version | `None`; the file is renamed aside |
//! | cannot be read | an error; the caller must not write over the file |

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::clock::Moment;
use crate::state_dir::file;

#[derive(Debug, Deserialize)]
struct Head {
    version: u32,
}

/// Reads a file of one version. `consequence` ends the warning about a file that is renamed aside.
pub fn read<T: DeserializeOwned>(
    path: &Path,
    version: u32,
    consequence: &str,
    now: Timestamp,
) -> Result<Option<T>, String> {
    read_with(path, now, consequence, |content| parse(content, version))
}

fn parse<T: DeserializeOwned>(content: &[u8], version: u32) -> Result<T, String> {
    let broken = |error: serde_json::Error| format!("is broken: {error}");
    match serde_json::from_slice::<Head>(content).map_err(broken)? {
        found if found.version == version => serde_json::from_slice(content).map_err(broken),
        found => Err(format!("has version {}", found.version)),
    }
}

/// As [`read`], but with a parser of the caller, which checks the version itself.
pub fn read_with<T>(
    path: &Path,
    now: Timestamp,
    consequence: &str,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let shown = path.display();
    let content = file::read(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let Some(parsed) = content.as_deref().map(parse) else { return Ok(None) };
    if let Err(why) = &parsed {
        let mark = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        match file::set_aside(path, &mark) {
            Ok(aside) => {
                tracing::warn!("{shown} {why}, {consequence}; it is now {}", aside.display());
            }
            Err(error) => {
                tracing::warn!("{shown} {why}, {consequence}; it cannot be renamed: {error}");
            }
        }
    }
    Ok(parsed.ok())
}

/// Replaces the content of the file. Returns when the new content is on the disk.
pub fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    file::replace(path, content)
        .map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

/// How far to move the times in a file, so that they are moments of this run. `written` is when an
/// earlier run wrote the file, by the wall clock.
///
/// | the wall clock now | assumed time since `written` |
/// |---|---|
/// | is later than `written` | the difference: a hold that should have ended meanwhile has ended |
/// | is earlier | none: a hold continues for the time that was left |
pub fn shift_to_this_run(written: Timestamp, now: Moment) -> SignedDuration {
    let passed = now.wall().duration_since(written).max(SignedDuration::ZERO);
    (now - passed).duration_since(Moment::on_line(written))
}
