//! Reads master files (RFC 1035 §5) into a checked zone, or into all faults at once, each with its
//! place and with what to write instead.
//!
//! | file | does |
//! |---|---|
//! | [`lexer`] | splits text into entries of words |
//! | [`reader`] | reads entries as records: owner, TTL, class, type, then RDATA by its table |
//! | [`directive`] | reads `$ORIGIN`, `$TTL`, `$INCLUDE` |
//! | [`checks`] | checks the rules between records; drops duplicates |
//! | [`delegation`] | checks the rules of zone cuts, glue and targets |
//! | [`mail`] | warns of texts that mail receivers could not read |
//! | [`faults`] | collects, bounds and sorts faults |
//!
//! A file is octets (RFC 1035 §3.3). In comments and strings, octets above 127 are kept unchanged;
//! in names, they must be UTF-8 ([`crate::zone::idn`]).
//!
//! No file is opened here: the caller gives the text of each. A test compares with other tools:
//! what BIND, ldns and Knot all accept is accepted, what all refuse is refused. Stricter than some:
//! CNAME beside other data, an apex without NS, a lame apex NS, digest lengths, RFC 9460 in full,
//! class IN only. Milder than some: line ends of Windows, a byte order mark.
//!
//! `$GENERATE` is deliberately missing: only BIND reads it, and it is refused with its place.

pub mod checks;
pub mod delegation;
pub mod directive;
pub mod faults;
pub mod lexer;
pub mod mail;
pub mod reader;

use crate::zone::name::Name;
use crate::zone::read::faults::Faults;
use crate::zone::read::reader::{OpenFile, ZoneReader};
use crate::zone::record::{Severity, Zone, ZoneFault};

/// The zone and its warnings, or its faults: errors first, each kind in the order of the files.
type Outcome = Result<(Zone, Vec<ZoneFault>), Vec<ZoneFault>>;

