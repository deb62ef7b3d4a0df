//! The answers of a node to the probes of one kind of check in a simulation.

use crate::health::probe::answer::Said;
use crate::health::probe::failure::Failure;

#[derive(Debug)]
pub struct SimulatedAnswers {
    /// When the node is well.
    pub well: Said,
    /// When the node accepts connections and sends nothing; `None` is no answer.
    pub hung: Option<Said>,
    /// When the node answers with an error.
    pub failing: Result<Said, Failure>,
    /// When the port is closed.
    pub closed: Result<Said, Failure>,
}
