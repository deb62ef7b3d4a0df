//! Master files (RFC 1035 §5): text → a checked zone, or every fault at once, each with its place
//! and with what to write instead.
//!
//! | file | does |
//! |---|---|
//! | [`lexer`] | text → entries of words |
//! | [`reader`] | entries → records: owner, TTL, class, type, then RDATA by its table |
//! | [`directive`] | `$ORIGIN`, `$TTL`, `$INCLUDE` |
//! | [`checks`] | the rules between records; drops duplicates |
//! | [`delegation`] | the rules of zone cuts, glue and targets |
//! | [`index`] | the records by owner and type |
//! | [`faults`] | collects, bounds and sorts faults |
//!
//! No file is opened here: the caller gives the text of each. Where tools differ, this is kept by
//! a test: what BIND, ldns and Knot all accept is accepted, what all refuse is refused.
//!
//! `$GENERATE` is deliberately missing: only BIND reads it, and it is refused with its place.

pub mod checks;
pub mod delegation;
pub mod directive;
pub mod faults;
pub mod index;
pub mod lexer;
pub mod reader;

use crate::zone::name::Name;
use crate::zone::read::faults::Faults;
use crate::zone::read::reader::Reader;
use crate::zone::record::{Place, Severity, Zone, ZoneFault};

/// The zone and its warnings, or its faults: errors first, each kind in the order of the files.
type Outcome = Result<(Zone, Vec<ZoneFault>), Vec<ZoneFault>>;

/// Reads and checks the zone `apex`, whose text begins in `file`. `include` gives the text of
/// `file` and of each `$INCLUDE`, or says in words why not; the names that it sees beside `file`
/// are relative and have no `..` in them.
pub fn read(
    apex: &Name,
    file: &str,
    include: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Outcome {
    let mut faults = Faults::default();
    let mut reader = Reader::new(apex, include, &mut faults);
    reader.main_file(file);
    let mut zone = reader.finish();
    checks::check(&mut zone, &mut faults);
    let failed = faults.any_errors();
    let list = faults.into_list(&zone.files);
    debug_assert!(failed || list.iter().all(|fault| fault.severity == Severity::Warning));
    if failed { Err(list) } else { Ok((zone, list)) }
}

/// The first place of the file that was read first: where what is missing is told.
const START: Place = Place { file: 0, line: 1, column: 1 };
