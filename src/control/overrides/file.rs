//! Reads and writes `overrides.json` of the state folder, which has the overrides in force.
//!
//! An override is acknowledged when this file has it. The age of the file does not matter:
//! overrides count until they are released or their time is over. The file is written again when
//! somebody has set the wall clock.
//!
//! | the file | at the start |
//! |---|---|
//! | missing | no override is in force |
//! | broken, or of another version | no override is in force, and the file is set aside |
//! | there, but not readable | no override is in force, and none is accepted until it can be read |
//!
//! A file that cannot be read keeps its name: its overrides are probably intact, and count as soon
//! as its mode or its disk is repaired. Writing a new override would delete them.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::cluster::operator::{Override, OverrideKind, Selector};
use crate::state_dir::document;

/// Name of the file in the state folder.
pub const FILE: &str = "overrides.json";
/// Version of the format.
const VERSION: u32 = 2;
/// Oldest version that is read. Version 1 has no time of writing.
const OLDEST: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OverrideFile {
    version: u32,
    written: Option<Timestamp>,
    overrides: Vec<OverrideRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OverrideRecord {
    target: String,
    pool: Option<String>,
    order: String,
    reason: String,
    author: String,
    since: Timestamp,
    until: Option<Timestamp>,
}

/// Reads the overrides of an earlier run, without those whose time is over. The error says why they
/// cannot be read. Blocks.
pub fn read(folder: &Path, now: Moment) -> Result<Vec<Override>, String> {
    let consequence = "so no operator's order is known";
    let read = document::read_with(&folder.join(FILE), now.wall(), consequence, |content| {
        parse(content, now)
    })?;
    let in_force = |given: &Override| !given.is_over(now);
    Ok(read.unwrap_or_default().into_iter().filter(in_force).collect())
}

/// Writes the overrides, and returns when they are on the disk. The error says why they are not.
/// Blocks.
pub fn write(folder: &Path, overrides: &[Override], now: Moment) -> Result<(), String> {
    let file = folder.join(FILE);
    let overrides = overrides.iter().map(|given| to_record(given, now)).collect();
    let content = OverrideFile { version: VERSION, written: Some(now.wall()), overrides };
    let content = serde_json::to_vec(&content).map_err(|error| error.to_string())?;
    document::write(&file, &content)
}

/// Parses the file. The error ends a sentence that begins with the file's name.
fn parse(content: &[u8], now: Moment) -> Result<Vec<Override>, String> {
    let OverrideFile { version, written, overrides } =
        serde_json::from_slice(content).map_err(|error| format!("is broken: {error}"))?;
    if !(OLDEST..=VERSION).contains(&version) {
        return Err(format!("has version {version}"));
    }
    let written = written.or_else(|| overrides.iter().map(|given| given.since).max());
    let by = written.map(|written| document::shift_to_this_run(written, now)).unwrap_or_default();
    let read = |record: OverrideRecord| {
        from_record(record, by).ok_or_else(|| "has an order of no known kind".into())
    };
    overrides.into_iter().map(read).collect()
}

fn to_record(given: &Override, now: Moment) -> OverrideRecord {
    OverrideRecord {
        target: given.selector.to_string(),
        pool: given.pool.clone(),
        order: given.kind.as_str().into(),
        reason: given.reason.clone(),
        author: given.author.clone(),
        since: now.wall_of(given.since),
        until: given.until.map(|until| now.wall_of(until)),
    }
}

/// The override of a record, with its times moved by `by`; `None` for an unknown kind or a selector
/// that cannot be parsed.
fn from_record(record: OverrideRecord, by: SignedDuration) -> Option<Override> {
    let OverrideRecord { target, pool, order, reason, author, since, until } = record;
    let target = Selector::parse(&target).ok()?;
    let kind = OverrideKind::ALL.into_iter().find(|known| known.as_str() == order)?;
    let moved = |at: Timestamp| Moment::on_line(at) + by;
    let (since, until) = (moved(since), until.map(moved));
    Some(Override { selector: target, pool, kind, reason, author, since, until })
}
