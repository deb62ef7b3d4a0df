//! Reads, writes and checks RDATA, the data of each record type.
//!
//! One table ([`table`]) lists every type with its number, mnemonic and fields. Reading from
//! words, writing as text, checking of wire form and finding the names inside are each one
//! function over *fields*, so a type is supported in all four ways or not at all, and a new type
//! is one row. hickory-proto's typed RDATA is not used: it has one structure, one parser and one
//! printer per type, allocates for each record, reports no columns, and does not write exactly the
//! text forms that other name servers agree on.
//!
//! Every type of IANA's registry that has a text form is supported. Types without one (NULL, UINFO,
//! UID, GID, UNSPEC) are written as `NULL \# …`, and unknown types as `TYPEnnn \# …`.

pub mod addresses;
pub mod bitmap;
pub mod codec;
pub mod field;
pub mod loc;
pub mod parse;
pub mod present;
pub mod rare;
pub mod rules;
pub mod svcb;
pub mod table;
pub mod time;
pub mod values;
pub mod walk;
pub mod words;
