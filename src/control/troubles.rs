//! Lists the troubles: the current problems with this server's own files. They are shown on the
//! page, in the status and in the metrics, and logged when they begin and end.
//!
//! They are not part of the writer's state, because they must be visible while the writer hangs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::clock::{Wall, wall};
use crate::control::explain::time::rfc3339;
use crate::state_dir::disk;

/// The files that a trouble is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleSubject {
    /// config.yaml and the files that it names.
    Configuration,
    /// The lock of the state folder.
    StateFolder,
    /// The standings for the next start: `health.json`.
    Standings,
    /// The overrides: `overrides.json`.
    #[serde(rename = "orders")]
    Overrides,
    /// The undelivered events of hooks: `hooks.json`.
    Hooks,
    /// `server.token_file`.
    TokenFile,
    /// `server.report_token_file`.
    ReportTokenFile,
}

impl TroubleSubject {
    pub const ALL: [TroubleSubject; 7] = [
        TroubleSubject::Configuration,
        TroubleSubject::StateFolder,
        TroubleSubject::Standings,
        TroubleSubject::Overrides,
        TroubleSubject::Hooks,
        TroubleSubject::TokenFile,
        TroubleSubject::ReportTokenFile,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            TroubleSubject::Configuration => "configuration",
            TroubleSubject::StateFolder => "state_folder",
            TroubleSubject::Standings => "standings",
            TroubleSubject::Overrides => "orders",
            TroubleSubject::Hooks => "hooks",
            TroubleSubject::TokenFile => "token_file",
            TroubleSubject::ReportTokenFile => "report_token_file",
        }
    }

    /// The sentence about a failure of this subject.
    pub fn sentence(self, why: &str) -> String {
        match self {
            TroubleSubject::Standings => format!("the state is not kept: {why}"),
            TroubleSubject::Hooks => format!("what waits for hooks is not kept: {why}"),
            TroubleSubject::Overrides => format!("no operator's order can be kept: {why}"),
            TroubleSubject::Configuration
            | TroubleSubject::StateFolder
            | TroubleSubject::TokenFile
            | TroubleSubject::ReportTokenFile => why.to_owned(),
        }
    }

    /// The sentence about a disk that does not answer.
    pub fn no_answer(self) -> String {
        self.sentence(&disk::no_answer())
    }

    /// The line for the log when the trouble ends.
    fn over(self) -> &'static str {
        match self {
            TroubleSubject::Configuration => "the files of the configuration answer again",
            TroubleSubject::StateFolder => "the state folder answers again",
            TroubleSubject::Standings => "the state is kept again",
            TroubleSubject::Overrides => "the file of the operator's orders answers again",
            TroubleSubject::Hooks => "what waits for hooks is kept again",
            TroubleSubject::TokenFile => {
                "the token file is its owner's alone again: orders are taken"
            }
            TroubleSubject::ReportTokenFile => {
                "the file of the token for reports is its owner's alone again"
            }
        }
    }
}

/// A current problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    pub subject: TroubleSubject,
    /// RFC 3339 in UTC.
    pub since: String,
    /// One sentence.
    pub what: String,
}

/// The list of troubles. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<TroubleSubject, Trouble>>>);

impl Troubles {
    /// Begins a trouble, or changes the sentence of a trouble that has begun. Logs the sentence.
    pub fn begin(&self, subject: TroubleSubject, what: String) {
        let mut troubles = self.troubles();
        let old = troubles.get(&subject);
        if old.is_some_and(|old| old.what == what) {
            return;
        }
        tracing::warn!("{what}");
        let since = old.map_or_else(|| rfc3339(wall(Wall::Shown)), |old| old.since.clone());
        troubles.insert(subject, Trouble { subject, since, what });
    }

    /// Ends the trouble with `subject`, if there is one, and logs its end.
    pub fn end(&self, subject: TroubleSubject) {
        if self.troubles().remove(&subject).is_some() {
            tracing::info!("{}", subject.over());
        }
    }

    pub fn has(&self, subject: TroubleSubject) -> bool {
        self.troubles().contains_key(&subject)
    }

    pub fn list(&self) -> Vec<Trouble> {
        self.troubles().values().cloned().collect()
    }

    /// Begins and ends the trouble with `subject` as work on the disk fails and succeeds.
    pub fn reporter(&self, subject: TroubleSubject) -> Reporter<'_> {
        Reporter { troubles: self, subject }
    }

    fn troubles(&self) -> MutexGuard<'_, BTreeMap<TroubleSubject, Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reports how work on the disk ends, as a trouble with one subject.
#[derive(Debug)]
pub struct Reporter<'a> {
    troubles: &'a Troubles,
    subject: TroubleSubject,
}

impl disk::Report for Reporter<'_> {
    fn fails(&self, why: &str) {
        self.troubles.begin(self.subject, self.subject.sentence(why));
    }

    fn succeeds(&self) {
        self.troubles.end(self.subject);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_lasts_until_it_is_over_and_may_change_its_words() {
        let troubles = Troubles::default();
        troubles.begin(TroubleSubject::Overrides, "the disk is full".into());
        let since = troubles.list()[0].since.clone();
        troubles.begin(TroubleSubject::Overrides, "the disk is away".into());
        assert_eq!(troubles.list().len(), 1);
        assert_eq!(troubles.list()[0].what, "the disk is away");
        assert_eq!(troubles.list()[0].since, since);
        troubles.end(TroubleSubject::Hooks);
        assert!(troubles.has(TroubleSubject::Overrides));
        troubles.end(TroubleSubject::Overrides);
        assert_eq!(troubles.list(), []);
    }
}
