//! Serde's faults in our words, and the words that were probably meant.

use crate::config::written::KeyPath;

/// Longest word that is compared for [`nearest`]; it bounds the work for a nonsense file.
const MAX_COMPARED: usize = 64;
/// So many known words are compared.
const MAX_KNOWN: usize = 10_000;
/// So many characters of a faulty value are told.
const MAX_TOLD: usize = 60;

/// What is wrong, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    pub message: String,
    pub help: Option<String>,
    /// The key is wrong, not its value.
    pub of_key: bool,
}

/// `told` is the message of the deserializer for the value at `path`.
pub fn of_serde(told: &str, path: &KeyPath) -> Words {
    if let Some(known) = told.strip_prefix("unknown field `") {
        return unknown_key(path.last_key().unwrap_or_default(), known);
    }
    if let Some((is, expected)) =
        told.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected "))
    {
        let is = match is {
            "map" => "a mapping".to_owned(),
            "sequence" => "a list".to_owned(),
            text => bounded(text.replacen("string \"", "the text \"", 1)),
        };
        let expected = expected.replacen("a sequence", "a list, for example `[one, two]`", 1);
        return Words {
            message: format!("{is} does not belong here"),
            help: Some(format!("write {expected}")),
            of_key: false,
        };
    }
    let (message, help) = match told.rsplit_once("; ") {
        Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
        None => (told.to_owned(), None),
    };
    Words { message, help, of_key: false }
}

fn bounded(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(MAX_TOLD) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

fn unknown_key(key: &str, told: &str) -> Words {
    let known = told.rsplit_once("`, expected ").map(|(_, known)| known).unwrap_or_default();
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let file = format!("{key}_file");
    let meant = match known.contains(&file.as_str()) {
        true => format!("secrets stand in a file of their own: name it as `{file}`; "),
        false => meant(key, known.iter().copied()),
    };
    Words {
        message: format!("there is no key `{}` here", bounded(key.escape_debug().to_string())),
        help: Some(format!("{meant}known here: {}", known.join(", "))),
        of_key: true,
    }
}

/// `did you mean `child`? `, or nothing.
pub fn meant<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    }
}

/// The known word that is fewest slips away, if it is few: one in three letters, at most three.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_COMPARED {
        return None;
    }
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    known
        .take(MAX_KNOWN)
        .filter(|known| known.len() <= MAX_COMPARED)
        .map(|known| (slips(word, known), known))
        .filter(|&(slips, _)| slips <= allowed)
        .min()
        .map(|(_, known)| known)
}

/// Letters added, left out, replaced or swapped with their neighbour to get from one word to the
/// other. Letter case is no slip: it is no match either, so the word is still told.
fn slips(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.to_lowercase().chars().collect();
    let to: Vec<char> = to.to_lowercase().chars().collect();
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for i in 0..=from.len() {
        for j in 0..=to.len() {
            rows[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
                    let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    let swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2];
                    if swapped && from[i - 2] == to[j - 1] {
                        least = least.min(rows[i - 2][j - 2] + 1);
                    }
                    least
                }
            };
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_is_understood() {
        let known = ["timeout", "every", "fall", "rise"];
        assert_eq!(nearest("timeuot", known.into_iter()), Some("timeout"));
        assert_eq!(nearest("Every", known.into_iter()), Some("every"));
        assert_eq!(nearest("fal", known.into_iter()), Some("fall"));
        assert_eq!(nearest("weight", known.into_iter()), None);
        assert_eq!(nearest(&"x".repeat(100), known.into_iter()), None);
    }

    #[test]
    fn an_unknown_key_names_the_known_ones() {
        let told = "unknown field `tll`, expected one of `ttl`, `order`";
        let words = of_serde(told, &KeyPath::root().key("pools").key("web").key("tll"));
        assert_eq!(words.message, "there is no key `tll` here");
        assert_eq!(words.help.unwrap(), "did you mean `ttl`? known here: ttl, order");
        assert!(words.of_key);
    }

    #[test]
    fn types_are_told_without_jargon() {
        let words = of_serde("invalid type: string \"web\", expected a sequence", &KeyPath::root());
        assert_eq!(words.message, "the text \"web\" does not belong here");
        assert_eq!(words.help.unwrap(), "write a list, for example `[one, two]`");
    }
}
