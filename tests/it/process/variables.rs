//! Values of config.yaml that stand in the environment, and parts that are written once.

use std::fs;
use std::process::{Command, Output};

use crate::process::server::BINARY;

const ZONE: &str = "$TTL 1h\n@ SOA ns1 h 1 4h 1h 2w 5m\n@ NS ns1\nns1 A 192.0.2.53\n";
const CONFIG: &str = "
x-check: &check { every: !env EVERY, timeout: 1s, tcp: { port: !env PORT } }
server: { listen: [!env LISTEN], nsid: !env NSID, dashboard: off }
zones: [{ apex: example.org, file: zone }]
pools:
  web: { names: [www.example.org], members: [server-2], check: *check }
  img: { names: [img.example.org], members: [server-3], check: { <<: *check, fall: 5 } }
nodes:
  server-2: &node { role: child, address: 192.0.2.18 }
  server-3: { <<: *node, address: 192.0.2.19 }
";

fn check(variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.yaml"), CONFIG).unwrap();
    fs::write(folder.path().join("zone"), ZONE).unwrap();
    let mut command = Command::new(BINARY);
    command.arg("check").current_dir(folder.path()).env_clear().envs(variables.iter().copied());
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn anchors_and_variables_make_a_whole_configuration() {
    let good = [("EVERY", "10s"), ("PORT", "8080"), ("LISTEN", "127.0.0.1:5353"), ("NSID", "ns1")];
    let (code, table, told) = check(&good);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    assert!(table.contains("img.example.org.  A     192.0.2.19"), "{table}");
}

#[test]
fn a_secret_in_a_wrong_place_is_not_shown_and_an_unset_variable_has_its_line() {
    let secret = "s3cret-of-somebody";
    let of = |name: &str| format!("{secret}-{name}");
    let [every, port, listen] = ["every", "port", "listen"].map(of);
    let wrong = [("EVERY", &*every), ("PORT", &*port), ("LISTEN", &*listen)];
    let (code, _, told) = check(&wrong);
    assert_eq!(code, Some(2));
    assert!(!told.contains("s3cret"), "{told}");
    assert!(told.contains("`!env EVERY` is no duration"), "{told}");
    assert!(told.contains("`!env PORT` is no whole number"), "{told}");
    assert!(told.contains("the environment variable NSID is not set"), "{told}");
    assert!(told.contains("config.yaml:3:"), "{told}");
    // A fault of the anchor's value is told once, whoever takes the value over.
    assert_eq!(told.matches("is no duration").count(), 1, "{told}");
    assert!(told.ends_with("4 errors\n"), "{told}");
}
