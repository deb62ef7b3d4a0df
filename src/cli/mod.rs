//! One file a command: the composition root.

pub mod faults;
pub mod schema;
