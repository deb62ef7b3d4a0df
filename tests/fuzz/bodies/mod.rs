//! What is done with one input, whoever made it up: the stable test beside this folder, or
//! cargo-fuzz with coverage in hand (`fuzz/`). A body panics when a promise is broken.
//!
//! | body | input | promises |
//! |---|---|---|
//! | [`message`] | a query's octets | those of [`reply`], by every transport and any room |
//! | [`node`] | what a node says to a probe | an end, a bounded reason, no blame of this machine |
//! | [`zone`] | a zone file's text | read or refused; shown and read back; answered |
//! | [`config`] | config.yaml's text | loaded or refused, and shown; the mother guard |

pub mod config;
pub mod message;
pub mod node;
pub mod reply;
#[expect(dead_code, reason = "the queries of this file are for other servers")]
#[path = "../../peers/wire.rs"]
mod wire;
pub mod world;
pub mod zone;
