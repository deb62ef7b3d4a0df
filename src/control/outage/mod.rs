//! Outages: when most members of a pool fail at once, is it the members or the prober?
//!
//! | module | |
//! |---|---|
//! | [`detector`] | decides, from what is known of the members and the reference targets |
//! | [`evidence`] | gathers that for one pool, and states the result |
//! | [`references`] | the reference targets (`server.controls` of config.yaml) |

pub mod detector;
pub mod evidence;
pub mod references;
