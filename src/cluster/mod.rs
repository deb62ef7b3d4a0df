//! The checked inventory: machines, what each is for, and the pools that are answered from them.
//!
//! Everything here is a value that cannot be wrong: `config` builds it once, nobody validates it
//! again. Nothing here knows DNS, clocks, sockets or files.
//!
//! The mother guard lives in [`member`]: an address reaches a public answer only as a
//! [`member::PublicAddresses`], and only a child can give one.

pub mod check;
pub mod checks;
pub mod deployment;
pub mod failover;
pub mod fallbacks;
pub mod families;
pub mod hook;
pub mod member;
pub mod networks;
pub mod node;
pub mod operator;
pub mod pool;
pub mod selection;
pub mod service;
pub mod standing;
pub mod steadiness;
pub mod tiers;
pub mod trust;
pub mod validity;
pub mod visible;
