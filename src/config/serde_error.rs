//! Turns a [`Problem`] into an error of serde, and errors of serde into problems.
//!
//! An error of serde is one text. So a problem becomes its message, `SEPARATOR` and its help. No
//! message contains the separator, because quoted values are escaped. Serde's own texts are
//! recognised by their beginning.

use serde::de::Error;

use crate::config::fault::Problem;
use crate::config::key_path::KeyPath;
use crate::config::suggestion;

/// Stands between message and help.
const SEPARATOR: char = '\u{1f}';
/// Most characters of a faulty value that are shown.
const MAX_SHOWN: usize = 60;

/// A fault in the shape of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct ShapeFault {
    pub problem: Problem,
    /// Whether the key is wrong, not its value.
    pub of_key: bool,
}

/// `problem` as an error of serde, for [`decode`].
pub fn encode<E: Error>(problem: Problem) -> E {
    match problem.help {
        Some(help) => E::custom(format_args!("{}{SEPARATOR}{help}", problem.message)),
        None => E::custom(problem.message),
    }
}

/// The fault that an error of serde reports; `error` is its text, and `path` its place.
pub fn decode(error: &str, path: &KeyPath) -> ShapeFault {
    if let Some(known) = error.strip_prefix("unknown field `") {
        let problem = unknown_key(path.last_key().unwrap_or_default(), known);
        return ShapeFault { problem, of_key: true };
    }
    let problem = match (wrong_type(error), error.split_once(SEPARATOR)) {
        (Some(problem), _) => problem,
        (None, Some((message, help))) => Problem::new(message, help),
        (None, None) => Problem::without_help(error),
    };
    ShapeFault { problem, of_key: false }
}

fn wrong_type(error: &str) -> Option<Problem> {
    let (found, expected) = error.strip_prefix("invalid type: ")?.rsplit_once(", expected ")?;
    let found = match found {
        "map" => "a mapping".to_owned(),
        "sequence" => "a list".to_owned(),
        text => bounded(text.replacen("string \"", "the text \"", 1)),
    };
    let expected = expected.replacen("a sequence", "a list, for example `[one, two]`", 1);
    Some(Problem::new(format!("{found} does not belong here"), format!("write {expected}")))
}

fn bounded(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(MAX_SHOWN) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// The problem of an unknown key. `error` is serde's text after its first backquote.
fn unknown_key(key: &str, error: &str) -> Problem {
    let known = error.rsplit_once("`, expected ").map(|(_, known)| known).unwrap_or_default();
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let file = format!("{key}_file");
    let meant = match known.contains(&file.as_str()) {
        true => format!("secrets stand in a file of their own: name it as `{file}`; "),
        false => suggestion::did_you_mean(key, known.iter().copied()),
    };
    Problem::new(
        format!("there is no key `{}` here", bounded(key.escape_debug().to_string())),
        format!("{meant}known here: {}", known.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_names_the_known_ones() {
        let error = "unknown field `tll`, expected one of `ttl`, `order`";
        let fault = decode(error, &KeyPath::root().key("pools").key("web").key("tll"));
        assert_eq!(fault.problem.message, "there is no key `tll` here");
        assert_eq!(fault.problem.help.unwrap(), "did you mean `ttl`? known here: ttl, order");
        assert!(fault.of_key);
    }

    #[test]
    fn types_are_told_without_jargon() {
        let fault = decode("invalid type: string \"web\", expected a sequence", &KeyPath::root());
        assert_eq!(fault.problem.message, "the text \"web\" does not belong here");
        assert_eq!(fault.problem.help.unwrap(), "write a list, for example `[one, two]`");
    }
}
