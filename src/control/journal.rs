//! Collects what happened, for the log, the page and the hooks.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::clock::Moment;
use crate::cluster::families::Family;
use crate::cluster::hook::Scope;
use crate::cluster::pool::Pool;
use crate::cluster::visible::visible_line;
use crate::control::change_feed::{Change, Condition};
use crate::control::explain::time::rfc3339;
use crate::control::status::ChangeStatus;
use crate::control::transitions::{StandingChange, Transition};

/// Most changes that the page shows.
const MAX_RECENT: usize = 100;

/// The latest changes, and the lines and changes that log and hooks have not taken yet.
#[derive(Debug, Default)]
pub struct Journal {
    /// The latest changes, the newest last.
    pub recent: VecDeque<ChangeStatus>,
    log_lines: Vec<LogLine>,
    changes: Vec<Change>,
}

/// One line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub warning: bool,
    pub text: String,
}

impl Journal {
    /// Adds a line to the log. Its control characters are escaped, because it may quote a node, and
    /// they would be commands to the reader's terminal.
    pub fn note(&mut self, warning: bool, text: String) {
        let text = match visible_line(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(escaped) => escaped,
        };
        self.log_lines.push(LogLine { warning, text });
    }

    /// Notes the transitions of a pool's members.
    pub fn note_transitions(&mut self, pool: &Pool, transitions: Vec<Transition>, now: Moment) {
        for Transition { node, what, change } in transitions {
            self.note(false, format!("{node} {what}"));
            self.changes.extend(change.map(|StandingChange { standing, family, cause }| Change {
                at: now.wall(),
                scope: Scope::Node,
                pool: pool.name.to_string(),
                node: Some(node.to_string()),
                family: family.map(Family::key),
                old: standing.other().into(),
                new: standing.into(),
                cause,
            }));
            self.remember(pool, node.as_str(), what, now);
        }
    }

    /// Notes what an override did to a member.
    pub fn note_override(&mut self, pool: &Pool, node: &str, what: String, now: Moment) {
        self.note(false, format!("{node} in pool {}: {what}", pool.name));
        self.remember(pool, node, what, now);
    }

    /// Notes what happened to a pool. `change` is its condition before and after; `None` if the
    /// condition did not change.
    pub fn note_pool(
        &mut self,
        pool: &Pool,
        warning: bool,
        what: String,
        change: Option<(Condition, Condition)>,
        now: Moment,
    ) {
        self.note(warning, format!("pool {}: {what}", pool.name));
        self.changes.extend(change.map(|(old, new)| Change {
            at: now.wall(),
            scope: Scope::Pool,
            pool: pool.name.to_string(),
            node: None,
            family: None,
            old,
            new,
            cause: what.clone(),
        }));
        self.remember(pool, "", what, now);
    }

    fn remember(&mut self, pool: &Pool, node: &str, what: String, now: Moment) {
        if self.recent.len() >= MAX_RECENT {
            self.recent.pop_front();
        }
        let (at, pool, node) = (rfc3339(now.wall()), pool.name.to_string(), node.to_owned());
        self.recent.push_back(ChangeStatus { at, pool, node, what });
    }

    /// The log lines since the last call.
    pub fn take_log_lines(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.log_lines)
    }

    /// The changes for the hooks since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_is_seen_as_it_is() {
        let mut journal = Journal::default();
        journal.note(true, "server-3 \u{202e}pu\u{1b}[2J\nserver-4 is up".into());
        let text = "server-3 \\u{202e}pu\\u{1b}[2J\\u{a}server-4 is up".to_owned();
        assert_eq!(journal.take_log_lines(), [LogLine { warning: true, text }]);
    }
}
