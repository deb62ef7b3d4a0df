//! The client's side of DNS, for commands: questions, and replies in the form of `dig`.
//!
//! hickory-proto reads the replies: code that is independent of the code that writes this server's
//! answers.

pub mod exchange;
pub mod present;
