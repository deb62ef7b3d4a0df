//! Builds immutable answers, in which zone data and health are joined before any query comes.
//!
//! [`statics::Statics`] has the answers of the zones, rendered once for each load.
//! [`pool::PoolAnswer`] has the current answers of one pool. A [`Snapshot`] has both, published in
//! one swap. Parts that did not change are shared with the previous snapshot. Snapshots are built
//! outside the answer threads, and reading takes no lock.

pub mod address_blocks;
pub mod drawing;
pub mod https;
pub mod identity;
pub mod message;
pub mod pool;
pub mod publish;
pub mod rotation;
pub mod spread;
pub mod statics;
pub mod sticky;

use std::sync::Arc;

use crate::cluster::pool::Pool;
use crate::cluster::selection::Selection;
use crate::pace;
use crate::snapshot::pool::PoolAnswer;
use crate::snapshot::statics::Statics;

/// Everything that answers are made from.
#[derive(Debug)]
pub struct Snapshot {
    pub statics: Arc<Statics>,
    /// Indexed by the slots of the zone store, which are `PoolId`s.
    pools: Box<[Arc<PoolAnswer>]>,
}

/// The input of one pool's answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolInput {
    pub selection: Selection,
    /// TTL in seconds.
    pub ttl: u32,
}

impl Snapshot {
    /// `inputs` has one entry for each of `pools`. Answers equal to those of `previous` are shared
    /// with it.
    pub fn build(
        statics: &Arc<Statics>,
        pools: &[Pool],
        inputs: &[PoolInput],
        previous: Option<&Snapshot>,
    ) -> Snapshot {
        let answers = (0..pools.len()).map(|index| {
            let old = previous.and_then(|previous| previous.pools.get(index));
            answer(index, pools, inputs, old)
        });
        Snapshot { statics: Arc::clone(statics), pools: answers.collect() }
    }

    /// A copy with new answers for the pools at the indices `changed`. `pools` must be those of
    /// [`Snapshot::build`].
    pub fn with<'a>(
        &self,
        changed: impl IntoIterator<Item = &'a usize>,
        pools: &[Pool],
        inputs: &[PoolInput],
    ) -> Snapshot {
        let mut answers = self.pools.clone();
        for &index in changed {
            answers[index] = answer(index, pools, inputs, Some(&answers[index]));
        }
        Snapshot { statics: Arc::clone(&self.statics), pools: answers }
    }

    /// The answers of the pool with this slot.
    #[inline]
    pub fn pool(&self, slot: u32) -> Option<&PoolAnswer> {
        self.pools.get(slot as usize).map(|answer| &**answer)
    }
}

/// The answers of the pool at `index`; `old` itself if they are equal to it.
fn answer(
    index: usize,
    pools: &[Pool],
    inputs: &[PoolInput],
    old: Option<&Arc<PoolAnswer>>,
) -> Arc<PoolAnswer> {
    let PoolInput { selection, ttl } = &inputs[index];
    pace::yield_after(selection.members.len());
    let new = PoolAnswer::new(&pools[index], pools, selection, *ttl);
    match old {
        Some(old) if **old == new => Arc::clone(old),
        _ => Arc::new(new),
    }
}
