//! What is told of each pool, and kept of it for a restart.
//!
//! | a pool | is brought up to date |
//! |---|---|
//! | in which something was decided | at once |
//! | in which somebody was only observed | by the next round, in its turn |
//!
//! A round goes on in pieces of a pool or some small ones, in between which the writer decides:
//! with thousands of members nobody's fall waits for the words that tell of the others.

use std::ops::Range;
use std::sync::Arc;

use crate::clock::Moment;
use crate::control::answers::Pools;
use crate::control::report;
use crate::control::state::ControlState;
use crate::control::status::PoolStatus;
use crate::control::store::KeptPool;
use crate::pace::{self, PIECE};

/// Of all pools, in their order.
#[derive(Debug, Default)]
pub struct Board {
    told: Vec<Arc<PoolStatus>>,
    kept: Vec<Arc<KeptPool>>,
    /// `kept` is not what [`Board::take_kept`] last gave away.
    is_changed: bool,
    /// What the round under way has before it.
    left: Range<usize>,
    /// Replaced, and perhaps still read.
    retired: Vec<Arc<PoolStatus>>,
}

impl Board {
    pub fn new(state: &ControlState, now: Moment) -> Board {
        let pools = 0..state.pools.len();
        let told = pools.clone().map(|pool| told(pool, state, now)).collect();
        let kept = pools.map(|pool| Arc::new(kept(pool, state))).collect();
        Board { told, kept, is_changed: true, ..Board::default() }
    }

    /// Puts all pools of another configuration in the place of these.
    pub fn reset(&mut self, state: &ControlState, now: Moment) {
        let old = std::mem::replace(self, Board::new(state, now));
        self.retired = old.retired;
        self.retired.extend(old.told);
        pace::free(old.kept, |pool| pool.members.len());
    }

    /// Brings these pools up to date.
    pub fn renew(&mut self, pools: &Pools, state: &ControlState, now: Moment) {
        for &pool in pools {
            self.renew_one(pool, state, now);
        }
    }

    /// Brings what is kept up to date, and tells nothing.
    pub fn keep(&mut self, state: &ControlState) {
        for pool in 0..self.kept.len() {
            self.keep_one(pool, state);
        }
    }

    /// Unless a round is under way. Whether it began.
    pub fn begin_round(&mut self) -> bool {
        let begins = self.left.is_empty();
        if begins {
            self.left = 0..self.told.len();
        }
        begins
    }

    /// Whether [`Board::go_on`] has something to do.
    pub fn is_behind(&self) -> bool {
        !self.left.is_empty() || !self.retired.is_empty()
    }

    /// One piece of the round under way; after it, of what nobody reads any more. Whether the round
    /// ended with it.
    pub fn go_on(&mut self, state: &ControlState, now: Moment) -> bool {
        if self.left.is_empty() {
            self.let_go();
            return false;
        }
        let mut members = 0;
        while members < PIECE
            && let Some(pool) = self.left.next()
        {
            members += self.renew_one(pool, state, now);
        }
        self.left.is_empty()
    }

    pub fn told(&self) -> Vec<Arc<PoolStatus>> {
        self.told.clone()
    }

    /// `None` while it is what was given away last.
    pub fn take_kept(&mut self) -> Option<Vec<Arc<KeptPool>>> {
        std::mem::take(&mut self.is_changed).then(|| self.kept.clone())
    }

    /// How many members it has.
    fn renew_one(&mut self, pool: usize, state: &ControlState, now: Moment) -> usize {
        let told = told(pool, state, now);
        let members = told.members.len();
        self.retired.push(std::mem::replace(&mut self.told[pool], told));
        self.keep_one(pool, state);
        members
    }

    fn keep_one(&mut self, pool: usize, state: &ControlState) {
        let kept = kept(pool, state);
        if *self.kept[pool] != kept {
            self.kept[pool] = Arc::new(kept);
            self.is_changed = true;
        }
    }

    fn let_go(&mut self) {
        let mut members = 0;
        while members < PIECE
            && let Some(pool) = self.retired.pop()
        {
            members += pool.members.len();
            if let Some(pool) = Arc::into_inner(pool) {
                pace::free(pool.members, |_| 1);
            }
        }
    }
}

fn told(pool: usize, state: &ControlState, now: Moment) -> Arc<PoolStatus> {
    Arc::new(report::pool_status(state, pool, now))
}

fn kept(pool: usize, state: &ControlState) -> KeptPool {
    state.pools[pool].kept(&state.loaded.pools[pool])
}
