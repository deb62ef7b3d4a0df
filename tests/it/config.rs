//! Loading config.yaml: what is right loads as written, what is wrong is told all at once.
//!
//! `tests/configs/broken/NAME/` holds a configuration and `expected.txt`, what the operator sees
//! of it. `UPDATE_EXPECTED=1 cargo test --test it config::` writes the files anew.

mod own;
mod probes;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::Value;
use tiovivo::checks::checked::Probe;
use tiovivo::checks::mysql::checked::MysqlProbe;
use tiovivo::checks::raw::RawCheck;
use tiovivo::cli::faults;
use tiovivo::cluster::node::Role;
use tiovivo::cluster::pool::{Membership, Order, WhenShort};
use tiovivo::config::fault::Fault;
use tiovivo::config::load::LoadedConfig;
use tiovivo::config::raw::scalar::either;
use tiovivo::config::schema;
use tiovivo::config::{self, Config};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with a config.yaml and the zone of the examples.
fn folder(config: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let zone = "$TTL 1h\n@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns1\n@ NS ns2\n\
                ns1 A 192.0.2.53\nns2 A 198.51.100.53\n";
    fs::write(dir.path().join("config.yaml"), config).unwrap();
    fs::write(dir.path().join("zone"), zone).unwrap();
    dir
}

fn load(config: &str) -> Result<LoadedConfig, Vec<Fault>> {
    config::load::load(&folder(config).path().join("config.yaml"))
}

/// The faults without the folder.
fn faults_of(config: &str) -> Vec<String> {
    let dir = folder(config);
    let prefix = format!("{}/", dir.path().display());
    let faults = match config::load::load(&dir.path().join("config.yaml")) {
        Ok(loaded) => loaded.warnings,
        Err(faults) => faults,
    };
    faults.iter().map(|fault| fault.to_string().replace(&prefix, "")).collect()
}

fn loaded(config: &str) -> Config {
    load(config).unwrap_or_else(|faults| panic!("{}", faults::render(&faults, false))).config
}

const ZONES: &str = "zones: [{ apex: midominio.com, file: zone }]\n";

#[test]
fn the_example_loads_as_written() {
    let LoadedConfig { config, warnings } = config::load::load(&repository().join("config.yaml"))
        .unwrap_or_else(|faults| panic!("{}", faults::render(&faults, false)));
    assert_eq!(warnings, []);
    let Config {
        server,
        nodes,
        pools,
        published,
        zones,
        files,
        certificate: None,
        hooks,
        deployment: None,
    } = config
    else {
        panic!("a certificate")
    };

    assert_eq!(server.listen, ["127.0.0.1:5300", "[::1]:5300"].map(|a| a.parse().unwrap()));
    assert_eq!(server.state, repository().join("state"));
    assert_eq!((server.workers, server.nsid.as_deref()), (Some(2), Some("ns1")));
    assert_eq!(nodes.len(), 8);
    assert_eq!(hooks, []);
    assert_eq!(zones.len(), 1);
    assert_eq!(
        files,
        ["config.yaml", "zones/midominio.com.zone", "state/token"].map(|f| repository().join(f))
    );

    let [web, mother] = pools.as_slice() else { panic!("{pools:?}") };
    let members: Vec<&str> = web.membership.iter().map(|member| member.node.as_str()).collect();
    assert_eq!(members, ["server-2", "server-3", "server-4"]);
    assert!(web.membership.iter().all(|member| member.role == Role::Child));
    assert!(matches!(web.membership, Membership::Everyone(_)));
    let Probe::Http(http) = &web.checks.list()[0].check.probe else {
        panic!("{:?}", web.checks.list()[0].check)
    };
    assert_eq!((http.path.as_str(), http.expect.as_slice()), ("/health", &[(200, 200)][..]));
    assert_eq!(web.deep.as_ref().unwrap().every, Duration::from_secs(30));

    assert_eq!((mother.order, mother.ttl), (Order::Failover, 5));
    assert_eq!(
        mother.checks.list()[0].check.probe,
        Probe::Mysql(MysqlProbe { port: 3306, full_is_up: false })
    );
    let Membership::Only { clients, members } = &mother.membership else { panic!("{mother:?}") };
    assert!(clients.contains("10.77.0.18".parse().unwrap()));
    assert_eq!(members[0].addresses.v4(), Some("10.77.0.17".parse().unwrap()));
    let names: Vec<String> = published.iter().map(|p| p.owner.to_string()).collect();
    assert_eq!(names, ["midominio.com.", "www.midominio.com.", "madre.midominio.com."]);
}

