//! Plays a timeline through the real state, trackers, schedules, selection, snapshots and answers.
//!
//! | file | decides |
//! |---|---|
//! | [`player`] | which event is next, in simulated time |
//! | [`network`] | the results of probes and requests |
//! | [`population`] | the clients and their requests |
//! | [`ask`] | the answers of a snapshot, from their octets |
//! | [`diary`] | the record of the run |
//!
//! No clock, no socket, no file. The same timeline and seed give the same run.

pub mod ask;
pub mod diary;
pub mod network;
pub mod player;
pub mod population;
