//! Targets that are not probed: they report by themselves, and silence is the failure.
//!
//! One task for each target waits for its reports and lets the time run. So a report and the end
//! of the time that it had for coming are observed in the order in which they happened.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::health::probe::Verdict;
use crate::health::probe::failure::Failure;
use crate::health::{Observation, TargetId};

/// Reports of one target that wait until they are observed.
pub const WAITING: usize = 8;

/// Ends when nobody can report any more, or nobody takes the observations.
pub async fn listen(
    target: TargetId,
    expires: Duration,
    mut reports: mpsc::Receiver<Verdict>,
    observations: mpsc::Sender<Observation>,
) {
    loop {
        let verdict = match timeout(expires, reports.recv()).await {
            Ok(Some(verdict)) => verdict,
            Ok(None) => return,
            Err(_) => Err(Failure::NoReport { within: expires }),
        };
        if observations.send(Observation { target, verdict }).await.is_err() {
            return;
        }
    }
}
