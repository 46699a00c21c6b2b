//! Counts as plain data.

use std::fmt;
use std::ops::Sub;

/// What was allocated and deallocated, by a thread or by the process, up to now or in a stretch of code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Blocks allocated, zeroed or not.
    pub allocations: u64,
    /// Blocks deallocated.
    pub deallocations: u64,
    /// Blocks that got another size, in place or not; neither an allocation nor a deallocation.
    pub reallocations: u64,
    /// Requests of any kind that the allocator could not meet; in none of the other counts.
    pub failures: u64,
    /// Bytes of the blocks allocated, and what reallocated blocks grew by.
    pub bytes_allocated: u64,
    /// Bytes of the blocks deallocated, and what reallocated blocks shrank by.
    pub bytes_deallocated: u64,
}

impl Counts {
    /// Requests for memory: allocations and reallocations.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.allocations + self.reallocations
    }

    /// Blocks allocated less blocks deallocated. Negative where more was deallocated than allocated: in a
    /// stretch of code, or in a thread to which others hand their blocks.
    #[must_use]
    pub fn live_blocks(&self) -> i64 {
        self.allocations.wrapping_sub(self.deallocations) as i64
    }

    /// Bytes allocated less bytes deallocated; negative as [`live_blocks`](Self::live_blocks).
    #[must_use]
    pub fn live_bytes(&self) -> i64 {
        self.bytes_allocated.wrapping_sub(self.bytes_deallocated) as i64
    }

    /// As a JSON object: the fields by their names.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { allocations, deallocations, reallocations, failures, .. } = self;
        let Self { bytes_allocated, bytes_deallocated, .. } = self;
        format!(
            "{{\"allocations\":{allocations},\"deallocations\":{deallocations},\
             \"reallocations\":{reallocations},\"failures\":{failures},\
             \"bytes_allocated\":{bytes_allocated},\"bytes_deallocated\":{bytes_deallocated}}}"
        )
    }
}

/// What came between: later counts less earlier ones.
impl Sub for Counts {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self {
            allocations: self.allocations - earlier.allocations,
            deallocations: self.deallocations - earlier.deallocations,
            reallocations: self.reallocations - earlier.reallocations,
            failures: self.failures - earlier.failures,
            bytes_allocated: self.bytes_allocated - earlier.bytes_allocated,
            bytes_deallocated: self.bytes_deallocated - earlier.bytes_deallocated,
        }
    }
}

/// `3 allocations, 1 reallocations, 2 deallocations, 0 failures; 100 bytes allocated, 60 deallocated`.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { allocations, deallocations, reallocations, failures, .. } = self;
        let Self { bytes_allocated, bytes_deallocated, .. } = self;
        write!(f, "{allocations} allocations, {reallocations} reallocations, ")?;
        write!(f, "{deallocations} deallocations, {failures} failures; ")?;
        write!(f, "{bytes_allocated} bytes allocated, {bytes_deallocated} deallocated")
    }
}
