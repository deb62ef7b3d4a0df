//! The answers of a node to the probes of one kind of check in a simulation.

use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::failure::Failure;

#[derive(Debug)]
pub struct SimulatedAnswers {
    /// When the node is well.
    pub well: ProbeAnswer,
    /// When the node accepts connections and sends nothing; `None` is no answer.
    pub hung: Option<ProbeAnswer>,
    /// When the node answers with an error.
    pub failing: Result<ProbeAnswer, Failure>,
    /// When the port is closed.
    pub closed: Result<ProbeAnswer, Failure>,
}
