//! Conformance, told by other servers: the same zones and questions to NSD, Knot and this one.
//!
//! | file | holds |
//! |---|---|
//! | differential | made-up zones and questions; every difference is a decision or a fault |
//! | edns | flags, opcodes and EDNS, case by case |
//! | early | probes of servers that answer before they are asked: socat and xinetd |
//! | nginx | the probes over HTTP, HTTPS, TLS and TCP, against nginx |
//! | openssl | TLS with certificates that few servers have, against `openssl s_server` |
//! | services | the probes of MySQL, Redis, DNS and gRPC, against MariaDB, Redis, Knot and grpcio |
//! | transports | the repository's own zones, by every transport |
//! | types | every record type, word by word, as BIND, NSD, Knot and ldns read it |
//! | zonemaster | a delegation from a made-up root, judged by zonemaster |

mod compare;
mod decisions;
mod differential;
mod early;
mod edns;
mod edns_rows;
mod exchange;
mod generate;
mod nginx;
mod openssl;
mod queries;
mod rdata;
mod server;
mod services;
mod transports;
mod types;
mod wire;
mod zone;
mod zonemaster;
