//! Publishes snapshots from one writer to many readers, by one atomic swap.

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache, Guard};

use crate::snapshot::Snapshot;

/// The only way to replace the snapshot. Not `Clone`: there is one writer.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<ArcSwap<Snapshot>>,
    /// Replaced snapshots that may still be read. Kept so that no answer thread ever frees a
    /// snapshot, which takes milliseconds with many names.
    retired: Vec<Arc<Snapshot>>,
}

/// Loads the current snapshot.
#[derive(Debug, Clone)]
pub struct SnapshotReader(Arc<ArcSwap<Snapshot>>);

/// A reader for one thread. While no new snapshot is published, a load is one comparison. It keeps
/// the snapshot that it loaded last.
#[derive(Debug)]
pub struct LocalReader(Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>);

/// A publisher and a reader, with `first` as the current snapshot.
pub fn channel(first: Snapshot) -> (Publisher, SnapshotReader) {
    let shared = Arc::new(ArcSwap::from_pointee(first));
    (Publisher { shared: Arc::clone(&shared), retired: vec![] }, SnapshotReader(shared))
}

impl Publisher {
    /// Makes `snapshot` the current one, and frees the replaced snapshots that no reader holds.
    pub fn publish(&mut self, snapshot: Snapshot) {
        self.retired.push(self.shared.swap(Arc::new(snapshot)));
        self.release();
    }

    /// Frees the replaced snapshots that no reader holds any more.
    pub fn release(&mut self) {
        self.retired.retain(|retired| Arc::strong_count(retired) > 1);
    }

    /// The snapshot that was published last.
    pub fn current(&self) -> Arc<Snapshot> {
        self.shared.load_full()
    }
}

impl SnapshotReader {
    /// The current snapshot, without waiting. It exists for as long as the guard is held.
    #[inline]
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// A reader for the thread that calls this.
    pub fn local(&self) -> LocalReader {
        LocalReader(Cache::new(Arc::clone(&self.0)))
    }
}

impl LocalReader {
    /// The current snapshot.
    #[inline]
    pub fn load(&mut self) -> &Snapshot {
        self.0.load()
    }
}