/// Reads and checks the zone `apex`, whose text begins in `file`. `include` returns the text of
/// `file` and of each `$INCLUDE`, or in words why it cannot. The names of included files that it
/// gets are relative and have no `..` in them.
pub fn read(apex: &Name, file: &str, include: &mut OpenFile<'_>) -> Outcome {
    let mut faults = Faults::default();
    let mut reader = ZoneReader::new(apex, include, &mut faults);
    reader.main_file(file);
    let mut zone = reader.finish();
    checks::check(&mut zone, &mut faults);
    let failed = faults.any_errors();
    let list = faults.into_list(&zone.files);
    debug_assert!(failed || list.iter().all(|fault| fault.severity == Severity::Warning));
    if failed { Err(list) } else { Ok((zone, list)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::read::reader::{MAX_DEPTH, MAX_FILES};
    use crate::zone::rtype::{A, MX};

    const HEAD: &str = "$TTL 1h\n@ SOA ns1 h 1 4h 1h 2w 5m\n@ NS ns1\nns1 A 192.0.2.53\n";

    fn read_files(files: &[(&str, String)]) -> Outcome {
        let apex = Name::parse("example.com.").unwrap();
        let mut give = |name: &str| match files.iter().find(|(file, _)| *file == name) {
            Some((_, text)) => Ok(text.clone().into_bytes().into()),
            None => Err("there is no such file".to_owned()),
        };
        read(&apex, "zone", &mut give)
    }

    fn read_lines(lines: &str) -> Outcome {
        read_files(&[("zone", format!("{HEAD}{lines}"))])
    }

    fn told(outcome: Outcome) -> Vec<String> {
        let list = outcome.map_or_else(|faults| faults, |(_, warnings)| warnings);
        list.iter().map(|f| format!("{}:{}:{} {}", f.file, f.line, f.column, f.message)).collect()
    }

    #[test]
    fn all_faults_of_a_file_are_told_at_once_and_in_order() {
        let lines = "a A 1.2.3\nb\tAAA x\nc CNAME ns1\nc A 192.0.2.1\né..b A 1\nxñ 300 MX a\n";
        assert_eq!(
            told(read_lines(lines)),
            [
                "zone:5:5 1.2.3 is not an IPv4 address",
                "zone:6:3 AAA is neither a TTL, a class nor a type",
                "zone:8:1 A beside the CNAME of line 7 (RFC 1034 §3.6.2)",
                "zone:9:1 é..b is no name: an empty label: two dots in a row, \
                 or a dot at the start",
                "zone:10:11 a is not a number from 0 to 65535",
            ]
        );
    }

    #[test]
    fn a_line_with_a_fault_is_not_missing() {
        let text = "$TTL 1h\n@ SOA ns1 h 1 4h 1h 2w\n@ NS ns1\nns1 A 192.0.2.\n".to_owned();
        let faults = told(read_files(&[("zone", text)]));
        assert_eq!(faults.len(), 2, "{faults:?}");
    }

    #[test]
    fn lines_that_repeat_a_broken_owner_belong_to_nobody() {
        let faults = told(read_lines("c CNAME ns1\na..b A 192.0.2.1\n  A 192.0.2.2\n"));
        assert_eq!(faults.len(), 1, "{faults:?}");
    }

    #[test]
    fn the_hundred_first_fault_is_counted() {
        let faults = told(read_lines(&"x A y\n".repeat(123)));
        assert_eq!(faults.len(), 101);
        assert_eq!(faults.last().map(String::as_str), Some("zone:104:5 and 23 more faults"));
    }

    #[test]
    fn an_included_file_has_its_own_origin_and_owner() {
        let (zone, warnings) = read_files(&[
            (
                "zone",
                format!("{HEAD}www A 192.0.2.1\n$INCLUDE part sub\n A 192.0.2.2\nx A 192.0.2.3\n"),
            ),
            ("part", "@ MX 1 www\n$ORIGIN deep\ny A 192.0.2.4\n".to_owned()),
        ])
        .unwrap();
        assert_eq!(warnings, []);
        let owners: Vec<String> = zone.records[3..]
            .iter()
            .map(|record| {
                format!("{} {}", zone.owner(record), zone.files[usize::from(record.place.file)])
            })
            .collect();
        assert_eq!(
            owners,
            [
                "www.example.com. zone",
                "www.example.com. zone",
                "sub.example.com. part",
                "y.deep.sub.example.com. part",
                "x.example.com. zone"
            ]
        );
        let mx = zone.records.iter().find(|record| record.rtype == MX).unwrap();
        assert_eq!(zone.rdata(mx), b"\x00\x01\x03www\x03sub\x07example\x03com\x00");
    }

    #[test]
    fn a_fault_in_an_included_file_names_that_file() {
        let faults = told(read_files(&[
            ("zone", format!("{HEAD}$INCLUDE part\nz CNAME ns1\n")),
            ("part", "a A 1\nz TXT x\n".to_owned()),
        ]));
        assert_eq!(
            faults,
            [
                "zone:6:1 a CNAME beside the TXT of part, line 2 (RFC 1034 §3.6.2)",
                "part:1:5 1 is not an IPv4 address"
            ]
        );
    }

    #[test]
    fn includes_are_bounded_in_depth_and_number() {
        let deep = told(read_files(&[("zone", format!("{HEAD}$INCLUDE zone\n"))]));
        let message =
            format!("zone:5:10 zone: files include each other more than {MAX_DEPTH} deep");
        assert_eq!(deep, [message]);
        let wide = format!("{HEAD}{}", "$INCLUDE part\n".repeat(MAX_FILES));
        let wide = told(read_files(&[("zone", wide), ("part", String::new())]));
        assert_eq!(wide, ["zone:104:10 part: a zone has at most 100 files"]);
    }

    #[test]
    fn a_file_that_is_not_given_is_told_in_the_words_of_the_caller() {
        assert_eq!(told(read_files(&[])), ["zone:1:1 there is no such file"]);
    }

    #[test]
    fn the_lowest_ttl_holds_for_the_rrset_and_duplicates_are_dropped() {
        let lines = "www 300 A 192.0.2.1\nWWW 60 A 192.0.2.2\nwww 900 A 192.0.2.1\n";
        let (zone, warnings) = read_lines(lines).unwrap();
        assert_eq!(warnings.len(), 1);
        let www: Vec<_> =
            zone.records[3..].iter().map(|r| (r.rtype, r.ttl, r.place.line)).collect();
        assert_eq!(www, [(A, 60, 5), (A, 60, 6)]);
        let many: String = (0..40).map(|n| format!("m A 192.0.2.{}\n", n % 20)).collect();
        assert_eq!(read_lines(&many).unwrap().0.records.len(), 23);
    }
}
