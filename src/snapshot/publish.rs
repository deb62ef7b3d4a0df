//! One publisher, many readers, one atomic swap in between.

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache, Guard};

use crate::snapshot::Snapshot;

/// The only way to replace the snapshot. Not `Clone`: there is one writer.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<ArcSwap<Snapshot>>,
    /// Replaced, and perhaps still read. Kept so that it is never an answer thread that frees one:
    /// with many names that takes milliseconds.
    retired: Vec<Arc<Snapshot>>,
}

/// Loads the snapshot of the moment.
#[derive(Debug, Clone)]
pub struct Reader(Arc<ArcSwap<Snapshot>>);

/// A reader of one thread: while nothing new is published, a load is one comparison.
///
/// It keeps the snapshot that it loaded last.
#[derive(Debug)]
pub struct Local(Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>);

/// Begins with `first`.
pub fn channel(first: Snapshot) -> (Publisher, Reader) {
    let shared = Arc::new(ArcSwap::from_pointee(first));
    (Publisher { shared: Arc::clone(&shared), retired: vec![] }, Reader(shared))
}

impl Publisher {
    pub fn publish(&mut self, snapshot: Snapshot) {
        self.retired.push(self.shared.swap(Arc::new(snapshot)));
        self.release();
    }

    /// Frees what nobody reads any more.
    pub fn release(&mut self) {
        self.retired.retain(|retired| Arc::strong_count(retired) > 1);
    }

    pub fn current(&self) -> Arc<Snapshot> {
        self.shared.load_full()
    }
}

impl Reader {
    /// Wait-free; the guard keeps the snapshot while it is held.
    #[inline]
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.0.load()
    }

    pub fn local(&self) -> Local {
        Local(Cache::new(Arc::clone(&self.0)))
    }
}

impl Local {
    #[inline]
    pub fn load(&mut self) -> &Snapshot {
        self.0.load()
    }
}
