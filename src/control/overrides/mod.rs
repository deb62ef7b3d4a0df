//! Overrides: what the operator says about members, instead of their health.
//!
//! | module | |
//! |---|---|
//! | [`request`] | an operator's request, and the reply to it |
//! | [`apply`] | decides: what a request changes, and which override counts for each member |
//! | [`mod@file`] | does: reads and writes `overrides.json` |
//! | [`writer`] | does: brings overrides to the disk without blocking the writer |

pub mod apply;
pub mod file;
pub mod request;
pub mod writer;
