//! What happened, for the log, the page and the hooks.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::clock::Moment;
use crate::cluster::families::Family;
use crate::cluster::hook::Scope;
use crate::cluster::pool::Pool;
use crate::cluster::visible::visible_line;
use crate::control::change_feed::Change;
use crate::control::explain;
use crate::control::status::ChangeStatus;
use crate::control::transitions::{StandingChange, Transition};

/// Changes that are remembered for the page.
const MAX_CHANGES: usize = 100;

#[derive(Debug, Default)]
pub struct Journal {
    /// The newest last.
    pub changes: VecDeque<ChangeStatus>,
    news: Vec<LogLine>,
    turns: Vec<Change>,
}

/// A line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub warning: bool,
    pub text: String,
}

impl Journal {
    /// For the log alone. What a node says is in it: nothing of that is an order to the terminal of
    /// whoever reads the log.
    pub fn note(&mut self, warning: bool, text: String) {
        let text = match visible_line(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(escaped) => escaped,
        };
        self.news.push(LogLine { warning, text });
    }

    pub fn moved(&mut self, pool: &Pool, moves: Vec<Transition>, now: Moment) {
        for Transition { node, what, turn } in moves {
            self.note(false, format!("{node} {what}"));
            self.turns.extend(turn.map(|StandingChange { standing, family, cause }| Change {
                at: now.wall(),
                scope: Scope::Node,
                pool: pool.name.to_string(),
                node: Some(node.to_string()),
                family: family.map(Family::key),
                old: standing.other().as_str(),
                new: standing.as_str(),
                cause,
            }));
            self.remember(pool, node.as_str(), what, now);
        }
    }

    /// What an order made of a member.
    pub fn ordered(&mut self, pool: &Pool, node: &str, what: String, now: Moment) {
        self.note(false, format!("{node} in pool {}: {what}", pool.name));
        self.remember(pool, node, what, now);
    }

    /// `turn` is the pool's state before and after.
    pub fn pool(
        &mut self,
        pool: &Pool,
        warning: bool,
        what: String,
        turn: Option<(&'static str, &'static str)>,
        now: Moment,
    ) {
        self.note(warning, format!("pool {}: {what}", pool.name));
        self.turns.extend(turn.map(|(old, new)| Change {
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
        if self.changes.len() >= MAX_CHANGES {
            self.changes.pop_front();
        }
        let (at, pool, node) = (explain::time(now.wall()), pool.name.to_string(), node.to_owned());
        self.changes.push_back(ChangeStatus { at, pool, node, what });
    }

    pub fn take_log_lines(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.news)
    }

    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.turns)
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
