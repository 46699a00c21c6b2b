use std::alloc::{Layout, handle_alloc_error};
use std::fmt;

use allocator_api2::alloc::AllocError;

/// Why memory was not given out. Whatever asked is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutOfMemory {
    /// The size asked for is no size an object can have (more than `isize::MAX` bytes).
    Overflow,
    /// The bound that was set for this container would be exceeded.
    Limit {
        /// Bytes more that were wanted.
        wanted_bytes: usize,
        /// The bound.
        max_bytes: usize,
    },
    /// The allocator beneath refused.
    Allocator {
        /// What it was asked for.
        layout: Layout,
    },
}

impl OutOfMemory {
    /// Why there is no room for `len` values of a type: the allocator refused, if there can be so many.
    #[cold]
    pub fn array<T>(len: usize) -> Self {
        match Layout::array::<T>(len) {
            Ok(layout) => Self::Allocator { layout },
            Err(_) => Self::Overflow,
        }
    }

    /// What the infallible forms do: a refusal by the allocator ends the process, as everywhere; the
    /// other two are the caller's mistake.
    ///
    /// # Panics
    /// Where it does not end the process.
    #[cold]
    #[inline(never)]
    pub fn raise(self) -> ! {
        match self {
            Self::Allocator { layout } => handle_alloc_error(layout),
            Self::Overflow | Self::Limit { .. } => panic!("{self}"),
        }
    }
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overflow => f.write_str("capacity overflow"),
            Self::Limit { wanted_bytes, max_bytes } => {
                write!(f, "{wanted_bytes} more bytes exceed the bound of {max_bytes} bytes")
            }
            Self::Allocator { layout } => {
                write!(f, "the allocator refused {} bytes at {}", layout.size(), layout.align())
            }
        }
    }
}

impl std::error::Error for OutOfMemory {}

impl From<OutOfMemory> for AllocError {
    fn from(_: OutOfMemory) -> Self {
        Self
    }
}
