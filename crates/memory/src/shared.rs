use std::alloc::Layout;
use std::ops::Deref;
use std::ptr::NonNull;

use allocator_api2::alloc::{Allocator, Global};

use crate::OutOfMemory;
use crate::sync::{AtomicUsize, Ordering};

/// A value shared by counting, as `Arc` is, whose memory may be refused: `Arc` only aborts.
pub(crate) struct Shared<T> {
    counted: NonNull<Counted<T>>,
}

struct Counted<T> {
    holders: AtomicUsize,
    value: T,
}

// SAFETY: what is shared may be used from every thread (`Sync`), and is dropped by any (`Send`).
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above; a shared reference can be cloned.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// The value, with one holder; or why not (the value is dropped).
    pub(crate) fn try_new(value: T) -> Result<Self, OutOfMemory> {
        let layout = Layout::new::<Counted<T>>();
        let place = Global.allocate(layout).map_err(|_| OutOfMemory::Allocator { layout })?;
        let counted = place.cast::<Counted<T>>();
        // SAFETY: fresh memory of this layout.
        unsafe { counted.write(Counted { holders: AtomicUsize::new(1), value }) };
        Ok(Self { counted })
    }

    fn counted(&self) -> &Counted<T> {
        // SAFETY: it lives while it has holders, of which this is one.
        unsafe { self.counted.as_ref() }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        // Relaxed: whoever clones has it already, and hands the clone over by other means.
        let before = self.counted().holders.fetch_add(1, Ordering::Relaxed);
        if before > isize::MAX as usize {
            // So many can only be forgotten ones; one that wraps around would free what is held.
            std::process::abort();
        }
        Self { counted: self.counted }
    }
}

impl<T> Drop for Shared<T> {
    #[inline]
    fn drop(&mut self) {
        // Release: what this holder did with the value comes before its end.
        if self.counted().holders.fetch_sub(1, Ordering::Release) == 1 {
            // Acquire: and those of the others before this. (A fence says the same, but ThreadSanitizer does
            // not see fences.)
            self.counted().holders.load(Ordering::Acquire);
            // SAFETY: from the global allocator, with this layout; this was the last holder.
            drop(unsafe { Box::from_raw(self.counted.as_ptr()) });
        }
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}
