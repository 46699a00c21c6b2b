//! Tables that take address space when observing starts, and memory where they are used.

use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use tidemill_machine::sys;

/// What may begin as zeros.
///
/// # Safety
/// All bytes zero must be a value, and it must not need to be dropped.
pub(super) unsafe trait Zeroed: Sync {}

// SAFETY: numbers and null pointers.
unsafe impl Zeroed for AtomicU64 {}
// SAFETY: as above.
unsafe impl Zeroed for AtomicI64 {}
// SAFETY: as above.
unsafe impl Zeroed for AtomicUsize {}
// SAFETY: as above: a table that is not mapped.
unsafe impl<T: Zeroed, const N: usize> Zeroed for Table<T, N> {}
// SAFETY: as its members.
unsafe impl<T: Zeroed, const N: usize> Zeroed for [T; N] {}

/// `N` values, zero at first. Never unmapped: whoever has a reference may keep it.
pub(super) struct Table<T, const N: usize> {
    first: AtomicPtr<T>,
}

impl<T: Zeroed, const N: usize> Table<T, N> {
    /// Not mapped: it has no values.
    pub(super) const fn new() -> Self {
        Self { first: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// Maps it, unless it is; false if the system refuses.
    #[cold]
    pub(super) fn map(&self) -> bool {
        if !self.first.load(Ordering::Acquire).is_null() {
            return true;
        }
        let Ok(memory) = sys::map_zeroed(N * size_of::<T>()) else { return false };
        let (null, mapped) = (std::ptr::null_mut(), memory.as_ptr().cast());
        // Of two threads that map it at once, the second one's is left alone: untouched, it is address
        // space and nothing else.
        let _ = self.first.compare_exchange(null, mapped, Ordering::AcqRel, Ordering::Acquire);
        true
    }

    /// A value; `None` beyond the end, and where nothing is mapped.
    #[inline(always)]
    pub(super) fn get(&self, at: usize) -> Option<&T> {
        let first = self.first.load(Ordering::Acquire);
        if first.is_null() || at >= N {
            return None;
        }
        // SAFETY: `map` stored it: `N` values, aligned to a page, zeroed, which is a value of a `T`, and
        // there for ever. Others have shared references at most.
        Some(unsafe { &*first.add(at) })
    }
}

/// Adds, where this thread is the only one that writes: a load and a store.
#[inline(always)]
pub(super) fn add(to: &AtomicU64, by: u64) -> u64 {
    let sum = to.load(Ordering::Relaxed).wrapping_add(by);
    to.store(sum, Ordering::Relaxed);
    sum
}

/// As [`add`].
#[inline(always)]
pub(super) fn add_signed(to: &AtomicI64, by: i64) -> i64 {
    let sum = to.load(Ordering::Relaxed).wrapping_add(by);
    to.store(sum, Ordering::Relaxed);
    sum
}
