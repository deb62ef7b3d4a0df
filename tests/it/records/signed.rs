//! Zones that somebody signed: this server would answer them without signatures.

use std::process::Command;

use super::{CONFIG, HEAD, folder, told};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tiovivo");
const KEY: &str = "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53e\
                   KGQ==";

#[test]
fn a_signed_zone_is_refused_with_the_cure() {
    let hash = "2T7B4G4VSA5SMI47K61MV5BV1A22BOJR";
    for (line, rtype) in [
        (format!("@ DNSKEY 257 3 13 {KEY}"), "DNSKEY"),
        ("@ RRSIG SOA 13 2 3600 20380101000000 20200101000000 12345 @ AAAA".into(), "RRSIG"),
        ("@ NSEC ns1 NS SOA RRSIG NSEC DNSKEY".into(), "NSEC"),
        (format!("{hash} NSEC3 1 0 0 - {hash} A"), "NSEC3"),
        ("@ NSEC3PARAM 1 0 0 -".into(), "NSEC3PARAM"),
    ] {
        let told = told(CONFIG, format!("www A 192.0.2.1\n{line}\n").as_bytes());
        let [fault] = told.as_slice() else { panic!("{rtype}: {told:?}") };
        assert!(fault.starts_with(&format!("8: {rtype} belongs to a signed zone")), "{fault}");
        assert!(fault.contains("this server answers without signatures"), "{fault}");
        assert!(fault.contains("ldns-read-zone -s") && fault.contains("no DS"), "{fault}");
    }
}

#[test]
fn a_signed_zone_is_told_of_once_for_each_type() {
    let many: String =
        (0..500).map(|number| format!("h{number} A 192.0.2.1\nh{number} NSEC h A\n")).collect();
    let told = told(CONFIG, format!("{many}@ NSEC3PARAM 1 0 0 -\n").as_bytes());
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("8: NSEC ") && told[0].contains("has 500 such records"),
        "{told:?}"
    );
}

#[test]
fn keys_for_the_parent_are_refused_but_for_those_that_remove_a_ds() {
    let digest = "0".repeat(64);
    for line in [format!("@ CDS 1 13 2 {digest}"), format!("@ CDNSKEY 257 3 13 {KEY}")] {
        let told = told(CONFIG, format!("{line}\n").as_bytes());
        assert!(told.len() == 1 && told[0].contains("asks the parent for a DS"), "{told:?}");
    }
    let remove = "@ CDS 0 0 0 00\n@ CDNSKEY 0 3 0 AA==\n";
    assert_eq!(told(CONFIG, remove.as_bytes()), [""; 0]);
    // A DS speaks of the zone that is delegated, not of this one.
    let delegated = format!("d NS ns.example.net.\nd DS 1 13 2 {digest}\n");
    assert_eq!(told(CONFIG, delegated.as_bytes()), [""; 0]);
}

/// What is entered at the registrar follows from what the server does. A file with keys does not
/// load, so no advice is given of it at all.
#[test]
fn the_registrar_is_never_told_to_publish_a_ds() {
    let run = |lines: &str| {
        let folder = folder(CONFIG, lines.as_bytes());
        let mut command = Command::new(PROGRAM);
        let output = command.current_dir(folder.path()).args(["delegation", "midominio.com"]);
        let output = output.env_remove("TIOVIVO_LOG").output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = run("");
    assert_eq!(code, Some(0));
    assert!(text.contains("DS:            none: answers are not signed"), "{text}");
    let (code, text) = run(&format!("@ DNSKEY 257 3 13 {KEY}\n"));
    assert_ne!(code, Some(0));
    assert!(!text.contains("DS:"), "{text}");
}

/// The cure does what it says: what ldns-read-zone leaves of a signed file loads.
#[test]
fn the_cure_gives_a_zone_that_loads() {
    let key = format!("@ DNSKEY 257 3 13 {KEY}");
    let signed = format!("{key}\nwww A 192.0.2.1\nwww NSEC @ A NSEC\n@ NSEC3PARAM 1 0 0 -\n");
    let folder = folder(CONFIG, signed.as_bytes());
    let zone = format!("$ORIGIN midominio.com.\n{HEAD}{signed}");
    std::fs::write(folder.path().join("zone"), zone).unwrap();
    let arguments = ["-s", "-e", "DNSKEY", "-e", "NSEC3PARAM", "zone"];
    let mut command = Command::new("ldns-read-zone");
    let stripped = command.current_dir(folder.path()).args(arguments).output();
    let Ok(stripped) = stripped else {
        eprintln!("SKIPPED: needs ldns-read-zone; install ldnsutils");
        return;
    };
    assert!(stripped.status.success());
    std::fs::write(folder.path().join("zone"), stripped.stdout).unwrap();
    let loaded = tiovivo::config::load::load(&folder.path().join("config.yaml")).unwrap();
    assert!(loaded.config.zones[0].records.iter().any(|record| record.rtype == 1));
}
