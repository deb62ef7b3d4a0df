//! One publisher, many readers, one atomic swap in between.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::snapshot::Snapshot;

/// The only way to replace the snapshot. Not `Clone`: there is one writer.
#[derive(Debug)]
pub struct Publisher(Arc<ArcSwap<Snapshot>>);

/// Loads the snapshot of the moment.
#[derive(Debug, Clone)]
pub struct Reader(Arc<ArcSwap<Snapshot>>);

/// Begins with `first`.
pub fn channel(first: Snapshot) -> (Publisher, Reader) {
    let shared = Arc::new(ArcSwap::from_pointee(first));
    (Publisher(Arc::clone(&shared)), Reader(shared))
}

impl Publisher {
    pub fn publish(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }

    pub fn current(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }
}

impl Reader {
    /// Wait-free; the guard keeps the snapshot while it is held.
    #[inline]
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.0.load()
    }
}
