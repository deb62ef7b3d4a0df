//! Finds the known word that was probably meant.

/// Longest word that is compared; it bounds the work for a nonsense file.
const MAX_COMPARED: usize = 64;
/// Most known words that are compared.
const MAX_KNOWN: usize = 10_000;

/// `did you mean `child`? `; empty if no known word is near.
pub fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    }
}

/// The known word with the fewest slips: at most one in three letters, and three in all. `None` if
/// no known word is that near.
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

/// How many letters to add, leave out, replace or swap with their neighbour to get from one word to
/// the other. Letter case is ignored, so a word in the wrong case has 0 slips.
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
}
