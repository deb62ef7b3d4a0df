//! Prints faults: the message, the source line with a mark under the faulty part, and the help.

use std::fmt::Write as _;
use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::cli::exit::EXIT_CONFIG;
use crate::cli::output;
use crate::cluster::visible::visible_line;
use crate::config::fault::{Fault, Spot};
use crate::zone::record::Severity;

/// Prints faults, and returns the exit code of a faulty configuration.
pub fn refuse(faults: &[Fault]) -> ExitCode {
    warn(faults);
    ExitCode::from(EXIT_CONFIG)
}

/// Prints faults on standard error.
pub fn warn(faults: &[Fault]) {
    output::tell_styled(&render(faults, stderr().is_terminal()));
}

/// The faults as text, and a last line with their number. Empty without faults.
pub fn render(faults: &[Fault], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for fault in faults {
        let report = [group(fault)];
        // Writing to a String does not fail.
        let _ = writeln!(text, "{}\n", renderer.render(&report));
    }
    let count = |severity| faults.iter().filter(|fault| fault.severity == severity).count();
    let counts: Vec<String> =
        [number(count(Severity::Error), "error"), number(count(Severity::Warning), "warning")]
            .into_iter()
            .flatten()
            .collect();
    if matches!(faults, [fault] if fault.spot.is_none()) {
        // One sentence needs no count.
        text.truncate(text.trim_end().len());
        text.push('\n');
    } else if !counts.is_empty() {
        let _ = writeln!(text, "{}", counts.join(", "));
    }
    text
}

fn group(fault: &Fault) -> Group<'_> {
    let level = match fault.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = match (&fault.key_path, &fault.spot) {
        (Some(path), Some(_)) => format!("{path}: {}", fault.message),
        (None, Some(_)) => fault.message.clone(),
        (Some(path), None) => format!("{}: {path}: {}", fault.file, with_help(fault)),
        (None, None) => format!("{}: {}", fault.file, with_help(fault)),
    };
    let mut group = Group::with_title(level.primary_title(visible_line(&title).into_owned()));
    if let Some(spot) = &fault.spot {
        let mut shown = snippet(spot, AnnotationKind::Primary, None);
        if is_whole(spot) {
            shown = shown.path(fault.file.as_str());
        } else {
            // The excerpt is a part of a long line, so the renderer would print a wrong column.
            let origin = Origin::path(fault.file.as_str())
                .line(spot.span.line as usize)
                .char_column(spot.span.column as usize);
            group = group.element(origin);
        }
        match &fault.also {
            Some((also, label))
                if also.excerpt == spot.excerpt && also.span.line == spot.span.line =>
            {
                let kind = AnnotationKind::Context;
                let mark = kind.span(also.marked.clone()).label(label.as_str());
                group = group.element(shown.annotation(mark));
            }
            Some((also, label)) => {
                let other = snippet(also, AnnotationKind::Context, Some(label));
                group = group.element(shown).element(other.path(fault.file.as_str()));
            }
            None => group = group.element(shown),
        }
    }
    match &fault.help {
        Some(help) if fault.spot.is_some() => {
            group.element(Level::HELP.message(visible_line(help)))
        }
        _ => group,
    }
}

/// Message and help in one line, for a fault of the whole file.
fn with_help(fault: &Fault) -> String {
    match &fault.help {
        Some(help) => format!("{}; {help}", fault.message),
        None => fault.message.clone(),
    }
}

/// Whether the excerpt begins at the beginning of its line.
fn is_whole(spot: &Spot) -> bool {
    let before = spot.excerpt.get(..spot.marked.start).unwrap_or_default();
    before.chars().count() + 1 == spot.span.column as usize
}

fn snippet<'a>(
    spot: &'a Spot,
    kind: AnnotationKind,
    label: Option<&'a str>,
) -> Snippet<'a, Annotation<'a>> {
    Snippet::source(spot.excerpt.as_str())
        .line_start(spot.span.line as usize)
        .annotation(kind.span(spot.marked.clone()).label(label))
}

/// `2 errors`; `None` for 0.
pub fn number(count: usize, what: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{count} {what}s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fault::{Source, Span};

    #[test]
    fn a_fault_is_shown_under_its_line() {
        let source = Source::new("config.yaml", "a: 1\nttl: 0\n");
        let mut fault = source
            .fault(Span { line: 2, column: 6, length: 1 }, "`0` is out of range")
            .help("write 1");
        fault.key_path = Some("ttl".into());
        let shown = render(&[fault, Fault::error("none.yaml", None, "is empty")], false);
        assert_eq!(
            shown,
            "\
error: ttl: `0` is out of range
 --> config.yaml:2:6
  |
2 | ttl: 0
  |      ^
  |
  = help: write 1

error: none.yaml: is empty

2 errors
"
        );
        assert_eq!(render(&[], true), "");
    }
}
