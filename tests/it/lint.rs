//! What `tiovivo check` warns of: a zone that loads, and does not do what its author meant.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;
use tiovivo::control::served_config::{ServedConfig, serial_warnings};

const HEAD: &str = "$TTL 1h\n@ SOA ns1 hostmaster 1 4h 1h 2w 5m\n@ NS ns1\nns1 A 192.0.2.53\n";
/// Of the other zone that is served here.
const DELEGATION: &str = "sub NS ns1.sub\nns1.sub A 192.0.2.53\n";
const CONFIG: &str = "
server: { listen: [127.0.0.1:0], dashboard: off }
zones:
  - { apex: example.org, file: zone }
  - { apex: sub.example.org, file: sub }
pools:
  web:
    names: [www.example.org, cdn.example.org]
    members: { role: child }
    check: { tcp: { port: 80 } }
nodes: { server-2: { role: child, address: 192.0.2.18 } }
";

/// A folder in which the zone example.org has these lines behind its SOA, NS and address.
fn site(lines: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.yaml"), CONFIG).unwrap();
    fs::write(folder.path().join("zone"), format!("{HEAD}{lines}{DELEGATION}")).unwrap();
    fs::write(folder.path().join("sub"), format!("{HEAD}host A 192.0.2.1\n")).unwrap();
    folder
}

/// Each warning on a line: `zone:5: message; help`.
fn warnings(lines: &str) -> Vec<String> {
    let folder = site(lines);
    let loaded = tiovivo::config::load::load(&folder.path().join("config.yaml"));
    let loaded = loaded.unwrap_or_else(|faults| panic!("{faults:#?}"));
    let told = |fault: &tiovivo::config::fault::Fault| {
        let line = fault.spot.as_ref().unwrap().span.line;
        format!("{line}: {}; {}", fault.message, fault.help.as_deref().unwrap())
    };
    loaded.warnings.iter().map(told).collect()
}

#[track_caller]
fn warns(line: &str, parts: &[&str]) {
    let told = warnings(line);
    assert_eq!(told.len(), 1, "{line}: {told:#?}");
    assert!(parts.iter().all(|part| told[0].contains(part)), "{parts:?} in {}", told[0]);
}

#[test]
fn a_target_that_the_zone_lacks_is_told_with_its_line_and_cure() {
    warns(
        "@ MX 10 mail.example.org\n",
        &[
            "5: the target mail.example.org.example.org. of this MX is not in the zone",
            "write mail.example.org. with the final dot",
        ],
    );
    warns("@ MX 10 aspmx.l.google.com\n", &["write aspmx.l.google.com. with the final dot"]);
    warns("@ MX 10 mail\n", &["write mail.example.org. IN A with its address"]);
    warns("_sip._tcp SRV 0 0 5060 sip\n", &["the target sip.example.org. of this SRV"]);
    warns("a CNAME nobody\n", &["the target nobody.example.org. of this CNAME"]);
    warns("a CNAME cdn.example.net\n", &["write cdn.example.net. with the final dot"]);
    warns("@ MX 10 ns9.sub.example.org.\n", &["not in the zone sub.example.org."]);
    warns("@ MX 10 text\ntext TXT x\n", &["has neither A nor AAAA"]);
}

#[test]
fn a_target_that_can_be_reached_is_none() {
    let lines = "
@ MX 10 mail.example.net.
@ MX 20 ns1
@ MX 30 www
@ MX 40 a.wild
@ MX 50 host.sub.example.org.
@ MX 60 beyond.cut
null MX 0 .
none SRV 0 0 0 .
a CNAME www
b CNAME cdn
c CNAME deep.under.wild
d CNAME text
e CNAME a.gone
f CNAME example.net.
g CNAME ns1
text TXT x
*.wild A 192.0.2.1
cut NS ns.example.net.
gone DNAME example.net.
ns2 NS ns1
";
    assert_eq!(warnings(lines), [] as [String; 0]);
}

