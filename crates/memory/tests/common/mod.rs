//! Allocators that are watched, and refuse; values that count their drops.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator, Global};

/// Counts what is out, checks that it comes back as it went, and refuses when told.
#[derive(Debug, Default)]
pub struct Watched {
    pub blocks: RefCell<HashMap<usize, Layout>>,
    pub calls: Cell<usize>,
    /// Refuses every call whose number is a multiple of this; 0 refuses none.
    pub refuse_every: Cell<usize>,
}

impl Watched {
    pub fn bytes(&self) -> usize {
        self.blocks.borrow().values().map(Layout::size).sum()
    }
}

// SAFETY: blocks are those of the global allocator.
unsafe impl Allocator for Watched {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.calls.set(self.calls.get() + 1);
        let every = self.refuse_every.get();
        if every > 0 && self.calls.get().is_multiple_of(every) {
            return Err(AllocError);
        }
        let block = Global.allocate(layout)?;
        assert!(block.cast::<u8>().addr().get().is_multiple_of(layout.align()));
        let before = self.blocks.borrow_mut().insert(block.cast::<u8>().addr().get(), layout);
        assert!(before.is_none());
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        assert_eq!(self.blocks.borrow_mut().remove(&block.addr().get()), Some(layout));
        // SAFETY: of the global allocator, with this layout.
        unsafe { Global.deallocate(block, layout) };
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        assert_eq!(self.bytes(), 0, "memory was lost");
    }
}

/// A value that counts its drops, and panics in the one it is told to.
#[derive(Debug)]
pub struct Counted<'a> {
    pub drops: &'a Cell<usize>,
    pub panics: bool,
    pub value: u64,
}

impl<'a> Counted<'a> {
    pub fn new(drops: &'a Cell<usize>, value: u64) -> Self {
        Self { drops, panics: false, value }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.drops.set(self.drops.get() + 1);
        assert!(!self.panics, "told to");
    }
}
