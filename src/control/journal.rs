//! What happened, for the log, the page and the hooks.

use std::collections::VecDeque;

use crate::clock::Moment;
use crate::cluster::hook::Scope;
use crate::cluster::pool::Pool;
use crate::control::explain;
use crate::control::moves::Move;
use crate::control::status::Change;
use crate::control::turns::Turn;

/// Changes that are remembered for the page.
const MAX_CHANGES: usize = 100;

#[derive(Debug, Default)]
pub struct Journal {
    /// The newest last.
    pub changes: VecDeque<Change>,
    news: Vec<News>,
    turns: Vec<Turn>,
}

/// A line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    pub warning: bool,
    pub text: String,
}

impl Journal {
    /// For the log alone.
    pub fn note(&mut self, warning: bool, text: String) {
        self.news.push(News { warning, text });
    }

    pub fn moved(&mut self, pool: &Pool, moves: Vec<Move>, now: Moment) {
        for Move { node, what, turn } in moves {
            self.note(false, format!("{node} {what}"));
            self.turns.extend(turn.map(|(standing, cause)| Turn {
                at: now.wall(),
                scope: Scope::Node,
                pool: pool.name.to_string(),
                node: Some(node.to_string()),
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
        self.turns.extend(turn.map(|(old, new)| Turn {
            at: now.wall(),
            scope: Scope::Pool,
            pool: pool.name.to_string(),
            node: None,
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
        self.changes.push_back(Change { at, pool, node, what });
    }

    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    pub fn take_turns(&mut self) -> Vec<Turn> {
        std::mem::take(&mut self.turns)
    }
}
