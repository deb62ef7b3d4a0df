//! Everything that can change something.

use tokio::sync::oneshot;

use crate::control::health_report::{HealthReport, ReportPools, ReportRefusal};
use crate::control::overrides::request::{Acknowledgement, OverrideRequest, Refusal};
use crate::control::overrides::writer::OverrideFileResult;
use crate::control::served_config::ServedConfig;
use crate::health::Observation;

/// Closed: whatever is not here changes nothing.
#[derive(Debug)]
pub enum Event {
    Observation(Observation),
    Command(Command),
    Report(ReportRequest),
    /// The bound of the first round of probes has passed.
    RoundOver,
    /// The operator's orders are on the disk, or could not be written; or could be read at last.
    OverrideFile(OverrideFileResult),
    /// Time alone changes something now.
    Due,
    /// It is time to tell what observations alone have changed.
    Tick,
    /// Nothing waits: there is time to go on with telling it.
    Idle,
}

/// What somebody says of a member. Answered when it is on its way to be observed.
#[derive(Debug)]
pub struct ReportRequest {
    pub push: HealthReport,
    /// Which pools take it.
    pub reply: oneshot::Sender<Result<ReportPools, ReportRefusal>>,
}

/// Orders from outside.
#[derive(Debug)]
pub enum Command {
    /// The operator's word on some members. Answered when it is on the disk and in the answers, or
    /// refused.
    Operate(OverrideRequest, oneshot::Sender<Result<Acknowledgement, Refusal>>),
    /// A new configuration, or every fault that speaks against it.
    Reload(Result<Box<ServedConfig>, Vec<String>>),
}
