//! RDATA: what each record type carries.
//!
//! One table ([`table`]) lists every type with its number, mnemonic and fields. Reading from
//! words, writing as text, checking of wire form and finding the names inside are each one
//! function over *fields*, so a type is supported in all four ways or not at all, and a new type
//! is one row. hickory-proto's typed RDATA is not used: it would bring one structure, one parser
//! and one printer per type, allocate for each record, and know neither columns nor the exact
//! text forms that the tools of the trade agree on.
//!
//! Every row of IANA's table that has a text form is here; types whose octets nobody gave one
//! (NULL, UINFO, UID, GID, UNSPEC) load as `NULL \# …`, and unknown ones as `TYPEnnn \# …`.

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
