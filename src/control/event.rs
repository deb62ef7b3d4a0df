//! The events that can change the state.

use tokio::sync::oneshot;

use crate::control::health_report::{HealthReport, ReportPools, ReportRefusal};
use crate::control::overrides::request::{Acknowledgement, OverrideRequest, Refusal};
use crate::control::overrides::writer::OverrideFileResult;
use crate::control::served_config::ServedConfig;
use crate::health::Observation;

/// The one list of events: nothing else changes the state.
#[derive(Debug)]
pub enum Event {
    Observation(Observation),
    Command(Command),
    Report(ReportRequest),
    /// The time for the first round of probes is over.
    RoundOver,
    /// A read or a write of the overrides has ended.
    OverrideFile(OverrideFileResult),
    /// A moment has come at which time alone changes the state.
    Due,
    /// One second has passed: the status of pools with new observations is refreshed.
    Tick,
    /// No other event waits: the refresh of the status may go on.
    Idle,
}

/// A report about a member. It is answered as soon as the report is queued for the schedule.
#[derive(Debug)]
pub struct ReportRequest {
    pub report: HealthReport,
    /// The pools that take the report, or why none does.
    pub reply: oneshot::Sender<Result<ReportPools, ReportRefusal>>,
}

/// A command from outside.
#[derive(Debug)]
pub enum Command {
    /// An operator's request. It is answered when the override is on the disk and in the answers,
    /// or when it is refused.
    Operate(OverrideRequest, oneshot::Sender<Result<Acknowledgement, Refusal>>),
    /// A new configuration, or every fault for which it is refused.
    Reload(Result<Box<ServedConfig>, Vec<String>>),
}
