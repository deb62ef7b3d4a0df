//! The library from the outside, one scenario file for each phenomenon.

mod cluster;
mod config;
mod control;
mod health;
mod http;
mod kept;
mod schedule;
mod zones;
