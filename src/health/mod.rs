//! Finds out whether targets are healthy: probes them, and counts the results.
//!
//! This module reports observations, and decides nothing about answers. Only the module that
//! started a target (`control`) knows its pool and member.
//!
//! | file | does or decides |
//! |---|---|
//! | [`tracker`] | decides: results → up, falling, down, rising |
//! | [`probe`] | does: one connection, one verdict |
//! | [`probe_timer`] | decides when a target is probed next |
//! | [`reports`] | does: waits for the reports of targets that are not probed |
//! | [`schedule`] | does: runs one task for each target |
//! | [`heart`] | does: measures for how long this process was held up |
//! | `yield_to_answers` | does: yields the core after each piece of work |

pub mod heart;
pub mod probe;
pub mod probe_timer;
pub mod reports;
pub mod schedule;
pub mod tracker;
mod yield_to_answers;

use crate::health::probe::answer::Verdict;

/// The number of a target. Numbers are never used twice in a run, so an observation that comes
/// after its target was removed is not mistaken for a result of another target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId(pub u64);

/// The result of one probe, of one report, or of a time without a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    pub target: TargetId,
    pub verdict: Verdict,
}