#[test]
fn policies_that_receivers_cannot_read_are_told() {
    warns("@ TXT v=spf1 mx -all\n", &["5: ", "in one pair of quotes: \"v=spf1 mx -all\""]);
    warns("@ TXT \"v=spf1 ipv4:192.0.2.1 -all\"\n", &["`ipv4:192.0.2.1`", "write ip4:"]);
    warns("@ TXT \"v=spf1 -all\"\n@ TXT \"v=spf1 mx -all\"\n", &["6: a second SPF record"]);
    warns("_dmarc TXT v=DMARC1; p=none\n", &["has no `p`", "quotes"]);
    warns("_dmarc TXT \"v=DMARC1; p=none; rua=a@example.org\"\n", &["mailto:"]);
    let cut = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkM";
    warns(&format!("s1._domainkey TXT \"v=DKIM1; k=rsa; p={cut}\"\n"), &["cut off"]);
    warns("s1._domainkey TXT v=DKIM1; k=rsa; p=MIGf\n", &["has no `p`", "quotes"]);
    let lines = "
@ TXT \"v=spf1 mx include:_spf.example.net \" \"~all\"
@ TXT \"google-site-verification=x\"
_dmarc TXT \"v=DMARC1; p=reject; rua=mailto:dmarc@example.org\"
other.example._report._dmarc TXT \"v=DMARC1\"
s1._domainkey TXT \"v=DKIM1; k=ed25519; \" \"p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"
*._domainkey TXT \"v=DKIM1; p=\"
_domainkey TXT \"o=~\"
";
    assert_eq!(warnings(lines), [] as [String; 0]);
}

#[test]
fn the_mail_address_of_the_soa_has_no_at() {
    let folder = site("");
    let zone = HEAD.replace("hostmaster", "hostmaster@example.org.") + DELEGATION;
    fs::write(folder.path().join("zone"), zone).unwrap();
    let loaded = tiovivo::config::load::load(&folder.path().join("config.yaml")).unwrap();
    let [warning] = &loaded.warnings[..] else { panic!("{:#?}", loaded.warnings) };
    assert!(warning.message.contains("`hostmaster@example`"), "{warning}");
}

fn check(folder: &TempDir, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiovivo"));
    command.arg("check").args(args).current_dir(folder.path());
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn check_counts_warnings_in_its_last_line_and_refuses_them_when_strict() {
    let folder = site("@ MX 10 mail.example.org\n_dmarc TXT v=DMARC1; p=none\n");
    let (code, table, told) = check(&folder, &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(table.ends_with("2 zones; TTLs as configured; 2 warnings\n"), "{table}");
    assert!(told.contains("warning: ") && told.contains("zone:5:1"), "{told}");
    assert!(told.ends_with("2 warnings\n"), "{told}");
    let (code, table, told) = check(&folder, &["--strict"]);
    assert_eq!((code, table.as_str()), (Some(2), ""));
    assert!(told.contains("error: ") && told.ends_with("2 errors\n"), "{told}");
    let clean = site("");
    let (code, table, told) = check(&clean, &["--strict"]);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    assert!(table.ends_with("TTLs as configured\n"), "{table}");
}

/// What a reload says of the zone when it had these lines, and has those.
fn after_reload(before: &str, after: &str) -> Vec<String> {
    let folder = site("");
    let load = |zone: &str| {
        fs::write(folder.path().join("zone"), zone).unwrap();
        let path = folder.path().join("config.yaml");
        let config = tiovivo::config::load::load(&path).unwrap().config;
        ServedConfig::build(&config, &path, tiovivo::clock::now()).unwrap()
    };
    serial_warnings(&load(before), &load(after))
}

#[test]
fn a_zone_that_changes_without_a_new_serial_is_told_of_at_the_reload() {
    let zone = |serial: u32, lines: &str| {
        format!("{}{lines}", HEAD.replace(" 1 4h", &format!(" {serial} 4h")))
    };
    let told = after_reload(&zone(7, "a A 192.0.2.1\n"), &zone(7, "a A 192.0.2.2\n"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("zone example.org: its records changed and its serial 7 did not"));
    let told = after_reload(&zone(7, ""), &zone(7, "a 60 A 192.0.2.1\n"));
    assert_eq!(told.len(), 1, "{told:?}");
    let told = after_reload(&zone(7, ""), &zone(6, ""));
    assert!(told[0].contains("went back from 7 to 6"), "{told:?}");
    // Another order, letter case of an owner, a comment; and a serial that rises, also around 0.
    let (a, b) = ("a A 192.0.2.1\nb A 192.0.2.2\n", "B A 192.0.2.2 ; x\na A 192.0.2.1\n");
    assert_eq!(after_reload(&zone(7, a), &zone(7, b)), [] as [String; 0]);
    assert_eq!(after_reload(&zone(7, a), &zone(8, "")), [] as [String; 0]);
    assert_eq!(after_reload(&zone(u32::MAX, a), &zone(3, "")), [] as [String; 0]);
}
