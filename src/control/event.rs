//! Everything that can change something.

use crate::control::loaded::Loaded;
use crate::health::Observation;

/// Closed: whatever is not here changes nothing.
#[derive(Debug)]
pub enum Event {
    Observation(Observation),
    Command(Command),
    /// The bound of the first round of probes has passed.
    RoundOver,
    /// It is time to tell what observations alone have changed.
    Tick,
}

/// Orders from outside.
#[derive(Debug)]
pub enum Command {
    /// A new configuration, or every fault that speaks against it.
    Reload(Result<Box<Loaded>, Vec<String>>),
}
