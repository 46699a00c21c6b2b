//! The wrapper around an allocator.

use std::alloc::{GlobalAlloc, Layout};

use crate::{Block, Counters, Observer};

/// An allocator, observed.
///
/// `A` does the work and gets every call as it comes, so that what it does well (zeroed memory, growing
/// in place) it still does.
#[derive(Debug, Default)]
pub struct Observed<A, O> {
    inner: A,
    observer: O,
}

/// An allocator that counts, by thread and process.
pub type Counting<A> = Observed<A, Counters>;

impl<A> Counting<A> {
    /// Counts what `inner` does.
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self::with(inner, Counters)
    }
}

impl<A, O> Observed<A, O> {
    /// `inner`, seen by an observer or a tuple of observers.
    #[must_use]
    pub const fn with(inner: A, observer: O) -> Self {
        Self { inner, observer }
    }

    /// The observer.
    #[must_use]
    pub const fn observer(&self) -> &O {
        &self.observer
    }
}

// SAFETY: all calls go to `inner` as they come, with their promises, and its answers go back; an
// observer does not unwind and gets numbers, not pointers.
unsafe impl<A: GlobalAlloc, O: Observer> GlobalAlloc for Observed<A, O> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let pointer = unsafe { self.inner.alloc(layout) };
        self.allocated(pointer, layout);
        pointer
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let pointer = unsafe { self.inner.alloc_zeroed(layout) };
        self.allocated(pointer, layout);
        pointer
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.observer.deallocating(Block::new(pointer, layout));
        // SAFETY: the caller's promise.
        unsafe { self.inner.dealloc(pointer, layout) };
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let old = Block::new(pointer, layout);
        self.observer.reallocating(old);
        // SAFETY: the caller's promise.
        let new = unsafe { self.inner.realloc(pointer, layout, new_size) };
        let block = Block { address: new.addr(), size: new_size, align: layout.align() };
        self.observer.reallocated(old, (!new.is_null()).then_some(block));
        new
    }
}

impl<A, O: Observer> Observed<A, O> {
    #[inline]
    fn allocated(&self, pointer: *mut u8, layout: Layout) {
        if pointer.is_null() {
            self.observer.failed(layout);
        } else {
            self.observer.allocated(Block::new(pointer, layout));
        }
    }
}
