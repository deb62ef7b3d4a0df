//! Finds the pools whose queries may be answered with the members of given pools.
//!
//! Pool A names pool B as its fallback with `when_short: { pool: B }`; this index leads from B back
//! to A. When the health of B changes, the answers of A may change, too.

use std::collections::BTreeSet;

use crate::cluster::pool::{Pool, WhenShort};

/// For each pool, the indices of the pools that name it directly as their fallback. An index is a
/// pool's position in the slice given to [`FallbackDependents::new`].
#[derive(Debug)]
pub struct FallbackDependents(Vec<Vec<usize>>);

impl FallbackDependents {
    pub fn new(pools: &[Pool]) -> FallbackDependents {
        let mut dependents = vec![vec![]; pools.len()];
        for (index, pool) in pools.iter().enumerate() {
            if let WhenShort::Pool(fallback) = pool.when_short
                && let Some(named_by) = dependents.get_mut(fallback.index())
            {
                named_by.push(index);
            }
        }
        FallbackDependents(dependents)
    }

    /// The given indices, and the index of each pool that falls back to one of them, directly or
    /// through other pools. Circles are allowed.
    pub fn with_dependents(&self, pools: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let mut to_visit: Vec<usize> = pools.into_iter().collect();
        let mut found = BTreeSet::new();
        while let Some(index) = to_visit.pop() {
            if found.insert(index) {
                to_visit.extend(self.0.get(index).into_iter().flatten());
            }
        }
        found
    }
}
