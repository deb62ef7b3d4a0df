//! Everything that can change something.

use tokio::sync::oneshot;

use crate::control::loaded::Loaded;
use crate::control::push::{NotTaken, Pools, Push};
use crate::control::recorder::Recorded;
use crate::control::request::{Request, RequestFault};
use crate::control::status::{OrderedStatus, OverrideStatus};
use crate::health::Observation;

/// Closed: whatever is not here changes nothing.
#[derive(Debug)]
pub enum Event {
    Observation(Observation),
    Command(Command),
    Report(Report),
    /// The bound of the first round of probes has passed.
    RoundOver,
    /// The operator's orders are on the disk, or could not be written; or could be read at last.
    Recorded(Recorded),
    /// Time alone changes something now.
    Due,
    /// It is time to tell what observations alone have changed.
    Tick,
    /// Nothing waits: there is time to go on with telling it.
    Idle,
}

/// What somebody says of a member. Answered when it is on its way to be observed.
#[derive(Debug)]
pub struct Report {
    pub push: Push,
    /// Which pools take it.
    pub reply: oneshot::Sender<Result<Pools, NotTaken>>,
}

/// Orders from outside.
#[derive(Debug)]
pub enum Command {
    /// The operator's word on some members. Answered when it is on the disk and in the answers, or
    /// refused.
    Operate(Request, oneshot::Sender<Result<Acknowledged, Refusal>>),
    /// A new configuration, or every fault that speaks against it.
    Reload(Result<Box<Loaded>, Vec<String>>),
}

/// What is in force after an order. It was on the disk before this was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    pub overrides: Vec<OverrideStatus>,
    /// The members that the order means; none of a release.
    pub members: Vec<OrderedStatus>,
}

/// Why an order changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    Faults(Vec<RequestFault>),
    /// The disk would not take it, or does not let earlier orders be read.
    NotKept(String),
}
