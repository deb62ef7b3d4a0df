//! Conformance, told by other servers: the same zones and questions to NSD, Knot and this one.

mod compare;
mod decisions;
mod differential;
mod exchange;
mod generate;
mod queries;
mod rdata;
mod server;
mod wire;
