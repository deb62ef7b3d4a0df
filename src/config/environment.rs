//! Reads values written as `!env NAME` from environment variables.
//!
//! There is no other way to use a variable: a `$` in a value is a dollar sign. The value is a
//! scalar like any other, so it can be a number, a duration or an entry of a list. It is often a
//! secret, so faults show the name of the variable instead.

use std::ffi::OsString;

use crate::config::fault::{Fault, Problem};
use crate::config::raw::scalar::quoted;
use crate::config::yaml_value::{Shape, YamlValue};

/// Longest value of a variable, in octets.
pub const MAX_VALUE: usize = 64 << 10;
/// The YAML tag, handle and suffix.
pub const TAG: (&str, &str) = ("!", "env");
/// Values with fewer characters are hidden only in quotes, as `5` is a part of many texts.
const SHORT: usize = 4;
/// Characters of a value that are searched for in a message, which may have cut the rest.
const CUT: usize = 50;

/// The value of the variable `name`; `found` is what the environment has.
pub fn value(name: &str, found: Option<OsString>) -> Result<String, Problem> {
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_name {
        let message = format!("{} is no name of an environment variable", quoted(name));
        return Err(Problem::new(message, "write letters, digits and `_`: !env DASHBOARD"));
    }
    let fault = |what: &str, help: &str| {
        Err(Problem::new(format!("the environment variable {name} {what}"), help))
    };
    match found.map(OsString::into_string) {
        None => fault("is not set", "set it where the server is started, or write the value"),
        Some(Err(_)) => fault("is no UTF-8", "write text into it"),
        Some(Ok(value)) if value.is_empty() => fault("is empty", "give it a value"),
        Some(Ok(value)) if value.len() > MAX_VALUE => {
            fault(&format!("has more than {MAX_VALUE} octets"), "shorten it")
        }
        Some(Ok(value)) => Ok(value),
    }
}

/// Replaces values of `tree` that come from a variable by `!env NAME`, in the texts of `faults`.
pub fn hide(faults: &mut [Fault], tree: &YamlValue) {
    let mut found = vec![];
    collect(tree, &mut found);
    for fault in faults.iter_mut().filter(|_| !found.is_empty()) {
        for (name, value) in &found {
            fault.message = hidden(&fault.message, name, value);
            fault.help = fault.help.as_ref().map(|help| hidden(help, name, value));
        }
    }
}

fn collect<'a>(written: &'a YamlValue, found: &mut Vec<(&'a str, &'a str)>) {
    match &written.shape {
        Shape::Text(value) => {
            found.extend(written.variable.as_ref().map(|name| (name.as_str(), value.as_str())));
        }
        Shape::List(items) => items.iter().for_each(|item| collect(item, found)),
        Shape::Map(map) => map.entries.iter().for_each(|entry| collect(&entry.value, found)),
    }
}

fn hidden(text: &str, name: &str, value: &str) -> String {
    let shown = format!("`!env {name}`");
    let mut text = text.replace(&quoted(value), &shown).replace(&format!("{value:?}"), &shown);
    let escaped = value.escape_debug().to_string();
    for part in [value, &escaped, cut(value), cut(&escaped)] {
        if part.chars().count() >= SHORT {
            text = text.replace(part, &shown);
        }
    }
    text
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(CUT).map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fault::Span;

    #[test]
    fn a_variable_has_a_value_or_a_fault() {
        assert_eq!(value("A", Some("x y".into())), Ok("x y".into()));
        let shown =
            |name, found: Option<&str>| value(name, found.map(Into::into)).unwrap_err().message;
        assert_eq!(shown("A", None), "the environment variable A is not set");
        assert_eq!(shown("A", Some("")), "the environment variable A is empty");
        for name in ["", "A B", "$A", "{A}", "A=B"] {
            assert!(shown(name, Some("x")).ends_with("is no name of an environment variable"));
        }
        assert!(shown("A", Some(&"x".repeat(MAX_VALUE + 1))).contains("more than"));
    }

    #[test]
    fn no_fault_shows_the_value_of_a_variable() {
        let long = "s3cret-".repeat(20);
        for value in ["s3cret", "s3\"cret", &long, "x"] {
            let tree = YamlValue {
                span: Span::default(),
                shape: Shape::Text(value.into()),
                pruned: false,
                variable: Some("TOKEN".into()),
            };
            let cut: String = format!("the text {value:?}").chars().take(60).collect();
            for message in [format!("{} is none", quoted(value)), cut, format!("is {value:?}")] {
                let mut faults = [Fault::error("f", None, message).help(quoted(value))];
                hide(&mut faults, &tree);
                let shown = faults[0].to_string();
                assert!(shown.contains("`!env TOKEN`"), "{shown}");
                assert!(!shown.contains("s3") && !shown.contains("\"x\""), "{shown}");
            }
        }
    }
}
