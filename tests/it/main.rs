//! The library from the outside, one scenario file for each phenomenon.

mod cluster;
mod config;
mod control;
mod counting;
mod delegation;
mod encrypted;
mod fairness;
mod guard;
mod health;
mod hooks;
mod http;
mod kept;
mod orders;
mod process;
mod promises;
mod push;
mod readme;
mod scenario;
mod schedule;
mod simulate;
mod steadiness;
mod stream;
mod tidy;
mod world;
mod zone_properties;
mod zones;
