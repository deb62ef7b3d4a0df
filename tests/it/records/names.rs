//! Names that are not ASCII: converted by IDNA 2008 wherever one is written, shown in both forms,
//! or refused with what to write.

use std::process::Command;

use tiovivo::zone::name::Name;

use super::{CONFIG, folder, load, told};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tiovivo");
const POOL: &str = "\
zones: [{ apex: münchen.example, file: zone }]
nodes: { server-2: { role: child, address: 192.0.2.18 } }
pools: { web: { names: [www.münchen.example, straße.MÜNCHEN.example], members: [server-2],
  check: { tcp: { port: 80 } } } }
";

#[test]
fn names_of_zone_files_are_converted() {
    let lines = "mañana A 192.0.2.1\nalias CNAME mañana\n_dmarc.mañana TXT x\n\
                 $ORIGIN niño.midominio.com.\n@ A 192.0.2.2\n\\195\\177 A 192.0.2.3\n";
    let loaded = load(CONFIG, lines.as_bytes()).unwrap_or_else(|faults| panic!("{faults:?}"));
    let zone = &loaded.config.zones[0];
    for owner in [
        "xn--maana-pta.midominio.com",
        "_dmarc.xn--maana-pta.midominio.com",
        "xn--nio-8ma.midominio.com",
        "\\195\\177.xn--nio-8ma.midominio.com",
    ] {
        assert!(!zone.at(&Name::parse(owner).unwrap()).is_empty(), "{owner}");
    }
    let alias = zone.rrset(&Name::parse("alias.midominio.com").unwrap(), 5)[0];
    assert!(zone.rdata(&alias).starts_with(b"\x0dxn--maana-pta"));
}

#[test]
fn apex_and_pool_names_are_converted() {
    let loaded = load(POOL, b"").unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(loaded.config.zones[0].apex.to_string(), "xn--mnchen-3ya.example.");
    let names: Vec<String> =
        loaded.config.published.iter().map(|published| published.owner.to_string()).collect();
    assert_eq!(names, ["www.xn--mnchen-3ya.example.", "xn--strae-oqa.xn--mnchen-3ya.example."]);
}

#[test]
fn check_shows_both_forms() {
    let folder = folder(POOL, "mañana A 192.0.2.1\n".as_bytes());
    let mut command = Command::new(PROGRAM);
    let output = command.current_dir(folder.path()).arg("check").env_remove("TIOVIVO_LOG");
    let output = output.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for both in [
        "www.xn--mnchen-3ya.example. (www.münchen.example.)",
        "xn--maana-pta.xn--mnchen-3ya.example. (mañana.münchen.example.)",
    ] {
        assert!(text.contains(both), "{text}");
    }
}

#[test]
fn arguments_are_converted() {
    let config = CONFIG.replace("midominio.com", "münchen.example");
    let folder = folder(&config, b"");
    let mut command = Command::new(PROGRAM);
    let output = command.current_dir(folder.path()).args(["delegation", "MÜNCHEN.example"]);
    let output = output.env_remove("TIOVIVO_LOG").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("xn--mnchen-3ya.example. IN NS ns1.xn--mnchen-3ya.example."), "{text}");
    assert!(text.contains("münchen.example"), "{text}");
}

#[test]
fn what_cannot_be_converted_is_refused_with_what_to_write() {
    for (line, message) in [
        ("☃ A 192.0.2.1", "7: ☃ is no name: IDNA 2008 does not allow it (RFC 5892); write xn--…"),
        ("_ñ A 192.0.2.1", "7: _ñ is no name: IDNA 2008 does not allow it (RFC 5892); write xn--…"),
    ] {
        let told = told(CONFIG, format!("{line}\n").as_bytes());
        assert!(told.len() == 1 && told[0].starts_with(message), "{told:?}");
    }
    for config in [CONFIG.replace("midominio.com", "☃.example"), POOL.replace("www.", "☃.")] {
        let told = told(&config, b"");
        assert!(told[0].contains("IDNA 2008 does not allow it"), "{told:?}");
        assert!(told[0].contains("write xn--…"), "{told:?}");
    }
}

/// Copied from a web page, a name has a space behind it that is none.
#[test]
fn characters_that_nobody_sees_are_told_by_name() {
    for (line, column, name) in [
        ("www\u{a0}A 192.0.2.1", 1, "a no-break space (U+00A0)"),
        ("www A\u{a0}192.0.2.1", 5, "a no-break space (U+00A0)"),
        ("www A 192.0.2.1\u{a0}", 7, "a no-break space (U+00A0)"),
        ("www\u{200b} A 192.0.2.1", 1, "a zero-width space (U+200B)"),
        ("www\u{202e} A 192.0.2.1", 1, "a mark of writing direction (U+202E)"),
        ("www CNAME ns1\u{feff}", 11, "a byte order mark (U+FEFF)"),
    ] {
        let faults = load(CONFIG, format!("{line}\n").as_bytes()).unwrap_err();
        let [fault] = faults.as_slice() else { panic!("{line}: {faults:?}") };
        let span = fault.spot.as_ref().unwrap().span;
        assert_eq!((span.line, span.column), (7, column), "{line}");
        assert_eq!(fault.message, format!("{name} is in this word"), "{line}");
    }
    // The same in ISO 8859-1, where it is one octet.
    let told = told(CONFIG, b"www\xa0A 192.0.2.1\n");
    assert!(told[0].contains("a no-break space (octet A0) is in this word"), "{told:?}");
    let config = POOL.replace("www.", "www\u{a0}.");
    let told = super::told(&config, b"");
    assert!(told[0].contains("a no-break space (U+00A0) is in it"), "{told:?}");
}

/// In a string it is a character as any other.
#[test]
fn strings_may_have_such_characters() {
    assert_eq!(told(CONFIG, "t TXT \"a\u{a0}b\" c\u{200b}\n".as_bytes()), [""; 0]);
}

/// The page and the API have the name as people write it, too.
#[test]
fn the_status_has_both_forms() {
    let loaded = load(POOL, b"").unwrap_or_else(|faults| panic!("{faults:?}"));
    let at = tiovivo::clock::now();
    let path = std::path::Path::new("config.yaml");
    let loaded =
        tiovivo::control::served_config::ServedConfig::build(&loaded.config, path, at).unwrap();
    assert_eq!(loaded.zones[0].unicode.as_deref(), Some("münchen.example"));
    let names = &loaded.unicode_names[0];
    assert_eq!(names["www.xn--mnchen-3ya.example"], "www.münchen.example");
    assert_eq!(names["xn--strae-oqa.xn--mnchen-3ya.example"], "straße.münchen.example");
}
