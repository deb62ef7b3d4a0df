//! Targets that are not probed: they report by themselves, and silence is the failure.
//!
//! One task for each target waits for its reports and lets the time run. So a report and the end
//! of the time that it had for coming are observed in the order in which they happened. Time that
//! this process lost is given back once; silence of which a quarter was that says nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::health::heart::Heart;
use crate::health::probe::failure::Failure;
use crate::health::probe::{Verdict, unless_void};
use crate::health::{Observation, TargetId};

/// Reports of one target that wait until they are observed.
pub const WAITING: usize = 8;

/// Ends when nobody can report any more, or nobody takes the observations.
pub async fn listen(
    target: TargetId,
    expires: Duration,
    mut reports: mpsc::Receiver<Verdict>,
    observations: mpsc::Sender<Observation>,
    heart: Arc<Heart>,
) {
    loop {
        let before = heart.lost();
        let held_up = || heart.lost().saturating_sub(before);
        let mut report = timeout(expires, reports.recv()).await;
        if report.is_err() && !held_up().is_zero() {
            report = timeout(held_up().min(expires), reports.recv()).await;
        }
        let silence = Failure::NoReport { within: expires };
        let verdict = match report {
            Ok(Some(verdict)) => verdict,
            Ok(None) => return,
            Err(_) => Err(unless_void(silence, held_up(), expires)),
        };
        if observations.send(Observation { target, verdict }).await.is_err() {
            return;
        }
    }
}
