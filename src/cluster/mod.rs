//! The checked inventory: machines, what each is for, and the pools that are answered from them.
//!
//! All values here are valid: `config` checks and builds them once, and no other module validates
//! them again. No code here reads a clock, a socket or a file, or builds a DNS message.
//!
//! The mother guard is in [`member`]: an address reaches a public answer only as
//! [`member::PublicAddresses`], and only a child has any.

pub mod check;
pub mod check_kind;
pub mod checks;
pub mod connection;
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
pub mod standing;
pub mod steadiness;
pub mod tiers;
pub mod trust;
pub mod validity;
pub mod visible;
