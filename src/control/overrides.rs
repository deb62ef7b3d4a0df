//! The operator's orders on the disk: `overrides.json` of the state folder.
//!
//! An order is acknowledged when this file has it. It has no age: orders count until they are
//! released or their time is over. One that is broken is renamed aside, and stops no start.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cluster::operator::{Order, Override, Target};
use crate::config::state_file;
use crate::control::store;

/// Name of the file in the state folder.
pub const FILE: &str = "overrides.json";
/// Of the file's form. A change of it means a new number.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    overrides: Vec<Kept>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    target: String,
    pool: Option<String>,
    order: String,
    reason: String,
    author: String,
    since: Timestamp,
    until: Option<Timestamp>,
}

/// The orders of earlier runs, without those whose time is over. Blocks.
pub fn recall(folder: &Path, now: Timestamp) -> Vec<Override> {
    let file = folder.join(FILE);
    let shown = file.display();
    let content = match state_file::read(&file) {
        Ok(Some(content)) => content,
        Ok(None) => return vec![],
        Err(error) => {
            tracing::warn!("{shown} cannot be read, so no operator's order is known: {error}");
            return vec![];
        }
    };
    match parse(&content) {
        Ok(overrides) => overrides.into_iter().filter(|order| !order.is_over(now)).collect(),
        Err(what) => {
            store::set_aside(&file, now, &format!("{what}, so no operator's order is known"));
            vec![]
        }
    }
}

/// Returns when they are on the disk. Blocks.
pub fn write(folder: &Path, overrides: &[Override]) -> Result<(), String> {
    let file = folder.join(FILE);
    let content = Content { version: VERSION, overrides: overrides.iter().map(kept).collect() };
    let content = serde_json::to_vec(&content).map_err(|error| error.to_string())?;
    state_file::replace(&file, &content)
        .map_err(|error| format!("{} cannot be written: {error}", file.display()))
}

fn parse(content: &[u8]) -> Result<Vec<Override>, String> {
    let Content { version, overrides } =
        serde_json::from_slice(content).map_err(|error| format!("is broken: {error}"))?;
    if version != VERSION {
        return Err(format!("has version {version}"));
    }
    let read = |kept: Kept| recalled(kept).ok_or_else(|| "has an order of no known kind".into());
    overrides.into_iter().map(read).collect()
}

fn kept(order: &Override) -> Kept {
    Kept {
        target: order.target.to_string(),
        pool: order.pool.clone(),
        order: order.order.as_str().into(),
        reason: order.reason.clone(),
        author: order.author.clone(),
        since: order.since,
        until: order.until,
    }
}

fn recalled(kept: Kept) -> Option<Override> {
    let Kept { target, pool, order, reason, author, since, until } = kept;
    let target = Target::parse(&target).ok()?;
    let order = Order::ALL.into_iter().find(|known| known.as_str() == order)?;
    Some(Override { target, pool, order, reason, author, since, until })
}
