//! Decides whether the members or this machine failed, when most members of a pool fail at once.
//!
//! | module | |
//! |---|---|
//! | [`detector`] | decides, from the evidence of the members and of the reference targets |
//! | [`evidence`] | gathers the evidence of one pool, and states the finding |
//! | [`references`] | probes the reference targets (`server.controls` of config.yaml) |

pub mod detector;
pub mod evidence;
pub mod references;
