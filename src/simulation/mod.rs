//! A timeline played through the real thing: state, trackers, beats, selection, snapshots, answers.
//!
//! | file | decides |
//! |---|---|
//! | [`player`] | what comes next, in a time of its own |
//! | [`network`] | what a probe or a client meets |
//! | [`population`] | who asks, and what becomes of their requests |
//! | [`ask`] | what a snapshot answers, from its bytes |
//! | [`diary`] | what is written down |
//!
//! No clock, no socket, no file. The same timeline and seed give the same run.

pub mod ask;
pub mod diary;
pub mod network;
pub mod player;
pub mod population;
