//! Checks the text of config.yaml before the YAML parser sees it.

use crate::config::fault::{Fault, Source, Span};

/// Most characters that may separate values within brackets and braces: the parser buffers a whole
/// `[…]` or `{…}`.
pub const MAX_FLOW_MARKS: usize = 400_000;
/// Most tabs that are reported.
const MAX_FAULTS: usize = 100;

/// Faults that the parser would report badly, or would need too long for.
pub fn check(source: &Source<'_>, text: &str) -> Vec<Fault> {
    let marks = text.bytes().filter(|byte| b",[{:?&*!\"'".contains(byte)).take(MAX_FLOW_MARKS + 1);
    if marks.count() > MAX_FLOW_MARKS {
        let message = format!("more than {MAX_FLOW_MARKS} brackets, commas, colons and quotes");
        return vec![Fault::error(source.file, None, message).help("shorten the file")];
    }
    let mut faults = vec![];
    for (index, line) in source.lines().iter().enumerate() {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        let Some(column) = line[..indentation].find('\t') else { continue };
        if indentation == line.len() || line[indentation..].starts_with('#') {
            continue;
        }
        let span = Span { line: index as u32 + 1, column: column as u32 + 1, length: 1 };
        faults.push(source.fault(span, "a tab in the indentation").help("write spaces"));
        if faults.len() == MAX_FAULTS {
            break;
        }
    }
    faults
}
