//! RFC 1035 is about octets: a zone file is read in any encoding that has ASCII in it. Only names
//! have to be UTF-8, because they become others (RFC 5891).

use super::{CONFIG, load, told};

/// What is said in ISO 8859-1.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a character of ISO 8859-1")).collect()
}

#[test]
fn comments_and_strings_may_have_any_octets() {
    let lines = latin1("; el año\nwww A 192.0.2.1 ; ¿quién?\ntxt TXT \"mañana\" año\n");
    let loaded = load(CONFIG, &lines).unwrap_or_else(|faults| panic!("{faults:?}"));
    let zone = &loaded.config.zones[0];
    let txt = zone.records.iter().find(|record| record.rtype == 16).expect("a TXT");
    assert_eq!(zone.rdata(txt), b"\x06ma\xf1ana\x03a\xf1o");
    assert_eq!(loaded.warnings, []);
}

#[test]
fn the_octets_of_utf_8_stay_as_they_are() {
    let loaded = load(CONFIG, "txt TXT mañana ; ñ\n".as_bytes()).unwrap();
    let zone = &loaded.config.zones[0];
    let txt = zone.records.iter().find(|record| record.rtype == 16).expect("a TXT");
    assert_eq!(zone.rdata(txt), "\x07mañana".as_bytes());
}

#[test]
fn a_name_in_another_encoding_is_refused_with_its_line_and_the_cure() {
    for line in ["mañana A 192.0.2.1", "www CNAME mañana", "$ORIGIN mañana"] {
        let told = told(CONFIG, &latin1(&format!("; año\n{line}\n")));
        let [fault] = told.as_slice() else { panic!("{told:?}") };
        let name = "8: ma\u{fffd}ana is no name: its octets above 127 are no UTF-8";
        assert!(fault.starts_with(name), "{fault}");
        assert!(fault.ends_with("save the file as UTF-8, or write the name as xn--…"), "{fault}");
    }
}

/// The line of a fault is shown, whatever its octets, and nothing of it reaches the terminal raw.
#[test]
fn faults_show_such_lines_safely() {
    let lines = latin1("txt TXT año \u{9b}31m ( \"ñ\" ) \"open\n");
    let faults = load(CONFIG, &lines).unwrap_err();
    let spot = faults[0].spot.as_ref().unwrap();
    assert_eq!(spot.excerpt, "txt TXT a\u{fffd}o \u{fffd}31m ( \"\u{fffd}\" ) \"open");
    assert_eq!((spot.span.line, spot.span.column), (7, 26));
}

#[test]
fn a_zone_in_utf_16_is_named_so() {
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain("@ SOA a b 1 2 3 4 5\n".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let folder = super::folder(CONFIG, b"");
    std::fs::write(folder.path().join("zone"), utf16).unwrap();
    let faults = tiovivo::config::load::load(&folder.path().join("config.yaml")).unwrap_err();
    assert!(faults[0].message.contains("is UTF-16"), "{faults:?}");
}
