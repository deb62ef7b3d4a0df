//! Which pools may be answered from a pool: the reverse of `when_short: pool …`.

use std::collections::BTreeSet;

use crate::cluster::pool::{Pool, WhenShort};

/// For each pool, the indices of the pools that name it as their fallback.
#[derive(Debug)]
pub struct Fallbacks(Vec<Vec<usize>>);

impl Fallbacks {
    pub fn new(pools: &[Pool]) -> Fallbacks {
        let mut named_by = vec![vec![]; pools.len()];
        for (index, pool) in pools.iter().enumerate() {
            if let WhenShort::Pool(id) = pool.when_short
                && let Some(by) = named_by.get_mut(id.index())
            {
                by.push(index);
            }
        }
        Fallbacks(named_by)
    }

    /// These pools, and every pool that may be answered from one of them.
    pub fn answered_from(&self, pools: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let mut open: Vec<usize> = pools.into_iter().collect();
        let mut found = BTreeSet::new();
        while let Some(pool) = open.pop() {
            if found.insert(pool) {
                open.extend(self.0.get(pool).into_iter().flatten());
            }
        }
        found
    }
}
