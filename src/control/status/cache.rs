//! The status of each pool, and its state for the next start, as they were last built.
//!
//! | a pool | is refreshed |
//! |---|---|
//! | in which something was decided | at once |
//! | in which there were only observations | by the next round |
//!
//! A round goes on in pieces of one pool or some small ones, and the writer decides between pieces.
//! So with thousands of members no decision waits for the status of all of them.

use std::ops::Range;
use std::sync::Arc;

use crate::clock::Moment;
use crate::control::answers::PoolSet;
use crate::control::health_file::SavedPool;
use crate::control::state::ControlState;
use crate::control::status::PoolStatus;
use crate::control::status::build;
use crate::pace::{self, PIECE};

/// The status and the state to save of each pool. Both lists are indexed by `PoolId`.
#[derive(Debug, Default)]
pub struct StatusCache {
    statuses: Vec<Arc<PoolStatus>>,
    saved: Vec<Arc<SavedPool>>,
    /// Whether `saved` changed since the last call of [`StatusCache::take_saved`].
    is_changed: bool,
    /// The pools that the round under way has not refreshed yet.
    left: Range<usize>,
    /// Statuses that were replaced, and are yet to be freed; others may still read them.
    retired: Vec<Arc<PoolStatus>>,
}

impl StatusCache {
    pub fn new(state: &ControlState, now: Moment) -> StatusCache {
        let pools = 0..state.pools.len();
        let statuses = pools.clone().map(|pool| status(pool, state, now)).collect();
        let saved = pools.map(|pool| Arc::new(saved(pool, state))).collect();
        StatusCache { statuses, saved, is_changed: true, ..StatusCache::default() }
    }

    /// Replaces everything by the pools of another configuration.
    pub fn reset(&mut self, state: &ControlState, now: Moment) {
        let old = std::mem::replace(self, StatusCache::new(state, now));
        self.retired = old.retired;
        self.retired.extend(old.statuses);
        pace::drop_in_pieces(old.saved, |pool| pool.members.len());
    }

    /// Refreshes these pools.
    pub fn refresh(&mut self, pools: &PoolSet, state: &ControlState, now: Moment) {
        for &pool in pools {
            self.refresh_pool(pool, state, now);
        }
    }

    /// Refreshes the state to save of all pools, and no status.
    pub fn refresh_saved(&mut self, state: &ControlState) {
        for pool in 0..self.saved.len() {
            self.refresh_saved_pool(pool, state);
        }
    }

    /// Begins a round unless one is under way. Returns whether it did.
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

    /// Refreshes one piece of the round under way. Without a round, frees one piece of the replaced
    /// statuses. Returns whether a round ended.
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

    /// The status of each pool as last built.
    pub fn statuses(&self) -> Vec<Arc<PoolStatus>> {
        self.statuses.clone()
    }

    /// The state to save; `None` if it did not change since the last call.
    pub fn take_saved(&mut self) -> Option<Vec<Arc<SavedPool>>> {
        std::mem::take(&mut self.is_changed).then(|| self.saved.clone())
    }

    /// Refreshes one pool, and returns how many members it has.
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
                pace::drop_in_pieces(pool.members, |_| 1);
            }
        }
    }
}

fn status(pool: usize, state: &ControlState, now: Moment) -> Arc<PoolStatus> {
    Arc::new(build::pool_status(state, pool, now))
}

fn saved(pool: usize, state: &ControlState) -> SavedPool {
    state.pools[pool].to_saved(&state.config.pools[pool])
}
