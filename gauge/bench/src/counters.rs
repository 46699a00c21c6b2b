//! What the allocator counted, where it counts.

use std::hint::black_box;

use gauge_probe::Counters;

/// Requests to the allocator and bytes asked of it, by all threads so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Allocations {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
}

impl Allocations {
    /// As counted until now; `None` where nothing counts.
    pub(crate) fn now() -> Option<Self> {
        let mut counts = Counters::process();
        if counts.allocations == 0 {
            drop(black_box(Box::new(0u8)));
            counts = Counters::process();
        }
        let bytes = counts.bytes_allocated;
        (counts.allocations > 0).then(|| Self { requests: counts.requests(), bytes })
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { requests: self.requests - earlier.requests, bytes: self.bytes - earlier.bytes }
    }
}
