//! Each decision in one sentence, in the operator's words.
//!
//! | module | sentences about |
//! |---|---|
//! | [`member`] | whether a member is answered, and why |
//! | [`transition`] | a member's change of standing |
//! | [`overrides`] | an override and the members that it selects |
//! | [`pool`], [`tier`] | which members of a pool are answered |
//! | [`time`] | points in time and durations, as people read them |

pub mod member;
pub mod overrides;
pub mod pool;
pub mod tier;
pub mod time;
pub mod transition;
