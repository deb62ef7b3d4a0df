//! The answer side: bytes in, bytes out.
//!
//! [`respond::respond`] is one synchronous function for every transport. It sees a snapshot and
//! nothing else: no health, no configuration, and of the time what it is told. [`udp`] and
//! [`stream`] carry it, and [`encrypted`] does so inside TLS, HTTPS and QUIC.

pub mod chain;
pub mod chaos;
pub mod clock;
pub mod cookie;
pub mod encrypted;
pub mod exchange;
pub mod explain;
pub mod frames;
pub mod options;
pub mod plain;
pub mod query;
pub mod records;
pub mod reply;
pub mod respond;
pub mod responder;
pub mod sockets;
pub mod stream;
mod tally;
pub mod udp;
pub mod work_slice;
