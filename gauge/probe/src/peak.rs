//! The process's live bytes, and the most there were.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::{Block, Observer};

/// Live bytes of the whole process and their exact peak.
///
/// To know the peak, all threads must add to one number: it is a locked instruction, and threads that
/// allocate at the same time wait for its cache line. Hence it is not in
/// [`Counters`](crate::Counters). A block that moves when it is reallocated counts once.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Peak {
    live: AtomicI64,
    peak: AtomicI64,
}

impl Peak {
    /// Nothing live yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { live: AtomicI64::new(0), peak: AtomicI64::new(0) }
    }

    /// Bytes that are live now.
    #[must_use]
    pub fn live_bytes(&self) -> i64 {
        self.live.load(Ordering::Relaxed)
    }

    /// The most bytes that were live at one time, since the start or the last `restart`.
    #[must_use]
    pub fn peak_live_bytes(&self) -> i64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Forgets the peak: it is what is live now. For stretches in which this thread alone decides what
    /// runs: what others allocate during the call may be missed.
    pub fn restart(&self) {
        self.peak.store(self.live_bytes(), Ordering::Relaxed);
    }

    #[inline]
    fn add(&self, bytes: i64) {
        let live = self.live.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // The load keeps the line shared while the peak does not move.
        if live > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(live, Ordering::Relaxed);
        }
    }
}

// SAFETY: additions to atomics.
unsafe impl Observer for Peak {
    #[inline]
    fn allocated(&self, block: Block) {
        self.add(block.size as i64);
    }

    #[inline]
    fn deallocating(&self, block: Block) {
        self.live.fetch_sub(block.size as i64, Ordering::Relaxed);
    }

    #[inline]
    fn reallocated(&self, old: Block, new: Option<Block>) {
        if let Some(new) = new {
            self.add(new.size as i64 - old.size as i64);
        }
    }
}
