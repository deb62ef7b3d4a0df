//! Words that are not names in the source, each with the word to use: `docs/glossary.md` has the
//! terms. A name is an identifier as a whole; comments and texts in quotes are free.

use crate::tidy::{fail, sources};

const WORDS: &[(&str, &str)] = &[
    ("Board", "StatusCache"),
    ("Checked", "MemberChecks"),
    ("Errands", "ProbeChanges"),
    ("Said", "ProbeAnswer, or a noun such as ProbeOutcome"),
    ("Told", "a noun such as ChangeBacklog"),
    ("Watched", "TargetState"),
    ("doubtful", "suspected"),
    ("heeded", "persisted"),
    ("recorder", "override_writer"),
    ("roster", "reconcile"),
    ("settle", "commit"),
    ("suspicion", "outage, detector"),
    ("unheard", "awaiting_first_probe"),
    ("versioned", "document"),
    ("watched", "target"),
];

/// The identifiers of a line, without what is in quotes.
fn identifiers(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split('"').step_by(2);
    let words = code.flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_'));
    words.filter(|word| !word.is_empty())
}

#[test]
fn names_are_the_words_of_the_glossary() {
    let mut faults = vec![];
    for source in sources() {
        for (number, line) in source.code() {
            for word in identifiers(line) {
                if let Some((_, plain)) = WORDS.iter().find(|(avoided, _)| *avoided == word) {
                    faults.push(format!("src/{}:{number}: {word}: write {plain}", source.path));
                }
            }
        }
    }
    fail(&faults);
}

#[test]
fn texts_in_quotes_are_no_names() {
    let words: Vec<&str> = identifiers(r#"let roster_a = say("settle", kept);"#).collect();
    assert_eq!(words, ["let", "roster_a", "say", "kept"]);
}
