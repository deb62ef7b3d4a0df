//! The pages of the project, taken apart: fenced blocks, rows of tables, headings, links.

use std::path::Path;

pub const PAGES: [&str; 31] = [
    "README.md",
    "docs/answers.md",
    "docs/delegate.md",
    "docs/glossary.md",
    "docs/health-checks.md",
    "docs/health.md",
    "docs/install.md",
    "docs/overrides.md",
    "docs/troubleshooting.md",
    "docs/cluster/README.md",
    "docs/cluster/any-django-project.md",
    "docs/cluster/backup.md",
    "docs/cluster/everyday.md",
    "docs/cluster/failover.md",
    "docs/cluster/lab.md",
    "docs/cluster/machines.md",
    "docs/cluster/nodes.md",
    "docs/cluster/promote.md",
    "docs/cluster/rejoin.md",
    "docs/cluster/release.md",
    "docs/cluster/rollback.md",
    "docs/cluster/up.md",
    "docs/configuration.md",
    "docs/operations.md",
    "docs/simulate.md",
    "docs/capacity.md",
    "bench/README.md",
    "CHANGELOG.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
];

pub fn page(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines of every block that is fenced as `kind`.
pub fn blocks(text: &str, kind: &str) -> Vec<Vec<String>> {
    let mut blocks = vec![];
    let mut open: Option<(bool, Vec<String>)> = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => {
                let (wanted, lines) = open.take().unwrap();
                blocks.extend(wanted.then_some(lines));
            }
            (Some(said), None) => open = Some((said == kind, vec![])),
            (None, Some((_, lines))) => lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is open at the end");
    blocks
}

/// The lines outside of fences, with their numbers from 1.
pub fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = vec![];
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// `$ command` and what it prints.
#[derive(Debug)]
pub struct Step {
    pub command: String,
    pub output: Vec<String>,
}

pub fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = vec![];
    for line in blocks(text, "console").concat() {
        match line.strip_prefix("$ ") {
            Some(command) => steps.push(Step { command: command.to_owned(), output: vec![] }),
            None => steps.last_mut().expect("a command comes first").output.push(line),
        }
    }
    steps
}

/// The cells of the tables below a heading, up to the next one; without the tables' heads.
pub fn rows(text: &str, heading: &str) -> Vec<Vec<String>> {
    let mut below = false;
    let mut rows: Vec<Vec<String>> = vec![];
    for (_, line) in prose(text) {
        if line.starts_with('#') {
            below = line == heading;
        } else if below && line.starts_with("|--") {
            rows.pop();
        } else if below && line.starts_with('|') {
            let cells = line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
            rows.push(cells.collect());
        }
    }
    assert!(!rows.is_empty(), "no table below {heading:?}");
    rows
}

/// What stands between backticks.
pub fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The targets of links, but for those that lead out of the repository.
pub fn links(text: &str) -> Vec<String> {
    let mut links = vec![];
    for (_, line) in prose(text) {
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            let target = &rest[..rest.find(')').unwrap_or(rest.len())];
            if !target.contains("://") {
                links.push(target.to_owned());
            }
        }
    }
    links
}

/// Headings as links name them: lower case, a hyphen for each blank, no other signs.
pub fn anchors(text: &str) -> Vec<String> {
    let lines = prose(text).into_iter().map(|(_, line)| line);
    let titles = lines.filter(|line| line.starts_with('#'));
    let slug = |title: &str| {
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    titles.map(slug).collect()
}
