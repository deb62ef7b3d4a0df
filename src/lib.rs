//! tiovivo: an authoritative DNS server that answers with the nodes that are alive.
//!
//! Data flows downwards in this table. ARCHITECTURE.md says which module may use which, and a test
//! checks that.
//!
//! | module | is |
//! |---|---|
//! | [`clock`] | the time: a monotonic clock, and the wall clock, which people can set |
//! | [`cluster`] | the checked inventory: nodes, pools, members, checks, standings |
//! | [`zone`] | RFC 1035 data: master files, look-up |
//! | [`regular_file`] | the only opener of files: regular files, never a pipe or a device |
//! | [`state_dir`] | the only reader and writer of the state folder |
//! | [`checks`] | the kinds of check, one folder each: a file for each layer |
//! | [`config`] | the only reader of what the operator wrote: YAML as written → checked types |
//! | [`health`] | probes, the counting of their results, timers |
//! | [`snapshot`] | immutable answers, built aside and swapped in whole |
//! | [`control`] | the one writer: events → state → snapshot; status out |
//! | [`dns`] | bytes → bytes, over UDP and streams |
//! | [`hooks`] | sends changes of members and pools to webhooks and commands |
//! | [`http`] | API, page, metrics |
//! | [`simulation`] | plays a timeline through all of these modules, without clock and network |
//! | [`counters`] | numbers of queries and replies, written by `dns`, read by `http` |
//! | [`log_limit`] | limits the log lines that strangers can cause: one a minute, with a count |
//! | [`pace`] | does long work in short pieces, so that answers need not wait for it |
//! | [`connection_limiter`] | limits connections, and shares them out among clients |
//! | [`rcode`] | response codes of DNS messages |
//! | [`dns_client`] | the client's side of DNS: questions, and replies in the form of `dig` |
//! | [`delegation`] | the rules that registries have for a delegation |
//! | [`cli`] | the commands, one file for each, and the start of a server |

// A closed pipe would end the process by a panic: `cli::output` writes instead.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod checks;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod connection_limiter;
pub mod control;
pub mod counters;
pub mod delegation;
pub mod dns;
pub mod dns_client;
pub mod health;
pub mod hooks;
pub mod http;
pub mod log_limit;
pub mod pace;
pub mod rcode;
pub mod regular_file;
pub mod simulation;
pub mod snapshot;
pub mod state_dir;
pub mod zone;
