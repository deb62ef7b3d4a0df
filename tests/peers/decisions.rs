//! The lasting differences: each with the server that stands out, where, and why that may be.
//!
//! A difference that no row allows fails the run, and so does a row that no query needed.

use crate::compare::{Case, Field};
use crate::server::Peer;

pub struct Decision {
    pub name: &'static str,
    /// The server that does this; the others do not.
    pub peer: Peer,
    pub section: &'static str,
    pub reason: &'static str,
    pub fields: &'static [Field],
    pub when: fn(&Case) -> bool,
}

pub const DECISIONS: &[Decision] = &[];
