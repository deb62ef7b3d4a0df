//! Reads master files (RFC 1035 §5), stores their records, and looks names up in them.
//!
//! - [`name`]: domain names in wire form.
//! - [`idn`]: names that are not ASCII.
//! - [`mail`]: SPF, DMARC and DKIM in TXT records.
//! - [`record`]: the records of a zone file, and its faults.
//! - [`store`]: all zones of a server, laid out for look-ups; [`rrset`] has the form of one RRset.
//! - [`lookup`]: the look-up of RFC 1034 §4.3.2.
//! - [`rdata`]: one table of record types; reading, writing and checking RDATA come from it.
//! - [`read`]: reads the text of master files into a checked zone, or into faults with places.

pub mod both_forms;
mod build;
pub mod idn;
mod index;
mod layout;
pub mod lookup;
pub mod lower;
pub mod mail;
pub mod name;
pub mod name_fault;
pub mod rdata;
pub mod read;
pub mod record;
pub mod rrset;
pub mod rtype;
pub mod store;
