//! Whether the members live: probes, the counting of their results, and when to probe.
//!
//! A checker reports observations and decides nothing about answers: it knows targets, not pools,
//! and whoever started a target knows what it stands for.
//!
//! | file | does or decides |
//! |---|---|
//! | [`tracker`] | decides: results → up, falling, down, rising |
//! | [`probe`] | does: one connection, one verdict |
//! | [`probe_timer`] | decides: when a target is probed next |
//! | [`reports`] | does: waits for those who report by themselves |
//! | [`schedule`] | does: one task for each target |
//! | [`heart`] | does: notices when this process was held up |
//! | `yield_to_answers` | does: yields the core after each piece of work |

pub mod heart;
pub mod probe;
pub mod probe_timer;
pub mod reports;
pub mod schedule;
pub mod tracker;
mod yield_to_answers;

use crate::health::probe::Verdict;

/// One address under one check. Numbers are never used twice in a run, so an observation that is
/// late for its target meets nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId(pub u64);

/// The result of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    pub target: TargetId,
    pub verdict: Verdict,
}
