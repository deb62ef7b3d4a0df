//! The one writer.

pub mod status;
