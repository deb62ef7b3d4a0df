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
use crate::control::answers::PoolSet;
use crate::control::health_file::SavedPool;
use crate::control::state::ControlState;
use crate::control::status::PoolStatus;
use crate::control::status::build;
use crate::pace::{self, PIECE};

/// Of all pools, in their order.
#[derive(Debug, Default)]
pub struct StatusCache {
    statuses: Vec<Arc<PoolStatus>>,
    saved: Vec<Arc<SavedPool>>,
    /// `saved` is not what [`StatusCache::take_saved`] last gave away.
    is_changed: bool,
    /// What the round under way has before it.
    left: Range<usize>,
    /// Replaced, and perhaps still read.
    retired: Vec<Arc<PoolStatus>>,
}

impl StatusCache {
    pub fn new(state: &ControlState, now: Moment) -> StatusCache {
        let pools = 0..state.pools.len();
        let statuses = pools.clone().map(|pool| status(pool, state, now)).collect();
        let saved = pools.map(|pool| Arc::new(saved(pool, state))).collect();
        StatusCache { statuses, saved, is_changed: true, ..StatusCache::default() }
    }

    /// Puts all pools of another configuration in the place of these.
    pub fn reset(&mut self, state: &ControlState, now: Moment) {
        let old = std::mem::replace(self, StatusCache::new(state, now));
        self.retired = old.retired;
        self.retired.extend(old.statuses);
        pace::free(old.saved, |pool| pool.members.len());
    }

    /// Brings these pools up to date.
    pub fn refresh(&mut self, pools: &PoolSet, state: &ControlState, now: Moment) {
        for &pool in pools {
            self.refresh_pool(pool, state, now);
        }
    }

    /// Brings what is kept up to date, and tells nothing.
    pub fn refresh_saved(&mut self, state: &ControlState) {
        for pool in 0..self.saved.len() {
            self.refresh_saved_pool(pool, state);
        }
    }

    /// Unless a round is under way. Whether it began.
    pub fn begin_round(&mut self) -> bool {
        let begins = self.left.is_empty();
        if begins {
            self.left = 0..self.statuses.len();
        }
        begins
    }

    /// Whether [`StatusCache::advance`] has something to do.
    pub fn is_behind(&self) -> bool {
        !self.left.is_empty() || !self.retired.is_empty()
    }

    /// One piece of the round under way; after it, of what nobody reads any more. Whether the round
    /// ended with it.
    pub fn advance(&mut self, state: &ControlState, now: Moment) -> bool {
        if self.left.is_empty() {
            self.free_retired();
            return false;
        }
        let mut members = 0;
        while members < PIECE
            && let Some(pool) = self.left.next()
        {
            members += self.refresh_pool(pool, state, now);
        }
        self.left.is_empty()
    }

    pub fn statuses(&self) -> Vec<Arc<PoolStatus>> {
        self.statuses.clone()
    }

    /// `None` while it is what was given away last.
    pub fn take_saved(&mut self) -> Option<Vec<Arc<SavedPool>>> {
        std::mem::take(&mut self.is_changed).then(|| self.saved.clone())
    }

    /// How many members it has.
    fn refresh_pool(&mut self, pool: usize, state: &ControlState, now: Moment) -> usize {
        let status = status(pool, state, now);
        let members = status.members.len();
        self.retired.push(std::mem::replace(&mut self.statuses[pool], status));
        self.refresh_saved_pool(pool, state);
        members
    }

    fn refresh_saved_pool(&mut self, pool: usize, state: &ControlState) {
        let saved = saved(pool, state);
        if *self.saved[pool] != saved {
            self.saved[pool] = Arc::new(saved);
            self.is_changed = true;
        }
    }

    fn free_retired(&mut self) {
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

fn status(pool: usize, state: &ControlState, now: Moment) -> Arc<PoolStatus> {
    Arc::new(build::pool_status(state, pool, now))
}

fn saved(pool: usize, state: &ControlState) -> SavedPool {
    state.pools[pool].to_saved(&state.loaded.pools[pool])
}