#[test]
fn what_is_left_out_has_the_defaults_of_the_manual() {
    let config = loaded(&format!(
        "{ZONES}nodes: {{ a: {{ role: child, address: 192.0.2.1 }} }}\n\
         pools: {{ web: {{ names: [midominio.com], members: [a], check: {{ http: {{}} }}, \
         deep: {{ tcp: {{ port: 1 }} }} }} }}\n"
    ));
    assert_eq!(config.server.listen, ["0.0.0.0:53", "[::]:53"].map(|a| a.parse().unwrap()));
    assert_eq!(config.server.dashboard, Some("127.0.0.1:8053".parse().unwrap()));
    assert_eq!((config.server.workers, config.server.token_file), (None, None));
    let pool = &config.pools[0];
    assert_eq!((pool.ttl, pool.max_answers, pool.min_serving), (30, 8, 1));
    assert_eq!((pool.order, pool.when_short), (Order::Rotate, WhenShort::All));
    let seconds = |check: &tiovivo::cluster::check::Check| {
        (check.every.as_secs(), check.timeout.as_secs(), check.thresholds.forgive)
    };
    assert_eq!(seconds(&pool.checks.list()[0].check), (5, 2, 9));
    assert_eq!(
        (pool.checks.list()[0].check.thresholds.fall, pool.checks.list()[0].check.thresholds.rise),
        (3, 2)
    );
    assert_eq!(seconds(pool.deep.as_ref().unwrap()), (30, 5, 9));
    let Probe::Http(http) = &pool.checks.list()[0].check.probe else {
        panic!("{:?}", pool.checks.list()[0].check)
    };
    assert_eq!((http.port, http.path.as_str(), &http.host), (80, "/", &None));
}

#[test]
fn zones_alone_are_a_configuration() {
    let config = loaded(ZONES);
    assert_eq!((config.nodes.len(), config.pools.len(), config.zones.len()), (0, 0, 1));
}

#[test]
fn a_byte_order_mark_and_line_ends_of_windows_change_nothing() {
    let config =
        loaded(&format!("\u{feff}server: {{ nsid: a }}\r\n{}", ZONES.replace('\n', "\r\n")));
    assert_eq!(config.server.nsid.as_deref(), Some("a"));
}

#[test]
fn a_zone_that_our_zone_above_does_not_delegate_is_a_warning() {
    let zone = |apex: &str, more: &str| {
        format!(
            "$TTL 300\n@ IN SOA ns1.other.test. h.other.test. 1 14400 3600 1209600 300\n\
             @ IN NS ns1.other.test.\n@ IN NS ns2.other.test.\n{more}; {apex}\n"
        )
    };
    let warnings = |more: &str| {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), zone("a", more)).unwrap();
        fs::write(dir.path().join("q"), zone("q.y.a", "")).unwrap();
        let config = "server: { listen: [127.0.0.1:5300] }\n\
                      zones: [{ apex: a, file: a }, { apex: q.y.a, file: q }]\n";
        fs::write(dir.path().join("config.yaml"), config).unwrap();
        let loaded = config::load::load(&dir.path().join("config.yaml")).unwrap();
        loaded.warnings.into_iter().map(|fault| fault.message).collect::<Vec<_>>()
    };
    let told = warnings("");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("the zone a. does not delegate q.y.a."), "{told:?}");
    assert_eq!(warnings("q.y IN NS ns1.other.test.\n"), [""; 0]);
}

#[test]
fn a_dashboard_for_the_world_is_a_warning() {
    let told = faults_of(&format!("server: {{ dashboard: 0.0.0.0:8053 }}\n{ZONES}"));
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("config.yaml:1:22: warning: server.dashboard: "), "{told:?}");
    assert_eq!(loaded(&format!("server: {{ dashboard: off }}\n{ZONES}")).server.dashboard, None);
}

