//! Memory that goes from one use to the next.
//!
//! The first touch of a fresh page costs more than a microsecond on a virtual machine, and the
//! allocator gives large blocks back to the system as soon as they are free: an import that did so
//! spent a sixth of its time there.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::chunk::{Chunk, ClusterScratch};
use crate::read::BlockCache;
use crate::segment::{BlockScratch, EncodedBlock};
use crate::store::WriteScratch;

/// What all shelves of a store hold, in bytes, at most…
const MAX_SPARE_BYTES: usize = 64 << 20;
/// …and as a part of its budget.
const BUDGET_PART: usize = 8;

/// What is worth keeping when it is empty.
pub(crate) trait Spare: Default {
    /// Bytes of memory held.
    fn memory_bytes(&self) -> usize;
}

/// Memory that nobody uses, up to a number of bytes; what is beyond is freed.
pub(crate) struct Shelf<T> {
    idle: Mutex<Idle<T>>,
    max_bytes: usize,
}

struct Idle<T> {
    items: Vec<(T, usize)>,
    bytes: usize,
}

impl<T> fmt::Debug for Shelf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

impl<T: Spare> Shelf<T> {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { idle: Mutex::new(Idle { items: Vec::new(), bytes: 0 }), max_bytes }
    }

    /// What was put back last, or something new.
    pub(crate) fn take(&self) -> T {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((item, bytes)) = idle.items.pop() else { return T::default() };
        idle.bytes -= bytes;
        item
    }

    pub(crate) fn put(&self, item: T) {
        let bytes = item.memory_bytes();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes > 0 && idle.bytes + bytes <= self.max_bytes {
            idle.bytes += bytes;
            idle.items.push((item, bytes));
        }
    }
}

/// The shelves of a store.
#[derive(Debug)]
pub(crate) struct Recycled {
    pub(crate) chunks: Shelf<Chunk>,
    pub(crate) writes: Shelf<WriteScratch>,
    pub(crate) clusters: Shelf<ClusterScratch>,
    pub(crate) blocks: Shelf<BlockScratch>,
    pub(crate) encoded: Shelf<EncodedBlock>,
    pub(crate) caches: Shelf<BlockCache>,
}

impl Recycled {
    pub(crate) fn new(budget_bytes: usize) -> Self {
        let bytes = MAX_SPARE_BYTES.min(budget_bytes / BUDGET_PART);
        Self {
            chunks: Shelf::new(bytes / 4),
            writes: Shelf::new(bytes / 8),
            clusters: Shelf::new(bytes / 16),
            blocks: Shelf::new(bytes / 8),
            encoded: Shelf::new(bytes / 8),
            caches: Shelf::new(bytes / 4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Spare for Vec<u8> {
        fn memory_bytes(&self) -> usize {
            self.capacity()
        }
    }

    #[test]
    fn what_is_put_back_is_taken_again_up_to_the_bound() {
        let shelf = Shelf::new(100);
        for capacity in [60, 50, 40] {
            shelf.put(Vec::<u8>::with_capacity(capacity));
        }
        let taken: Vec<usize> = (0..3).map(|_| shelf.take().capacity()).collect();
        assert_eq!(taken, [40, 60, 0]);
        shelf.put(Vec::with_capacity(100));
        assert_eq!(shelf.take().capacity(), 100);
    }
}
