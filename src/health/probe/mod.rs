//! One probe: one connection to the member's own address, one verdict.
//!
//! This is all that the server ever sends on its own account. Nothing is kept between two probes,
//! so each one also tests that the member accepts connections. No proxy, no redirect, no retry: a
//! second try would hide the very loss that is measured.
//!
//! Deliberately missing: a login at the database.

pub mod answer;
pub mod ask;
pub mod connection;
pub mod conversation;
pub mod converse;
pub mod failure;
pub mod find;
pub mod group;
mod io_failure;
pub mod proxy;
pub mod route;
pub mod simulated;
pub mod start;
pub mod start_tls;
pub mod trust;
pub mod verifier;
