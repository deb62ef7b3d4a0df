//! The pages say what the program does: their commands are run, their configuration is loaded, and
//! their tables have every key, option, path and metric, and no others.

mod demo;
mod pages;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::readme::demo::{Demo, sorted};
use crate::readme::pages::{PAGES, Step, anchors, blocks, code, links, page, prose, rows, steps};

const MAX_WIDTH: usize = 100;
/// A killed child is out within a second and a half, unless the machine is busy.
const OUT_LIMIT: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

fn tiovivo(arguments: &[&str], folder: &Path) -> Output {
    let binary = env!("CARGO_BIN_EXE_tiovivo");
    Command::new(binary).args(arguments).current_dir(folder).output().unwrap()
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn set<T: Into<String>>(items: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    items.into_iter().map(Into::into).collect()
}

/// One demo for all that needs one: two that start together look for the same free ports.
#[test]
fn the_demo_does_what_the_pages_say() {
    let demo = Demo::start();
    let mut digs = 0;
    for Step { command, output } in steps(&page("README.md")) {
        let words: Vec<&str> = command.split(' ').collect();
        match words[..] {
            ["dig", "@127.0.0.1", "-p", "5300", name, "+noall", "+answer"] => {
                digs += 1;
                let expected = sorted(output.iter().map(String::as_str));
                let end = Instant::now() + OUT_LIMIT;
                while demo.answer(name, "A") != expected && Instant::now() < end {
                    std::thread::sleep(LOOK);
                }
                assert_eq!(demo.answer(name, "A"), expected, "{command}");
            }
            ["kill", _] => demo.kill_server_3(),
            ["cargo", "run", "--release", "--", ref order @ .., "--config", _] => {
                let said = demo.order(order);
                // All but the moment.
                let shown = output[0].split(" 20").next().unwrap();
                assert!(said.lines().any(|line| line.starts_with(shown)), "{command}: {said}");
            }
            _ => {}
        }
    }
    assert!(digs >= 3);
    paths_answer(&demo);
    metrics_are_listed(&demo);
}

fn paths_answer(demo: &Demo) {
    let page = page("docs/operations.md");
    let paths: Vec<String> = rows(&page, "## HTTP").iter().map(|row| row[0].clone()).collect();
    for path in paths.iter().flat_map(|cell| code(cell)) {
        let reply = demo.get(path);
        assert!(reply.starts_with("HTTP/1.1 200 "), "{path}: {reply}");
    }
    for route in ["/", "/api/v1/status", "/metrics", "/livez", "/readyz"] {
        assert!(paths.contains(&format!("`{route}`")), "{route} is not in docs/operations.md");
    }
}

fn metrics_are_listed(demo: &Demo) {
    let text = demo.get("/metrics");
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names = families.map(|family| match family.split_once(' ').unwrap() {
        (name, "counter") => format!("{name}_total"),
        (name, "info") => format!("{name}_info"),
        (name, _) => name.to_owned(),
    });
    let mut listed = rows(&page("docs/operations.md"), "## Metrics");
    // The demo has no hooks and no TLS, and its nodes have one address and do not say how loaded
    // they are.
    let elsewhere = [
        "`tiovivo_hook_",
        "`tiovivo_check_load_",
        "`tiovivo_check_certificate_",
        "`tiovivo_member_family_",
    ];
    listed.retain(|row| !elsewhere.iter().any(|start| row[0].starts_with(start)));
    assert_eq!(set(listed.iter().map(|row| row[0].trim_matches('`'))), set(names));
}

/// Lines that are shown come in this order; others may stand between them.
fn assert_shows(command: &str, shown: &[String], got: &Output) {
    let got = format!("{}{}", text(&got.stdout), text(&got.stderr));
    let mut lines = got.lines();
    for line in shown {
        assert!(lines.any(|other| other.trim_end() == line), "{command}: {line:?} in\n{got}");
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[test]
fn commands_print_what_is_shown() {
    let mut run = 0;
    for file in ["README.md", "docs/install.md", "docs/operations.md", "docs/simulate.md"] {
        let mut last = None;
        for Step { command, output } in steps(&page(file)) {
            let words: Vec<&str> = command.split(' ').collect();
            match words[..] {
                ["tiovivo", ref arguments @ ..] => {
                    let got = tiovivo(arguments, repository());
                    assert_shows(&command, &output, &got);
                    last = got.status.code();
                    run += 1;
                }
                ["echo", "$?"] => {
                    assert_eq!(last.map(|code| code.to_string()), output.first().cloned());
                }
                _ => last = None,
            }
        }
    }
    assert!(run >= 8);
}

#[test]
fn every_command_and_option_is_listed() {
    let page = page("docs/operations.md");
    let cells = rows(&page, "## Commands");
    let help = |arguments: &[&str]| text(&tiovivo(arguments, repository()).stdout);
    let main = help(&["--help"]);
    let commands = main.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let commands: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    let mut options = options(&main);
    for command in commands.iter().filter(|command| **command != "help") {
        options.extend(self::options(&help(&[command, "--help"])));
    }
    options.extend(self::options(&help(&["token", "new", "--help"])));
    let listed: Vec<&str> = cells.iter().flat_map(|row| code(&row[0])).collect();
    let flags = listed.iter().filter(|word| word.starts_with('-'));
    assert_eq!(set(flags.copied()), options);
    let words = listed.iter().filter(|word| !word.starts_with('-'));
    assert_eq!(set(words.copied()), set(commands));
}

/// The options that a help text defines.
fn options(help: &str) -> BTreeSet<String> {
    let lines = help.lines().filter(|line| line.trim_start().starts_with('-'));
    let words = lines.flat_map(|line| line.trim_start().split("  ").take(1));
    set(words.flat_map(|line| line.split([' ', ','])).filter(|word| word.starts_with('-')))
}

#[test]
fn the_configuration_of_the_first_screen_loads() {
    let page = page("README.md");
    let [ref config] = blocks(&page, "yaml")[..] else { panic!("one block of yaml") };
    let [ref zone] = blocks(&page, "zone")[..] else { panic!("one zone file") };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("zones")).unwrap();
    std::fs::write(folder.path().join("config.yaml"), config.join("\n")).unwrap();
    let file = folder.path().join("zones/midominio.com.zone");
    std::fs::write(file, zone.join("\n") + "\n").unwrap();
    let got = tiovivo(&["check"], folder.path());
    assert_eq!((got.status.code(), text(&got.stderr)), (Some(0), String::new()));
    let table = sorted(text(&got.stdout).lines());
    let row = "www.midominio.com. A 192.0.2.18 192.0.2.19 192.0.2.19 192.0.2.18 192.0.2.19";
    assert!(table.iter().any(|line| line == row), "{table:#?}");
}

/// Key, default, whether it is required and its bounds, of every section.
#[test]
fn every_key_is_in_the_tables_and_no_other() {
    let page = page("docs/configuration.md");
    let schema: Value = serde_json::from_str(&pages::page("config.schema.json")).unwrap();
    let mut sections = vec![("config.yaml".to_owned(), &schema)];
    let named = schema["$defs"].as_object().unwrap();
    sections.extend(named.iter().map(|(name, section)| (name.clone(), section)));
    for (name, section) in sections {
        let rows = rows(&page, &format!("### `{name}`"));
        let listed = rows.iter().map(|row| row[0].trim_matches('`'));
        let properties = section["properties"].as_object().unwrap();
        assert_eq!(set(listed), set(properties.keys()), "keys of {name}");
        for row in &rows {
            let key = row[0].trim_matches('`');
            let (path, property) = (format!("{name}.{key}"), &properties[key]);
            let required = section["required"].as_array();
            let required = required.is_some_and(|keys| keys.contains(&Value::from(key)));
            assert_eq!(row[2] == "required", required, "{path}: required");
            check_default(&path, &row[2], property);
            check_bounds(&path, &row[3], property);
        }
    }
}

fn check_default(path: &str, cell: &str, property: &Value) {
    let Some(default) = property.get("default").filter(|default| !default.is_object()) else {
        return;
    };
    let plain = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let written = plain(default).replace(',', ", ");
    assert_eq!(code(cell).first(), Some(&written.as_str()), "{path}: default");
}

fn check_bounds(path: &str, cell: &str, property: &Value) {
    let (Some(least), Some(most)) = (property.get("minimum"), property.get("maximum")) else {
        return;
    };
    assert!(cell.starts_with(&format!("{least} to {most}")), "{path}: {least} to {most}");
}

#[test]
fn symptoms_are_what_the_program_says() {
    let mut source = String::new();
    let mut folders = vec![repository().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(path) {
                source.push_str(&text);
            }
        }
    }
    // Numbers and words that the program fills in stand behind these.
    let filled = |symptom: &str| match symptom {
        "HTTP 301, expected 200" => "HTTP {got}, expected {expected}".to_owned(),
        "MySQL error 1129:" => "MySQL error {code}:".to_owned(),
        symptom => symptom.to_owned(),
    };
    let rows = rows(&page("docs/troubleshooting.md"), "## Symptoms");
    for symptom in rows.iter().flat_map(|row| code(&row[0])) {
        assert!(source.contains(&filled(symptom)), "nobody says {symptom:?}");
    }
}

#[test]
fn links_lead_somewhere() {
    for from in PAGES {
        let folder = repository().join(from);
        let folder = folder.parent().unwrap();
        for link in links(&page(from)) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let file = if path.is_empty() { repository().join(from) } else { folder.join(path) };
            assert!(file.exists(), "{from}: {link}");
            if !anchor.is_empty() {
                let there = anchors(&std::fs::read_to_string(file).unwrap());
                assert!(there.iter().any(|known| known == anchor), "{from}: {link}: {there:?}");
            }
        }
    }
}

