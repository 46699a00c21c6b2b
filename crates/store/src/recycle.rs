//! Memory that goes from one use to the next: the allocator gives large blocks back to the system
//! as soon as they are free, and the next use pays for fresh pages.

use std::sync::Arc;

use tidemill_memory::{Budget, Recycle, Recycler};

use crate::chunk::{Chunk, ClusterScratch};
use crate::read::{BlockCache, ChunkCache};
use crate::segment::{BlockScratch, EncodedBlock};
use crate::store::WriteScratch;

/// What is kept for all uses, in bytes, at most…
const MAX_IDLE_BYTES: usize = 64 << 20;
/// …and as a part of the store's budget.
const BUDGET_PART: usize = 8;
/// What is kept of open segments, decoded, and again as it was read, in bytes, at most…
const MAX_KEPT_BYTES: usize = 32 << 20;
/// …and as a part of the store's budget.
const KEPT_PART: usize = 16;
/// How many objects are kept for one use.
const MAX_IDLE: usize = 4096;

/// What a store keeps for the next write, flush or query.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) chunks: Recycler<Chunk>,
    pub(crate) writes: Recycler<WriteScratch>,
    pub(crate) clusters: Recycler<ClusterScratch>,
    pub(crate) blocks: Recycler<BlockScratch>,
    pub(crate) encoded: Recycler<EncodedBlock>,
    pub(crate) caches: Recycler<BlockCache>,
    /// For what is kept of open segments.
    pub(crate) kept: Budget,
    /// What was read of segments last.
    pub(crate) shared: Arc<ChunkCache>,
}

impl Spare {
    pub(crate) fn new(budget_bytes: usize) -> Self {
        let bytes = MAX_IDLE_BYTES.min(budget_bytes / BUDGET_PART);
        let kept = MAX_KEPT_BYTES.min(budget_bytes / KEPT_PART);
        Self {
            chunks: part(bytes / 4),
            writes: part(bytes / 8),
            clusters: part(bytes / 16),
            blocks: part(bytes / 8),
            encoded: part(bytes / 8),
            caches: part(bytes / 4),
            kept: Budget::new(kept),
            shared: Arc::new(ChunkCache::new(kept)),
        }
    }
}

fn part<T: Recycle>(bytes: usize) -> Recycler<T> {
    Recycler::new(MAX_IDLE, bytes)
}
