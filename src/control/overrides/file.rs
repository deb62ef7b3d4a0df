//! The operator's orders on the disk: `overrides.json` of the state folder.
//!
//! An order is acknowledged when this file has it. It has no age: orders count until they are
//! released or their time is over. It is written anew when the clock on the wall was set.
//!
//! | the file | at the start |
//! |---|---|
//! | missing | no order is in force |
//! | broken, or of another version | the same, and it is renamed aside |
//! | there, but not readable | the same, and no order is taken until it can be read |
//!
//! What cannot be read is not renamed: the orders in it are whole, and count as soon as its mode
//! or its disk is mended. A new order would write over them.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::cluster::operator::{Override, OverrideKind, Selector};
use crate::state_dir::document;

/// Name of the file in the state folder.
pub const FILE: &str = "overrides.json";
/// Of the file's form. A change of it means a new number.
const VERSION: u32 = 2;
/// It did not say when it was written.
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

/// The orders of earlier runs, without those whose time is over. The error says why they cannot be
/// read. Blocks.
pub fn recall(folder: &Path, now: Moment) -> Result<Vec<Override>, String> {
    let consequence = "so no operator's order is known";
    let recalled = document::read_with(&folder.join(FILE), now.wall(), consequence, |content| {
        parse(content, now)
    })?;
    let in_force = |order: &Override| !order.is_over(now);
    Ok(recalled.unwrap_or_default().into_iter().filter(in_force).collect())
}

/// Returns when they are on the disk. Blocks.
pub fn write(folder: &Path, overrides: &[Override], now: Moment) -> Result<(), String> {
    let file = folder.join(FILE);
    let overrides = overrides.iter().map(|order| kept(order, now)).collect();
    let content = OverrideFile { version: VERSION, written: Some(now.wall()), overrides };
    let content = serde_json::to_vec(&content).map_err(|error| error.to_string())?;
    document::write(&file, &content)
}

fn parse(content: &[u8], now: Moment) -> Result<Vec<Override>, String> {
    let OverrideFile { version, written, overrides } =
        serde_json::from_slice(content).map_err(|error| format!("is broken: {error}"))?;
    if !(OLDEST..=VERSION).contains(&version) {
        return Err(format!("has version {version}"));
    }
    let written = written.or_else(|| overrides.iter().map(|order| order.since).max());
    let by = written.map(|written| document::shift_to_this_run(written, now)).unwrap_or_default();
    let read = |kept: OverrideRecord| {
        recalled(kept, by).ok_or_else(|| "has an order of no known kind".into())
    };
    overrides.into_iter().map(read).collect()
}

fn kept(order: &Override, now: Moment) -> OverrideRecord {
    OverrideRecord {
        target: order.target.to_string(),
        pool: order.pool.clone(),
        order: order.order.as_str().into(),
        reason: order.reason.clone(),
        author: order.author.clone(),
        since: now.wall_of(order.since),
        until: order.until.map(|until| now.wall_of(until)),
    }
}

fn recalled(kept: OverrideRecord, by: SignedDuration) -> Option<Override> {
    let OverrideRecord { target, pool, order, reason, author, since, until } = kept;
    let target = Selector::parse(&target).ok()?;
    let order = OverrideKind::ALL.into_iter().find(|known| known.as_str() == order)?;
    let moved = |at: Timestamp| Moment::on_line(at) + by;
    let (since, until) = (moved(since), until.map(moved));
    Some(Override { target, pool, order, reason, author, since, until })
}
