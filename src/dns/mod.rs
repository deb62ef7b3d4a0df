//! Answers queries: the octets of a query in, the octets of the reply out.
//!
//! [`respond::respond`] is one synchronous function for every transport. Its input is a snapshot, a
//! query and its client: no health, no configuration, no clock. [`udp`] and [`stream`] transport
//! the messages, and [`encrypted`] does so inside TLS, HTTPS and QUIC.

pub mod chain;
pub mod chaos;
pub mod connections;
pub mod cookie;
pub mod cookie_clock;
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
