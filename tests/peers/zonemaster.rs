//! A registrar's view: zonemaster judges the delegation of the sample zone, from a made-up root.
//!
//! Everything runs in a network namespace of its own, whose loopback has a few public-looking
//! addresses: the root, a TLD and two name servers of ours, each in a prefix of its own. Nothing
//! of it can reach any network. The zone is the repository's, but for the addresses: zonemaster
//! rightly refuses the documentation prefixes (RFC 5737).

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Command, Output};

use tiovivo::zone::name::Name;

use crate::server::{Peer, Server, ZoneFile, program};

/// Set in the namespace, so that nothing here ever adds addresses to a real host.
const INSIDE: &str = "TIOVIVO_PEERS_NAMESPACE";
const ROOT: [&str; 2] = ["11.0.1.53", "12.0.1.53"];
const TLD: [&str; 2] = ["13.0.1.53", "14.0.1.53"];
const OURS: [&str; 2] = ["15.0.1.53", "16.0.1.53"];
/// What the sample zone has in the place of `OURS`.
const SAMPLE: [&str; 2] = ["192.0.2.53", "198.51.100.53"];
const APEX: &str = "midominio.com";
/// From harmless to grave; `NOTICE` is the gravest that passes.
const PASSING: [&str; 6] = ["DEBUG3", "DEBUG2", "DEBUG", "INFO", "NOTICE", "STATUS"];

#[test]
fn zonemaster_has_nothing_to_warn_of() {
    let own = std::env::current_exe().expect("this test");
    // The superuser needs no user namespace, which some machines forbid.
    let alone = Command::new(program("unshare")).args(["-n", "true"]).output().expect("it runs");
    let unshare = if alone.status.success() { "-n" } else { "-rn" };
    let output = Command::new(program("unshare"))
        .args([unshare, "--"])
        .arg(own)
        .args(["--exact", "zonemaster::in_the_namespace", "--ignored", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare runs");
    print!("{}", text(&output));
    assert!(output.status.success(), "see above");
}

#[test]
#[ignore = "zonemaster_has_nothing_to_warn_of starts it in a network namespace"]
fn in_the_namespace() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    ip(&["link", "set", "lo", "up"]);
    for address in [ROOT, TLD, OURS].concat() {
        ip(&["address", "add", &format!("{address}/32"), "dev", "lo"]);
    }
    let _root = Server::start_at(Peer::Knot, &at(&ROOT), &[root()]);
    let _tld = Server::start_at(Peer::Knot, &at(&TLD), &[com(), networks()]);
    let sample = [sample()];
    let _first = Server::start_at(Peer::Tiovivo, &at(&OURS[..1]), &sample);
    let _second = Server::start_at(Peer::Tiovivo, &at(&OURS[1..]), &sample);
    let grave = judge();
    assert!(grave.is_empty(), "zonemaster warns:\n{}", grave.join("\n"));
}

/// Runs zonemaster; the messages above NOTICE.
fn judge() -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let hints = folder.path().join("hints");
    fs::write(&hints, root_servers()).expect("hints");
    let output = Command::new(program("zonemaster-cli"))
        .args(["--json", "--raw", "--no-progress", "--no-ipv6", "--level=INFO", "--hints"])
        .arg(&hints)
        .arg(APEX)
        .output()
        .expect("zonemaster-cli runs");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|fault| panic!("{fault}: {}", text(&output)));
    // Later versions put the list into an object.
    let messages = report.get("results").unwrap_or(&report).as_array().expect("a list");
    let level = |message: &serde_json::Value| message["level"].as_str().unwrap_or("?").to_owned();
    let passing = |message: &&serde_json::Value| PASSING.contains(&level(message).as_str());
    let (passing, grave): (Vec<_>, Vec<_>) = messages.iter().partition(passing);
    for message in passing.iter().filter(|message| level(message) == "NOTICE") {
        println!("zonemaster: {message}");
    }
    assert!(messages.len() > 50, "zonemaster gave up early: {report}");
    println!("zonemaster: {} messages, {} above NOTICE", messages.len(), grave.len());
    grave.iter().map(ToString::to_string).collect()
}

fn at(addresses: &[&str]) -> Vec<SocketAddr> {
    let parse = |text: &&str| SocketAddr::new(text.parse::<IpAddr>().expect("an address"), 53);
    addresses.iter().map(parse).collect()
}

fn ip(arguments: &[&str]) {
    let output = Command::new(program("ip")).args(arguments).output().expect("ip runs");
    assert!(output.status.success(), "ip {arguments:?}: {}", text(&output));
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn zone(apex: &str, records: &str) -> ZoneFile {
    let soa =
        format!("@ IN SOA a.nic.com. h.nic.com. 2026112201 14400 3600 1209600 300\n{records}");
    ZoneFile { apex: Name::parse(apex).expect("a name"), text: format!("$TTL 3600\n{soa}") }
}

fn root_servers() -> String {
    let [first, second] = ROOT;
    format!(
        ". 3600 IN NS a.root-servers.net.\n. 3600 IN NS b.root-servers.net.\n\
         a.root-servers.net. 3600 IN A {first}\nb.root-servers.net. 3600 IN A {second}\n"
    )
}

/// The root, with the reverse tree in it.
fn root() -> ZoneFile {
    let [first, second] = TLD;
    let mut records = root_servers();
    for delegated in ["com.", "asnlookup.zonemaster.net."] {
        records += &format!("{delegated} IN NS a.nic.com.\n{delegated} IN NS b.nic.com.\n");
    }
    records += &format!("a.nic.com. IN A {first}\nb.nic.com. IN A {second}\n");
    for (address, name) in OURS.iter().zip(["ns1", "ns2"]) {
        records += &format!("{}.in-addr.arpa. IN PTR {name}.{APEX}.\n", reversed(address));
    }
    zone(".", &records)
}

/// The parent of our zone.
fn com() -> ZoneFile {
    let ([first, second], [one, two]) = (TLD, OURS);
    zone(
        "com",
        &format!(
            "@ IN NS a.nic.com.\n@ IN NS b.nic.com.\na.nic IN A {first}\nb.nic IN A {second}\n\
             {APEX}. IN NS ns1.{APEX}.\n{APEX}. IN NS ns2.{APEX}.\n\
             ns1.{APEX}. IN A {one}\nns2.{APEX}. IN A {two}\n"
        ),
    )
}

/// Where zonemaster learns which network an address belongs to.
fn networks() -> ZoneFile {
    let mut records = "@ IN NS a.nic.com.\n@ IN NS b.nic.com.\n".to_owned();
    for (number, address) in OURS.iter().enumerate() {
        let prefix = address.trim_end_matches("53");
        let origin = format!("{}.origin", reversed(address));
        records += &format!("{origin} IN TXT \"6450{number} | {prefix}0/24 | ES | ripencc |\"\n");
    }
    zone("asnlookup.zonemaster.net", &records)
}

fn sample() -> ZoneFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("zones/{APEX}.zone"));
    let mut text = fs::read_to_string(path).expect("the sample zone");
    for (sample, ours) in SAMPLE.iter().zip(OURS) {
        text = text.replace(sample, ours);
    }
    ZoneFile { apex: Name::parse(APEX).expect("a name"), text }
}

fn reversed(address: &str) -> String {
    address.split('.').rev().collect::<Vec<_>>().join(".")
}
