//! Overrides: what the operator says about members, instead of their health.
//!
//! | module | decides or does |
//! |---|---|
//! | [`request`] | reads an operator's request, and defines the reply to it |
//! | [`apply`] | decides what a request changes, and which override counts for each member |
//! | [`mod@file`] | does: reads and writes `overrides.json` |
//! | [`writer`] | does: writes overrides to the disk without blocking the one writer of the state |

pub mod apply;
pub mod file;
pub mod request;
pub mod writer;
