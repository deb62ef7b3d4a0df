//! The answer side: bytes in, bytes out.
//!
//! [`respond::respond`] is one synchronous function for every transport. It sees a snapshot and
//! nothing else: no health, no configuration, no clock. [`udp`] and [`stream`] carry it.

pub mod chain;
pub mod query;
pub mod reply;
pub mod respond;
pub mod sockets;
pub mod stream;
mod tally;
pub mod udp;
