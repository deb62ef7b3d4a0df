//! Waits for the reports of targets that are not probed: a time without a report is a failure.
//!
//! For each target one task waits for reports and for the end of the time. So a report and the end
//! of the time are observed in the order in which they happen. If this process was held up, the
//! time is prolonged once by as much. If it was held up for more than a quarter of the time, a
//! missing report is void instead of a failure.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::health::heart::Heart;
use crate::health::probe::answer::Verdict;
use crate::health::probe::ask::unless_void;
use crate::health::probe::failure::Failure;
use crate::health::{Observation, TargetId};

/// Most reports of one target that wait to be observed.
pub const WAITING: usize = 8;

/// Observes the reports of `target`, and each time of `expires` without a report as a failure. Ends
/// when the sender of `reports` or the receiver of `observations` is gone.
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