#[test]
fn a_token_that_everyone_may_read_is_refused() {
    let dir = folder(&format!("server: {{ token_file: token }}\n{ZONES}"));
    let config = dir.path().join("config.yaml");
    let token = dir.path().join("token");
    assert!(config::load::load(&config).is_ok(), "without the file the API is read-only");

    fs::write(&token, "s3cret").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let told = config::load::load(&config).unwrap_err()[0].to_string();
    let expected = format!(
        ":1:23: server.token_file: `token` may be read or written by others (mode 644); \
         run `chmod 600 {}`",
        token.display()
    );
    assert!(told.ends_with(&expected), "{told}");

    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(config::load::load(&config).is_ok());
    fs::write(&token, "").unwrap();
    assert!(config::load::load(&config).unwrap_err()[0].to_string().contains("`token` is empty"));
}

#[test]
fn a_missing_file_is_told_by_its_name() {
    let told = config::load::load(Path::new("none/config.yaml")).unwrap_err();
    assert_eq!(
        told[0].to_string(),
        "none/config.yaml: there is no such file; create it or mend the path"
    );
}

#[test]
fn ten_megabytes_of_nonsense_are_refused_soon() {
    let start = Instant::now();
    for piece in ["[{\"a\": ", "- ", "x", "a: b\n", "\t", "\u{0}", "&a *a "] {
        assert!(load(&piece.repeat((10 << 20) / piece.len())).is_err(), "{piece:?}");
        assert!(load(&piece.repeat((7 << 20) / piece.len())).is_err(), "{piece:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn thousands_of_nodes_and_thousands_of_faults_take_no_time() {
    const COUNT: usize = 8_000;
    let start = Instant::now();
    let config = |members: &str, node: &dyn Fn(usize) -> String| {
        let nodes: String = (0..COUNT).map(|n| format!("  n{n}: {{ {} }}\n", node(n))).collect();
        format!(
            "{ZONES}nodes:\n{nodes}pools:\n  p:\n    names: [midominio.com]\n    \
             members: {members}\n    check: {{ tcp: {{ port: 80 }} }}\n"
        )
    };
    let child = |n: usize| format!("role: child, address: 10.1.{}.{}", n / 250, n % 250);
    let right = config("{ role: child }", &child);
    assert_eq!(loaded(&right).pools[0].membership.len(), COUNT);

    let names: Vec<String> = (0..COUNT).map(|n| format!("x{n}")).collect();
    let unknown = config(&format!("[{}]", names.join(", ")), &child);
    let same = config("{ role: child }", &|_| "role: child, address: 10.1.1.1".into());
    let roleless = config("{ tag: a }", &|n| child(n).replace("role: child, ", ""));
    for wrong in [unknown, same, roleless] {
        let told = faults_of(&wrong);
        assert_eq!(told.len(), config::load::MAX_FAULTS + 1);
        assert!(told[config::load::MAX_FAULTS].ends_with("more faults"), "{:?}", told.last());
    }
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

/// In `expected.txt`, in place of the list of all kinds of check: a new kind changes none of them.
const KINDS: &str = "{KINDS}";

/// Each with its files as they lie there; `expected.txt` has no path of this machine in it.
#[test]
fn broken_configurations_are_told_as_expected() {
    let kinds = either(&RawCheck::keys());
    assert!(kinds.starts_with("http, https, tcp, ") && kinds.contains(", exec, "), "{kinds}");
    let broken = repository().join("tests/configs/broken");
    let mut names: Vec<PathBuf> =
        fs::read_dir(&broken).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 15, "{names:?}");
    let mut different = vec![];
    for folder in names {
        let prefix = format!("{}/", folder.display());
        let told = match config::load::load(&folder.join("config.yaml")) {
            Ok(loaded) => format!("loads\n{}", faults::render(&loaded.warnings, false)),
            Err(faults) => faults::render(&faults, false),
        };
        let told = told.replace(&prefix, "").replace(&kinds, KINDS);
        let file = folder.join("expected.txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&file, &told).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if told != expected {
            different.push(format!("{}\n{told}", folder.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn the_schema_of_the_repository_is_up_to_date() {
    let file = repository().join("config.schema.json");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&file, schema::json()).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(schema::json(), expected, "UPDATE_EXPECTED=1 writes config.schema.json anew");
}

#[test]
fn the_schema_knows_every_key_of_the_example() {
    let schema: Value = serde_json::from_str(&schema::json()).unwrap();
    let text = fs::read_to_string(repository().join("config.yaml")).unwrap();
    let example: Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(unknown(&schema, &schema, &example, "config"), [] as [String; 0]);
    let wrong = serde_json::json!({ "pools": { "web": { "check": { "htp": {} } } } });
    assert_eq!(unknown(&schema, &schema, &wrong, "config"), ["config.pools.web.check.htp"]);
}

#[test]
fn every_key_of_the_schema_is_read() {
    // Each property of each type is told as known when a wrong one stands beside it.
    let schema: Value = serde_json::from_str(&schema::json()).unwrap();
    let root = ["server", "zones", "pools", "nodes", "hooks", "deploy"];
    let told = faults_of("x: 1\n").join("\n");
    for key in schema["properties"].as_object().unwrap().keys() {
        assert!(root.contains(&key.as_str()) && told.contains(key.as_str()), "{key}");
    }
    let all = "server: { x: 1, controls: [{ x: 1 }], tls: { x: 1 }, https: { x: 1 }, quic: { x: 1 }, \
               certificate: { x: 1 } }\nzones: [{ x: 1 }]\nhooks: [{ x: 1, webhook: { x: 1 } }]\n\
               deploy: { x: 1, ssh: { x: 1 }, application: { x: 1, source: { x: 1 } }, database: { x: 1 }, fence: { x: 1 } }\nnodes: { n: { x: 1, check: { http: { x: 1 } } } }\npools: { p: { x: 1, \
               members: { x: 1 }, https: { x: 1 }, when_short: { x: 1 }, min_serving: { x: 1 }, damping: { x: 1 }, \
               check: { x: 1, KINDS } } }\n";
    let kinds = RawCheck::keys().into_iter().map(|kind| match kind {
        "http" => "http: { x: 1, json: [{ x: 1 }] }".to_owned(),
        "redis" => "redis: { x: 1, tls: { x: 1 } }".to_owned(),
        kind => format!("{kind}: {{ x: 1 }}"),
    });
    let kinds: Vec<String> = kinds.collect();
    let told = faults_of(&all.replace("KINDS", &kinds.join(", ")));
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        let mut keys: Vec<&str> =
            definition["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        let known = |line: &&String| {
            let Some((_, known)) = line.split_once("known here: ") else { return false };
            let mut known: Vec<&str> = known.split(", ").collect();
            known.sort_unstable();
            known == keys
        };
        assert!(told.iter().any(|line| known(&line)), "{name}: {keys:?}\n{told:#?}");
    }
}

/// Paths of keys that the schema does not name.
fn unknown(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/").unwrap();
        return unknown(root, root.pointer(&format!("/{name}")).unwrap(), value, path);
    }
    if let Some(variants) = schema["anyOf"].as_array() {
        let each = variants.iter().map(|variant| unknown(root, variant, value, path));
        return each.min_by_key(Vec::len).unwrap_or_default();
    }
    match value {
        Value::Object(entries) => entries
            .iter()
            .flat_map(|(key, value)| {
                let path = format!("{path}.{key}");
                match (&schema["properties"][key], &schema["additionalProperties"]) {
                    (Value::Null, Value::Object(_)) => {
                        unknown(root, &schema["additionalProperties"], value, &path)
                    }
                    (Value::Null, _) => vec![path],
                    (property, _) => unknown(root, property, value, &path),
                }
            })
            .collect(),
        Value::Array(items) => {
            items.iter().flat_map(|item| unknown(root, &schema["items"], item, path)).collect()
        }
        _ => vec![],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_is_loaded_or_refused(text in "\\PC{0,200}") {
        let _ = load(&text);
    }

    /// Pieces of a real configuration in any order reach deeper than noise does.
    #[test]
    fn any_shuffled_configuration_is_loaded_or_refused(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40),
    ) {
        if let Err(faults) = load(&pieces.concat()) {
            prop_assert!(!faults.is_empty());
            faults::render(&faults, false);
        }
    }
}

const PIECES: &[&str] = &[
    "server:",
    "zones:",
    "pools:",
    "nodes:",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "apex: ",
    "file: zone",
    "midominio.com",
    " web: ",
    "names: ",
    "members: ",
    "role: ",
    "child",
    "mother",
    "address: ",
    "192.0.2.1",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "check: ",
    "http: ",
    "every: 1s",
    "a: ",
    "\"",
    "'",
    "#",
    "&x ",
    "*x",
    "!t ",
    "|\n",
    "? ",
    ": ",
    "\t",
    "---\n",
    "ñ",
    "\r\n",
    "0",
    "clients: ",
    "~",
];