#[test]
fn prose_is_not_wider_than_the_source() {
    let wide = [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "bench/README.md",
        "docs/simulate.md",
    ];
    let is_wide = |file: &&str| wide.contains(file) || file.starts_with("docs/cluster/");
    for file in PAGES.into_iter().filter(|file| !is_wide(file)) {
        let page = page(file);
        for (number, line) in prose(&page) {
            let width = line.chars().count();
            assert!(width <= MAX_WIDTH || line.starts_with('|'), "{file}:{number}: {width}");
        }
    }
}

#[test]
fn the_changelog_knows_this_version() {
    let version = concat!("## [", env!("CARGO_PKG_VERSION"), "]");
    assert!(page("CHANGELOG.md").lines().any(|line| line.starts_with(version)), "{version}");
}

/// ARCHITECTURE.md and CONTRIBUTING.md name files of the source: a file that moved is named anew.
#[test]
fn files_that_are_named_are_there() {
    for from in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let page = page(from);
        let named = code(&page).into_iter().filter(|name| {
            let is_path = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_/.-".contains(&b));
            is_path && name.contains('/') && (name.ends_with(".rs") || name.ends_with('/'))
        });
        for name in named {
            let is_there = |base: &str| repository().join(base).join(name).exists();
            assert!(is_there("") || is_there("src"), "{from}: there is no {name}");
        }
    }
}

#[test]
fn each_decision_has_its_line_and_its_page() {
    let listed: BTreeSet<String> = links(&page("ARCHITECTURE.md"))
        .into_iter()
        .filter(|to| to.contains("decisions/"))
        .collect();
    let folder = std::fs::read_dir(repository().join("docs/decisions")).unwrap();
    let there = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<String> = there.map(|name| format!("docs/decisions/{name}")).collect();
    assert_eq!(listed, there);
}
