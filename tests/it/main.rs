//! The library from the outside, one scenario file for each phenomenon.

mod health;
mod http;
mod schedule;
mod zones;
